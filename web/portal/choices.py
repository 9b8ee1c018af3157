"""Where may our reminders reach a customer, and what of it can the customer change?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dunning.channel import Channel
from dunning.consent import ConsentRule
from dunning.directory import Contact, address_of
from dunning.suppression import Source, Suppression
from messages.parameters import one_line

_HIDDEN = "…"
_DIGITS = 4
# What the customer said elsewhere than here, the mobile network may have heard as well.
_OURS_ALONE = frozenset({Source.PAGE, Source.ONE_CLICK, Source.API, Source.OPERATOR, Source.IMPORT})


class Standing(StrEnum):
    """Whether reminders go there. What is unreachable is so by no choice of the customer."""

    ON = "on"
    OFF = "off"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to the customer; `shown` is its address as far as the customer recognises it.

    `replied` says that the mobile network may hold our texts back until the customer replies again.
    """

    channel: Channel
    address: str
    shown: str | None
    standing: Standing
    replied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Over what this merchant writes at all, and whether texts need a recorded consent."""

    vendors: Collection[Channel]
    consent: ConsentRule

    def of(self, contact: Contact, closed: Mapping[Channel, Suppression]) -> tuple[Choice, ...]:
        """Every way to a customer that is used, or would be if it were not closed."""
        return tuple(
            _choice(channel, address, closed.get(channel))
            for channel, address in addresses(contact).items()
            if channel in self.vendors and self._agreed(contact, channel)
        )

    def _agreed(self, contact: Contact, channel: Channel) -> bool:
        if channel is not Channel.SMS or self.consent is ConsentRule.NOT_REQUIRED:
            return True
        return contact.sms_consent_at is not None


def addresses(contact: Contact) -> Mapping[Channel, str]:
    """The customer's present addresses."""
    found = {channel: address_of(contact, channel) for channel in Channel}
    return {channel: address for channel, address in found.items() if address}


def _choice(channel: Channel, address: str, held: Suppression | None) -> Choice:
    return Choice(
        channel=channel,
        address=address,
        shown=masked(channel, address),
        standing=_standing(held),
        replied=channel is Channel.SMS and held is not None and held.source not in _OURS_ALONE,
    )


def _standing(held: Suppression | None) -> Standing:
    if held is None:
        return Standing.ON
    return Standing.OFF if held.reason.chosen else Standing.UNREACHABLE


def masked(channel: Channel, address: str) -> str | None:
    """An address that only its owner recognises; None for devices, which have none."""
    plain = one_line(address)
    match channel:
        case Channel.EMAIL:
            local, at, domain = plain.rpartition("@")
            return f"{(local or domain)[:1]}{_HIDDEN}{at}{domain if at else ''}"
        case Channel.SMS:
            return f"{_HIDDEN}{plain[-_DIGITS:]}" if len(plain) > 2 * _DIGITS else _HIDDEN
        case Channel.PUSH:
            return None
