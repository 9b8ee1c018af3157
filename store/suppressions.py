"""Which addresses may not be written to, and who of the customers is meant by that?

Every change is an event of our own in the inbox, in the same transaction: each open case of each
customer with that address hears of it (R7).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.channel import Channel
from dunning.suppression import Reason, Scope, Source, Suppression
from store.digest import address_digest
from store.inbox import NewEvent, put

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

REACH_SOURCE = "reach"
REACH_CHANGED = "reach.changed"

# A stop and a start of one address that come together have an order.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:digest, 21610))")

# A row may be closed again and widened, so only with its transaction it tells one change.
# What a vendor reports late does not undo what was said since.
_ADD = text("""
    INSERT INTO suppressions (
        channel, address_digest, reason, scope, source, event_id, expires_at, created_at)
    SELECT
        :channel, :digest, :reason, :scope, :source, CAST(:event_id AS bigint),
        CAST(:expires_at AS timestamptz), LEAST(CAST(:at AS timestamptz), clock_timestamp())
    WHERE CAST(:source AS text) <> 'report' OR NOT EXISTS (
        SELECT FROM suppressions AS earlier
        WHERE earlier.channel = :channel AND earlier.address_digest = :digest
        AND earlier.reason = :reason AND earlier.lifted_at > CAST(:at AS timestamptz))
    ON CONFLICT (channel, address_digest, reason) WHERE lifted_at IS NULL DO UPDATE SET
        scope = excluded.scope, source = excluded.source, event_id = excluded.event_id,
        expires_at = excluded.expires_at, created_at = excluded.created_at
    WHERE suppressions.expires_at <= clock_timestamp()
        OR (suppressions.scope = 'reminders' AND excluded.scope = 'everything')
        OR (suppressions.expires_at IS NOT NULL AND excluded.expires_at IS NULL)
    RETURNING id, CAST(pg_current_xact_id() AS text) AS xact
""")
# Of the same word said again the later instant counts: what is said in between is out of date.
_RENEW = text("""
    UPDATE suppressions SET
        created_at = GREATEST(created_at, LEAST(CAST(:at AS timestamptz), clock_timestamp())),
        expires_at = CASE WHEN expires_at IS NOT NULL
            THEN GREATEST(expires_at, CAST(:expires_at AS timestamptz)) END
    WHERE channel = :channel AND address_digest = :digest AND reason = :reason
    AND lifted_at IS NULL
""")
_LIFT = text("""
    UPDATE suppressions SET
        lifted_at = LEAST(CAST(:before AS timestamptz), clock_timestamp()), lifted_by = :by
    WHERE channel = :channel AND address_digest = :digest
    AND reason = ANY (CAST(:reasons AS text[])) AND lifted_at IS NULL
    AND (scope = :scope OR CAST(:scope AS text) = 'everything')
    AND (CAST(:before AS timestamptz) IS NULL OR created_at <= CAST(:before AS timestamptz))
    RETURNING id, CAST(pg_current_xact_id() AS text) AS xact
""")
# The weightiest first: what forbids everything, then a fact before a choice.
_IN_FORCE = text("""
    SELECT DISTINCT ON (channel)
        id, channel, reason, scope, source, created_at, expires_at
    FROM suppressions
    WHERE lifted_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
    AND (channel, address_digest) IN (
        SELECT * FROM unnest(CAST(:channels AS text[]), CAST(:digests AS text[])))
    ORDER BY channel, scope, reason, id
