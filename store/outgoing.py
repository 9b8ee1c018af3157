"""Which events are on their way to the merchant, and what became of each?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dunning.outgoing import Kind, told
from dunning.states import State
from store import outgoing_statements as statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

    from store.database import Database

KEPT_DELIVERED = timedelta(days=30)
KEPT_DEAD = timedelta(days=90)
_KINDS = frozenset(kind.value for kind in Kind)
# Another version, which knows the kind, may be on its way out, or in.
_UNKNOWN_PAUSE = timedelta(hours=1)
_UNKNOWN_FAULT = "this version does not know events of this kind"


class OutgoingStatus(StrEnum):
    """How far an event has come."""

    DUE = "due"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedOutgoing:
    """An event that is ours to deliver until its lease ends. `salts` stand for its secrets."""

    id: int
    webhook_id: str
    kind: Kind
    attempts: int
    endpoint_id: str
    url: str
    salts: tuple[str, ...]
    happened_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRecord:
    """An event as people look at it; `id` is the one that the receiver knows.

    `kind` is plain text when another version of the program wrote one that this does not know.
    """

    place: int
    id: str
    kind: Kind | str
    invoice_id: str
    endpoint_id: str
    status: OutgoingStatus
    attempts: int
    due_at: datetime
    last_status: int | None
    last_fault: str | None
    at: datetime
    delivered_at: datetime | None
    disabled: bool

    @property
    def why_left(self) -> str:
        """Why a replay leaves it alone, if it does."""
        if self.disabled:
            return f"Endpoint {self.endpoint_id} is disabled: `dunning endpoint enable` first."
        return "It is being delivered at this moment."


class Outgoing:
    """The durable queue between the audit and the merchant's endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, lease: timedelta, *, each: int) -> list[ClaimedOutgoing]:
        """Take up to `limit` due events, so that each endpoint has at most `each` under way.

        Of one case and endpoint only the earliest that is neither delivered nor dead is given. What
        is of a kind that this version does not know is put off.
        """
        values = {"limit": limit, "lease": lease, "each": each}
        async with self._database.single() as connection:
            rows = (await connection.execute(statements.CLAIM, values)).mappings().all()
            unknown = [row["id"] for row in rows if row["kind"] not in _KINDS]
            if unknown:
                put_off = {"ids": unknown, "pause": _UNKNOWN_PAUSE, "fault": _UNKNOWN_FAULT}
                await connection.execute(statements.PUT_OFF, put_off)
            return [_claimed(row) for row in rows if row["kind"] in _KINDS]

    async def delivered(self, place: int, status: int) -> None:
        """The endpoint has it."""
        async with self._database.single() as connection:
            await connection.execute(statements.DELIVERED, {"id": place, "status": status})

    async def failed(
        self,
        one: ClaimedOutgoing,
        *,
        status: int | None,
        fault: str,
        pause: timedelta | None,
    ) -> None:
        """Try again after the pause; without one it is dead."""
        values = {
            "id": one.id,
            "attempts": one.attempts,
            "status": status,
            "fault": fault,
            "pause": pause,
        }
        async with self._database.single() as connection:
            await connection.execute(statements.FAILED, values)

    async def replay(self, webhook_ids: Sequence[str]) -> list[str]:
        """Deliver these again under their ids; those that are under way or disabled are left."""
        async with self._database.single() as connection:
            found = await connection.scalars(statements.REPLAY, {"ids": list(webhook_ids)})
            return sorted(found)

    async def replay_dead(
        self, *, endpoint_id: str | None = None, since: datetime | None = None
    ) -> int:
        """Deliver all that died (there, since then), but at disabled endpoints; how many."""
        values = {"endpoint_id": endpoint_id, "since": since}
        async with self._database.single() as connection:
            return len((await connection.execute(statements.REPLAY_DEAD, values)).all())

    async def find(
        self,
        *,
        status: OutgoingStatus | None = None,
        invoice_id: str | None = None,
        webhook_id: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[OutgoingRecord]:
        """Events, newest first."""
        values = {
            "status": status,
            "invoice_id": invoice_id,
            "webhook_id": webhook_id,
            "limit": limit,
            "before": before,
        }
        async with self._database.single() as connection:
            found = await connection.execute(statements.FIND, values)
            return [_record(row) for row in found.mappings()]

    async def counts(self) -> Mapping[OutgoingStatus, int]:
        """How many events have each status; all statuses are named."""
        async with self._database.single() as connection:
            found = {row.status: row.events for row in await connection.execute(statements.COUNTS)}
        return {status: found.get(status, 0) for status in OutgoingStatus}

    async def oldest_due(self) -> float | None:
        """Seconds that the longest-waiting due event has waited; None when nothing is due."""
        async with self._database.single() as connection:
            age: float | None = await connection.scalar(statements.OLDEST)
            return age

    async def prune(
        self, *, delivered: timedelta = KEPT_DELIVERED, dead: timedelta = KEPT_DEAD
    ) -> int:
        """Forget what was delivered, or died, so long ago; how many."""
        values = {"delivered": delivered, "dead": dead}
        async with self._database.single() as connection:
            return (await connection.execute(statements.PRUNE, values)).rowcount


def _claimed(row: RowMapping) -> ClaimedOutgoing:
    kind = Kind(row["kind"])
    happening = {"order": row["happening"].partition(".")[2], **_document(row["detail"])}
    return ClaimedOutgoing(
        id=row["id"],
        webhook_id=row["webhook_id"],
        kind=kind,
        attempts=row["attempts"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        salts=tuple(row["salts"]),
        happened_at=_moment(happening.get("at")) or row["at"],
        data=told(kind, happening, _standing(row)),
    )


def _standing(row: RowMapping) -> dict[str, Any]:
    """How the case stood when it happened: the same at every attempt."""
    last = _document(row["standing"])
    state = last.get("state", State.OPENING.value)
    closed = state == State.CLOSED
    return {
        "invoice_id": row["invoice_id"],
        "case": row["workflow_id"],
        "cycle": row["cycle"],
        "state": state,
        "outcome": row["outcome"] if closed else None,
        "cause": row["cause"] if closed else None,
        "campaign": last.get("campaign"),
    }


def _document(value: str | Mapping[str, Any] | None) -> dict[str, Any]:
    return dict((json.loads(value) if isinstance(value, str) else value) or {})


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def _record(row: RowMapping) -> OutgoingRecord:
    values: dict[str, Any] = dict(row)
    values["status"] = OutgoingStatus(values["status"])
    if values["kind"] in _KINDS:
        values["kind"] = Kind(values["kind"])
    return OutgoingRecord(**values)
