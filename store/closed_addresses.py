"""Which addresses are closed, and how do a merchant and its people close and open one?

An opt-out is proof of a consent withdrawn, and its lifting of one restored: both are written in
the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.channel import Channel
from dunning.consent import ConsentKind
from dunning.errors import DunningError
from dunning.suppression import Reason, Scope, Source
from store.consents import NewConsent
from store.suppressions import LOCK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.consents import Consents
    from store.database import Database
    from store.suppressions import Closing, Suppressions

_COLUMNS = "id, channel, address_digest, reason, scope, source, created_at, expires_at"
_IN_FORCE = "lifted_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"
_OF = text(f"""
    SELECT {_COLUMNS} FROM suppressions
    WHERE {_IN_FORCE} AND (channel, address_digest) IN (
        SELECT * FROM unnest(CAST(:channels AS text[]), CAST(:digests AS text[])))
    ORDER BY channel, id
""")  # noqa: S608 (all parts are written above)
_FIND = text(f"""
    SELECT {_COLUMNS} FROM suppressions
    WHERE {_IN_FORCE}
    AND (CAST(:channel AS text) IS NULL OR channel = :channel)
    AND (CAST(:reason AS text) IS NULL OR reason = :reason)
    ORDER BY id DESC LIMIT :limit
""")  # noqa: S608 (all parts are written above)


class StopHoldsError(DunningError):
    """A customer's own stop cannot be lifted without a consent that was given after it."""

    def __init__(self) -> None:
        super().__init__(
            "The customer stopped texts by their own word, which only they can take back: by "
            "replying START, or by a consent given since. Register such a consent first "
            "(customer.sms_consent_at, with sms_consent_proof), then lift again."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAddress:
    """One reason in force. The address itself is not kept here, only its digest."""

    id: int
    channel: Channel
    digest: str
    reason: Reason
    scope: Scope
    source: Source
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting:
    """A wish to open an address again, for these reasons."""

    channel: Channel
    address: str
    by: Source
    customer_id: str | None = None
    note: str | None = None
    reasons: Collection[Reason] = tuple(Reason)


class ClosedAddresses:
    """The closed addresses as people and systems see and change them."""

    def __init__(self, database: Database, suppressions: Suppressions, consents: Consents) -> None:
        self._database = database
        self._suppressions = suppressions
        self._consents = consents

    async def of(self, addresses: Mapping[Channel, str]) -> list[ClosedAddress]:
        """Every reason in force for these addresses."""
        values = self._lookup(addresses)
        async with self._database.single() as connection:
            return await _of(connection, values)

    async def find(
        self,
        *,
        channel: Channel | None = None,
        reason: Reason | None = None,
        limit: int = 100,
    ) -> list[ClosedAddress]:
        """Reasons in force, the newest first."""
        values = {"channel": channel, "reason": reason, "limit": limit}
        async with self._database.single() as connection:
            return [_closed(row) for row in (await connection.execute(_FIND, values)).mappings()]

    async def close(
        self, closing: Closing, *, customer_id: str | None = None, note: str | None = None
    ) -> bool:
        """Close an address, with a note on who said so; False if it was closed so already."""
        async with self._database.begin() as connection:
            added = await self._suppressions.add_within(connection, closing)
            if added and closing.reason is Reason.OPTED_OUT:
                entry = NewConsent(
                    customer_id=customer_id,
                    channel=closing.channel,
                    address=closing.address,
                    kind=ConsentKind.WITHDRAWN,
                    source=closing.source,
                    proof=note,
                )
                await self._consents.add_within(connection, entry)
        return added

    async def lift(self, lifting: Lifting) -> bool:
        """Open an address; False if it was not closed so, `StopHoldsError` if it stays closed."""
        async with self._database.begin() as connection:
            await connection.execute(LOCK, {"digest": self._suppressions.digest(lifting.address)})
            held = await _of(connection, self._lookup({lifting.channel: lifting.address}))
            chosen = Reason.OPTED_OUT in lifting.reasons and any(one.reason.chosen for one in held)
            if chosen and await self._holds(connection, lifting):
                raise StopHoldsError
            lifted = await self._suppressions.lift_within(
                connection,
                lifting.channel,
                lifting.address,
                by=lifting.by,
                reasons=lifting.reasons,
            )
            if lifted and chosen:
                await self._restored(connection, lifting)
        return lifted

    def _lookup(self, addresses: Mapping[Channel, str]) -> dict[str, list[str]]:
        digests = [self._suppressions.digest(address) for address in addresses.values()]
        return {"channels": [channel.value for channel in addresses], "digests": digests}

    async def _holds(self, connection: AsyncConnection, lifting: Lifting) -> bool:
        if lifting.channel is not Channel.SMS:
            return False
        return await self._consents.stop_holds(connection, lifting.channel, lifting.address)

    async def _restored(self, connection: AsyncConnection, lifting: Lifting) -> None:
        entry = NewConsent(
            customer_id=lifting.customer_id,
            channel=lifting.channel,
            address=lifting.address,
            kind=ConsentKind.RESTORED,
            source=lifting.by,
            proof=lifting.note,
        )
        await self._consents.add_within(connection, entry)


async def _of(connection: AsyncConnection, values: Mapping[str, list[str]]) -> list[ClosedAddress]:
    return [_closed(row) for row in (await connection.execute(_OF, values)).mappings()]


def _closed(row: RowMapping) -> ClosedAddress:
    return ClosedAddress(
        id=row["id"],
        channel=Channel(row["channel"]),
        digest=row["address_digest"],
        reason=Reason(row["reason"]),
        scope=Scope(row["scope"]),
        source=Source(row["source"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