""")
_WHO = {
    Channel.EMAIL: text(
        "SELECT id FROM customers WHERE lower(btrim(email)) = lower(btrim(:address))"
    ),
    Channel.SMS: text("SELECT id FROM customers WHERE phone = btrim(:address)"),
    Channel.PUSH: text("SELECT id FROM customers WHERE id = :address"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """An address that is to be closed; `event_id` is the event that said so, `at` the instant."""

    channel: Channel
    address: str
    reason: Reason
    source: Source
    scope: Scope = Scope.EVERYTHING
    expires_at: datetime | None = None
    event_id: int | None = None
    at: datetime | None = None


class Suppressions:
    """The closed addresses. An address is an email, a number, or for push a customer's id."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def add(self, closing: Closing) -> bool:
        """Close an address. False if it was closed so: then the word is only renewed."""
        async with self._database.begin() as connection:
            return await self.add_within(connection, closing)

    async def add_within(self, connection: AsyncConnection, closing: Closing) -> bool:
        """The same within the caller's transaction."""
        values = {
            "channel": closing.channel,
            "digest": self.digest(closing.address),
            "reason": closing.reason,
            "scope": closing.scope,
            "source": closing.source,
            "event_id": closing.event_id,
            "expires_at": closing.expires_at,
            "at": closing.at,
        }
        added = (await connection.execute(_ADD, values)).one_or_none()
        if added is None:
            await connection.execute(_RENEW, values)
            return False
        change = f"closed {added.id} {added.xact}"
        await _tell(connection, closing.channel, closing.address, change, closing.reason)
        return True

    async def lift(
        self,
        channel: Channel,
        address: str,
        *,
        by: str,
        reasons: Collection[Reason] = tuple(Reason),
        before: datetime | None = None,
    ) -> bool:
        """Open an address that was closed for these reasons; False if it was not."""
        async with self._database.begin() as connection:
            return await self.lift_within(
                connection, channel, address, by=by, reasons=reasons, before=before
            )

    async def lift_within(
        self,
        connection: AsyncConnection,
        channel: Channel,
        address: str,
        *,
        by: str,
        reasons: Collection[Reason] = tuple(Reason),
        scope: Scope = Scope.EVERYTHING,
        before: datetime | None = None,
    ) -> bool:
        """The same within the caller's transaction, of suppressions that reach no further.

        With `before`, what was closed after that instant stays closed.
        """
        values = {
            "digest": self.digest(address),
            "reasons": [reason.value for reason in reasons],
            "by": by,
            "scope": scope,
            "before": before,
        }
        return await _lift(connection, channel, address, values)

    async def of(self, channel: Channel, address: str) -> Suppression | None:
        """The weightiest suppression in force."""
        return (await self.of_all({channel: address})).get(channel)

    async def of_all(self, addresses: Mapping[Channel, str]) -> dict[Channel, Suppression]:
        """The weightiest suppression in force of each channel, in one round trip."""
        if not addresses:
            return {}
        values = {
            "channels": [channel.value for channel in addresses],
            "digests": [self.digest(address) for address in addresses.values()],
        }
        async with self._database.single() as connection:
            rows = (await connection.execute(_IN_FORCE, values)).mappings()
            found = [_suppression(row) for row in rows]
        return {one.channel: one for one in found}

    def digest(self, address: str) -> str:
        """By what an address is looked up."""
        return address_digest(self._token_key, address)


async def lift(
    connection: AsyncConnection,
    key: bytes,
    channel: Channel,
    address: str,
    *,
    by: str,
    reasons: Collection[Reason],
) -> bool:
    """Open an address again, for who has no more than a connection and the key of digests."""
    values = {
        "digest": address_digest(key, address),
        "reasons": [reason.value for reason in reasons],
        "by": by,
        "scope": Scope.EVERYTHING,
        "before": None,
    }
    return await _lift(connection, channel, address, values)


async def _lift(
    connection: AsyncConnection, channel: Channel, address: str, values: Mapping[str, object]
) -> bool:
    lifted = (await connection.execute(_LIFT, {"channel": channel, **values})).all()
    if lifted:
        last = max(lifted)
        left = await _weightiest(connection, channel, str(values["digest"]))
        reason = None if left is None else left.reason
        await _tell(connection, channel, address, f"lifted {last.id} {last.xact}", reason)
    return bool(lifted)


async def in_force(
    connection: AsyncConnection, key: bytes, channel: Channel, address: str
) -> Suppression | None:
    """The weightiest suppression of an address, as the caller's transaction sees it."""
    return await _weightiest(connection, channel, address_digest(key, address))


async def _weightiest(
    connection: AsyncConnection, channel: Channel, digest: str
) -> Suppression | None:
    values = {"channels": [channel.value], "digests": [digest]}
    row = (await connection.execute(_IN_FORCE, values)).mappings().one_or_none()
    return None if row is None else _suppression(row)


async def _tell(
    connection: AsyncConnection,
    channel: Channel,
    address: str,
    change: str,
    reason: Reason | None,
) -> None:
    """An event of our own for the customers with that address; none when nobody has it."""
    customers: Sequence[str] = (await connection.scalars(_WHO[channel], {"address": address})).all()
    if not customers:
        return
    await tell_reach(connection, channel, customers, change, reason)


async def tell_reach(
    connection: AsyncConnection,
    channel: Channel,
    customers: Sequence[str],
    change: str,
    reason: Reason | None,
) -> None:
    """Let the open cases of these customers hear that a channel is closed, or open again.

    `change` tells this change from all others; no address goes along.
    """
    body = {
        "channel": channel,
        "reason": reason,
        "change": change,
        "customers": sorted(customers),
    }
    encoded = json.dumps(body, separators=(",", ":")).encode()
    await put(connection, [NewEvent(source=REACH_SOURCE, name=REACH_CHANGED, body=encoded)])


def _suppression(row: RowMapping) -> Suppression:
    return Suppression(
        id=row["id"],
        channel=Channel(row["channel"]),
        reason=Reason(row["reason"]),
        scope=Scope(row["scope"]),
        source=Source(row["source"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
