"""What has a customer agreed to, on which channels are they closed, and who may change that?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dunning.channel import Channel
from dunning.consent import Consent
from dunning.errors import RegistryError
from dunning.suppression import Reason, Scope, Source
from store.closed_addresses import ClosedAddress, ClosedAddresses, Lifting
from store.consents import Consents
from store.contacts import Contacts
from store.suppressions import Closing
from web.errors import CustomerNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a channel to a customer is to be closed."""

    reason: Reason = Reason.OPTED_OUT
    scope: Scope = Scope.EVERYTHING
    expires_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentDesk:
    """Everything about consent that is asked and changed by a customer's id."""

    contacts: Contacts
    consents: Consents
    closed: ClosedAddresses
    now: Callable[[], datetime]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def of(self, customer_id: str) -> tuple[list[Consent], list[ClosedAddress]]:
        """The proof, the oldest first, and every suppression in force."""
        addresses = await self._addresses(customer_id)
        history = await self.consents.history(customer_id, addresses.get(Channel.SMS))
        return history, await self.closed.of(addresses)

    async def close(self, customer_id: str, channel: Channel, wish: Wish) -> list[ClosedAddress]:
        """Close a channel; what is closed more widely stays so."""
        address = await self._address(customer_id, channel)
        if wish.expires_at is not None and wish.expires_at <= self.now():
            raise RegistryError(
                "expires_at has passed: nothing would be closed.", field="expires_at"
            )
        closing = Closing(
            channel=channel,
            address=address,
            reason=wish.reason,
            scope=wish.scope,
            source=Source.API,
            expires_at=wish.expires_at,
        )
        await self.closed.close(closing, customer_id=customer_id, note=wish.note)
        self.arrived.set()
        return await self.closed.of({channel: address})

    async def lift(self, customer_id: str, channel: Channel, note: str | None = None) -> None:
        """Open a channel again, whatever closed it; StopHoldsError for a customer's own stop."""
        address = await self._address(customer_id, channel)
        lifting = Lifting(
            channel=channel, address=address, by=Source.API, customer_id=customer_id, note=note
        )
        await self.closed.lift(lifting)
        self.arrived.set()

    async def _address(self, customer_id: str, channel: Channel) -> str:
        address = (await self._addresses(customer_id)).get(channel)
        if address is None:
            raise RegistryError(
                f"Customer {customer_id} has no address for {channel}: register one first.",
                field="channel",
            )
        return address

    async def _addresses(self, customer_id: str) -> Mapping[Channel, str]:
        found = await self.contacts.addresses(customer_id)
        if found is None:
            raise CustomerNotFoundError(customer_id)
        return found
