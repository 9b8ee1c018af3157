"""Which events came in, and what became of each of them?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dunning.inbound import InboundKind
from store import inbox_statements as statements
from store.foreign import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
)


class EventStatus(StrEnum):
    """How far an event has come."""

    PENDING = "pending"
    PARKED = "parked"
    DONE = "done"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A verified webhook as the door hands it in. `name` is empty when it cannot be read.

    `identity` is what makes it the same event when it comes again; without one the body does.
    """

    source: str
    name: str
    body: bytes
    transaction_id: str | None = None
    idempotency_key: str | None = None
    old_token_digest: str | None = None
    status: EventStatus = EventStatus.PENDING
    note: str | None = None
    identity: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as people look at it. Lists leave out the body, which may hold personal data."""

    id: int
    source: str
    name: str
    transaction_id: str | None
    idempotency_key: str | None
    status: EventStatus
    note: str | None
    attempts: int
    due_at: datetime
    invoice_id: str | None
    received_at: datetime
    done_at: datetime | None
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedEvent:
    """An event that is ours until its lease ends."""

    id: int
    source: str
    name: str
    body: bytes
    transaction_id: str | None
    idempotency_key: str | None
    old_card: str | None
    attempts: int
    received_at: datetime


class Inbox:
    """The durable queue between the webhook doors and the cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_many(self, rows: Sequence[NewEvent]) -> list[bool]:
        """Store a batch; False where the same body was there already.

        All but `card.updated` cost one round trip together. The same change of card can truly
        happen twice, so its body is a duplicate for 48 hours only.
        """
        changes = [n for n, row in enumerate(rows) if row.name == InboundKind.CARD_UPDATED]
        others = [n for n, row in enumerate(rows) if row.name != InboundKind.CARD_UPDATED]
        stored: set[int] = set()
        if others:
            async with self._database.single() as connection:
                stored |= await _insert(connection, rows, others)
        if changes:
            async with self._database.begin() as connection:
                digests = [_digest(rows[n]) for n in changes]
                await connection.execute(statements.LOCK_DIGESTS, {"digests": digests})
                stored |= await _insert(connection, rows, changes)
        return [n in stored for n in range(len(rows))]

    async def claim(self, limit: int, lease: timedelta) -> list[ClaimedEvent]:
        """Take up to `limit` due events, successes first, then the oldest; nobody else gets them.

        An event that is not finished, parked or put off before its lease ends is due again.
        """
        async with self._database.single() as connection:
            found = await connection.execute(statements.CLAIM, {"limit": limit, "lease": lease})
            return [ClaimedEvent(**row) for row in found.mappings()]

    async def finish_many(self, done: Sequence[tuple[int, str | None, str | None]]) -> None:
        """Close events for good, each with its invoice, if any, and a word on what was done."""
        if not done:
            return
        ids, invoice_ids, notes = zip(*done, strict=True)
        values = {"ids": list(ids), "invoice_ids": list(invoice_ids), "notes": list(notes)}
        async with self._database.single() as connection:
            await connection.execute(statements.FINISH, values)

    async def park(
        self, event_id: int, *, reason: str, pauses: Sequence[timedelta] = PAUSES
    ) -> None:
        """Put an event aside; each time longer, the last of `pauses` for ever after."""
        await self.park_many([event_id], reason=reason, pauses=pauses)

    async def park_many(
        self, event_ids: Sequence[int], *, reason: str, pauses: Sequence[timedelta] = PAUSES
    ) -> None:
        """Put several events aside; one that was woken meanwhile is due at once."""
        values = {
            "ids": list(event_ids),
            "reason": reason,
            "pauses": list(pauses),
            "last_pause": len(pauses),
        }
        async with self._database.single() as connection:
            await connection.execute(statements.PARK, values)

    async def retry_later(self, event_ids: Sequence[int], reason: str, after: timedelta) -> None:
        """Give claimed events back; they are due again `after` from now."""
        values = {"ids": list(event_ids), "reason": reason, "after": after}
        async with self._database.single() as connection:
            await connection.execute(statements.RETRY, values)

    async def oldest_due(self) -> float | None:
        """Seconds that the longest-waiting due event has waited; None when nothing is due."""
        async with self._database.single() as connection:
            age: float | None = await connection.scalar(statements.OLDEST)
            return age

    async def counts(self) -> Mapping[EventStatus, int]:
        """How many events have each status; all statuses are named."""
        async with self._database.single() as connection:
            found = {row.status: row.events for row in await connection.execute(statements.COUNTS)}
        return {status: found.get(status, 0) for status in EventStatus}

    async def pending_success(self, invoice_id: str) -> list[bytes]:
        """Bodies of successes for the invoice that were received but not yet settled."""
        async with self._database.single() as connection:
            found = await connection.scalars(statements.PENDING_SUCCESS, {"invoice_id": invoice_id})
            return list(found)

    async def find_events(
        self,
        *,
        status: EventStatus | None = None,
        unmatched: bool = False,
        name: str | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[EventRecord]:
        """Newest first, without bodies. Unmatched ones are parked and belong to no invoice."""
        values = {
            "status": status,
            "unmatched": unmatched,
            "name": name,
            "limit": limit,
            "before_id": before_id,
        }
        async with self._database.single() as connection:
            found = await connection.execute(statements.FIND, values)
            return [_record(row) for row in found.mappings()]

    async def get_event(self, event_id: int) -> EventRecord | None:
        """One event with its body, unless that was erased."""
        async with self._database.single() as connection:
            found = await connection.execute(statements.GET, {"id": event_id})
            row = found.mappings().one_or_none()
            return None if row is None else _record(row)


async def put(connection: AsyncConnection, rows: Sequence[NewEvent]) -> None:
    """Store events of our own within the caller's transaction; what is there already stays."""
    await _insert(connection, rows, range(len(rows)))


async def wake(
    connection: AsyncConnection,
    *,
    transaction_ids: Sequence[str] = (),
    keys: Sequence[str] = (),
    card_digests: Sequence[str] = (),
) -> None:
    """Make parked events that mention one of these due now, within the caller's transaction."""
    if not (transaction_ids or keys or card_digests):
        return
    values = {
        "transaction_ids": list(transaction_ids),
        "keys": list(keys),
        "cards": list(card_digests),
    }
    await connection.execute(statements.WAKE, values)


async def _insert(
    connection: AsyncConnection, rows: Sequence[NewEvent], places: Sequence[int]
) -> set[int]:
    chosen = [rows[place] for place in places]
    values = {
        "sources": [row.source for row in chosen],
        "names": [storable(row.name) for row in chosen],
        "digests": [_digest(row) for row in chosen],
        "bodies": [row.body for row in chosen],
        "transaction_ids": [storable(row.transaction_id) for row in chosen],
        "keys": [storable(row.idempotency_key) for row in chosen],
        "old_cards": [row.old_token_digest for row in chosen],
        "statuses": [row.status.value for row in chosen],
        "notes": [storable(row.note) for row in chosen],
        "first_pause": PAUSES[0],
    }
    found = await connection.scalars(statements.PUT, values)
    return {places[n - 1] for n in found}


def _record(row: RowMapping) -> EventRecord:
    values: dict[str, Any] = dict(row)
    values["status"] = EventStatus(values["status"])
    return EventRecord(**values)


def _digest(row: NewEvent) -> bytes:
    return hashlib.sha256(row.body if row.identity is None else row.identity).digest()
