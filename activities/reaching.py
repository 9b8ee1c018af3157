"""Which channels to a customer are open at this moment, and why are the others not?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dunning.channel import Channel
from dunning.consent import ConsentRule
from dunning.directory import Contact, address_of
from dunning.policy import Policy
from dunning.reach import Reach
from dunning.states import Withheld
from dunning.suppression import Suppression, forbids
from store.suppressions import Suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """Looks at address, consent, vendor and suppressions, afresh each time."""

    suppressions: Suppressions
    vendors: Collection[Channel]

    async def of(self, contact: Contact, policy: Policy) -> Reach:
        """Every channel that cannot be used for reminders."""
        held = await self.suppressions.of_all(_addresses(contact))
        dead = {channel: one.reason.value for channel, one in held.items()}
        lacking = {channel: self._lacks(contact, channel, policy) for channel in Channel}
        closed = {channel: reason.value for channel, reason in lacking.items() if reason}
        final = {c: one.reason.value for c, one in held.items() if forbids(one, essential=True)}
        return Reach(dead=dead, closed={**closed, **dead}, essential={**closed, **final})

    async def forbidden(
        self, contact: Contact, channel: Channel, policy: Policy, *, essential: bool
    ) -> Withheld | None:
        """Why this customer may not be written to on this channel now."""
        if contact.excluded:
            return Withheld.EXCLUDED
        lacking = self._lacks(contact, channel, policy)
        address = address_of(contact, channel)
        if lacking is not None or address is None:
            return lacking
        return _withheld(await self.suppressions.of(channel, address), essential=essential)

    def _lacks(self, contact: Contact, channel: Channel, policy: Policy) -> Withheld | None:
        if channel not in self.vendors:
            return Withheld.NO_VENDOR
        if address_of(contact, channel) is None:
            return Withheld.NO_ADDRESS
        if channel is Channel.SMS and not _consented(contact, policy):
            return Withheld.NO_CONSENT
        return None


def _consented(contact: Contact, policy: Policy) -> bool:
    required = policy.consent.sms is ConsentRule.REQUIRED
    return contact.sms_consent_at is not None or not required


def _addresses(contact: Contact) -> dict[Channel, str]:
    found = {channel: address_of(contact, channel) for channel in Channel}
    known = {channel: address for channel, address in found.items() if address is not None}
    # Of a customer whose last device died none is left to be named.
    return {**known, Channel.PUSH: contact.customer_id}


def _withheld(held: Suppression | None, *, essential: bool) -> Withheld | None:
    if held is None or not forbids(held, essential=essential):
        return None
    return Withheld(held.reason.value)
