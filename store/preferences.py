"""What does a customer want to receive? Kept with the proof of consent, all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.consent import ConsentKind
from dunning.suppression import Reason, Scope, Source
from store.consents import NewConsent
from store.suppressions import Closing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.suppression import Suppression
    from store.consents import Consents
    from store.database import Database
    from store.suppressions import Suppressions


class Preferences:
    """The choices of customers, by their present addresses."""

    def __init__(self, database: Database, suppressions: Suppressions, consents: Consents) -> None:
        self._database = database
        self._suppressions = suppressions
        self._consents = consents

    async def closed(self, addresses: Mapping[Channel, str]) -> Mapping[Channel, Suppression]:
        """The weightiest reason why each address is closed, if it is."""
        return await self._suppressions.of_all(addresses)

    async def stop(
        self, customer_id: str, addresses: Mapping[Channel, str], *, source: Source
    ) -> None:
        """Send no more reminders to these addresses; twice is once."""
        async with self._database.begin() as connection:
            for channel, address in addresses.items():
                closing = Closing(
                    channel=channel,
                    address=address,
                    reason=Reason.OPTED_OUT,
                    source=source,
                    scope=_reach(channel),
                )
                if await self._suppressions.add_within(connection, closing):
                    new = _entry(ConsentKind.WITHDRAWN, customer_id, channel, address, source)
                    await self._consents.add_within(connection, new)

    async def start(
        self, customer_id: str, addresses: Mapping[Channel, str], *, source: Source
    ) -> None:
        """Send reminders there again; what is a fact, and no choice of the customer, stays."""
        async with self._database.begin() as connection:
            for channel, address in addresses.items():
                if await self._lift(connection, channel, address, source):
                    new = _entry(ConsentKind.RESTORED, customer_id, channel, address, source)
                    await self._consents.add_within(connection, new)

    async def _lift(
        self, connection: AsyncConnection, channel: Channel, address: str, source: Source
    ) -> bool:
        return await self._suppressions.lift_within(
            connection, channel, address, by=source, reasons=(Reason.OPTED_OUT,)
        )


def _reach(channel: Channel) -> Scope:
    """Notices that a customer must get come by email, so only they pass (R13)."""
    return Scope.REMINDERS if channel is Channel.EMAIL else Scope.EVERYTHING


def _entry(
    kind: ConsentKind, customer_id: str, channel: Channel, address: str, source: Source
) -> NewConsent:
    return NewConsent(
        channel=channel, address=address, kind=kind, source=source, customer_id=customer_id
    )
