"""In which time zones may a customer be?"""

from __future__ import annotations

import phonenumbers
from phonenumbers import timezone as phone_zones

from dunning.directory import Contact
from dunning.windows import known_zone

_UNKNOWN = "Etc/Unknown"


def candidates(contact: Contact, account_zone: str) -> tuple[str, ...]:
    """IANA names, the most plausible first.

    The contact's own zone, else all that the phone number allows, else those of the country's
    example number, else the account's.
    """
    if contact.timezone is not None and known_zone(contact.timezone):
        return (contact.timezone,)
    found = _of_phone(contact.phone) or _of_country(contact.country)
    return found or (account_zone,)


def _of_phone(phone: str | None) -> tuple[str, ...]:
    if phone is None:
        return ()
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    return _known(phone_zones.time_zones_for_number(number))


def _of_country(country: str | None) -> tuple[str, ...]:
    """A country's zones, when its example numbers agree on one; a wide country stays unknown."""
    if country is None:
        return ()
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return ()
    return _known(phone_zones.time_zones_for_number(example))


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name != _UNKNOWN and known_zone(name))
