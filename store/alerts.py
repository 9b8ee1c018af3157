"""What is the team to be told, what of it together, and who has taken it already?

The first alert of a kind goes out by itself. Those that follow within a window after it are
gathered, and go out as one when the window ends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dunning.alert import Alert, AlertKind, Bundle
from store import alert_statements as statements

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

WINDOW = timedelta(minutes=15)
# What nobody could be told for so long is old news.
_OLD = timedelta(days=7)
# A target that is down for so long misses what the others took.
_FORGIVEN = timedelta(days=1)
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A message that is ours to tell until its lease ends, and the targets it is owed to."""

    head: int
    bundle: Bundle
    owed: frozenset[str]
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """An alert as people look at it."""

    id: int
    kind: AlertKind
    subject: str
    detail: dict[str, str]
    created_at: datetime
    told_at: datetime | None
    told_with: int | None
    owed: tuple[str, ...]


class Alerts:
    """The alerts to the team. Most of them are written by triggers where they happen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, alert: Alert) -> bool:
        """Write an alert down; False when the same one is there already."""
        async with self._database.single() as connection:
            return await add_within(connection, alert)

    async def gather(self, now: datetime, targets: Sequence[str]) -> int:
        """Make messages of what is due to be told, each owed to all targets; how many alerts.

        Nothing when another process does so at this moment.
        """
        values = {"now": now, "targets": list(targets), "window": WINDOW, "old": _OLD}
        async with self._database.begin() as connection:
            if not await connection.scalar(statements.LOCK):
                return 0
            return (await connection.execute(statements.GATHER, values)).rowcount

    async def claim(self, now: datetime, lease: timedelta) -> Telling | None:
        """Take the message that has waited longest; nobody else gets it before the lease ends."""
        asked = {"now": now, "lease": lease, "old": _OLD, "forgiven": _FORGIVEN}
        async with self._database.begin() as connection:
            head = (await connection.execute(statements.CLAIM, asked)).mappings().one_or_none()
            if head is None:
                return None
            values = {"head": head["id"], "named": _NAMED}
            rows = (await connection.execute(statements.BUNDLE, values)).mappings().all()
        return _telling(head, rows)

    async def settle(
        self,
        telling: Telling,
        *,
        done: Collection[str],
        told: bool,
        now: datetime,
        again_at: datetime,
    ) -> None:
        """Note which targets are done with, and when the others are tried again.

        `told` is whether any of them took the message.
        """
        values = {
            "head": telling.head,
            "targets": list(done),
            "told": told,
            "now": now,
            "again_at": again_at,
        }
        async with self._database.begin() as connection:
            await connection.execute(statements.TOLD, values)
            await connection.execute(statements.SETTLE, values)

    async def waiting(self) -> int:
        """How many alerts nobody was told of yet."""
        async with self._database.single() as connection:
            found: int = await connection.scalar(statements.WAITING) or 0
            return found

    async def find(
        self, *, kind: AlertKind | None = None, untold: bool = False, limit: int = 100
    ) -> list[AlertRecord]:
        """Alerts, newest first."""
        values = {"kind": kind, "untold": untold, "limit": limit}
        async with self._database.single() as connection:
            found = await connection.execute(statements.FIND, values)
            return [_record(row) for row in found.mappings()]


async def add_within(connection: AsyncConnection, alert: Alert) -> bool:
    """Write an alert down within the caller's transaction; False when it is there already."""
    values = {
        "kind": alert.kind,
        "subject": alert.subject,
        "detail": json.dumps(dict(alert.detail)),
        "identity": alert.identity,
    }
    return bool((await connection.execute(statements.ADD, values)).rowcount)


def _telling(head: RowMapping, rows: Sequence[RowMapping]) -> Telling:
    kind = AlertKind(head["kind"])
    first = tuple(Alert(kind=kind, subject=row["subject"], detail=row["detail"]) for row in rows)
    bundle = Bundle(kind=kind, first=first, total=rows[0]["total"], since=rows[0]["since"])
    owed = frozenset[str](head["owed"])
    return Telling(head=head["id"], bundle=bundle, owed=owed, tries=head["tries"])


def _record(row: RowMapping) -> AlertRecord:
    return AlertRecord(
        id=row["id"],
        kind=AlertKind(row["kind"]),
        subject=row["subject"],
        detail=row["detail"],
        created_at=row["created_at"],
        told_at=row["told_at"],
        told_with=row["told_with"],
        owed=tuple(row["owed"]),
    )
