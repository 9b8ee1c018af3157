"""Where may a customer be, going by contact, phone number and country?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import timezone as phone_zones

from activities import area_codes, clocks
from dunning.directory import Contact
from dunning.whereabouts import Whereabouts
from dunning.windows import known_zone

_UNKNOWN = "Etc/Unknown"
_AREA_CODE_DIGITS = 3


@dataclass(frozen=True, slots=True)
class _Number:
    """What a phone number says of its owner."""

    country: str | None = None
    zones: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def whereabouts(contact: Contact, account_zone: str) -> Whereabouts:
    """Every place that the contact's data allow.

    The zones are the contact's own, else those that phone number and country both allow, or all
    of both when they disagree, else the account's. The regions are those of the country and of
    the phone number.
    """
    number = _number(contact.phone) if contact.phone is not None else _Number()
    zones: tuple[str, ...] = ()
    if contact.timezone is not None and known_zone(contact.timezone):
        zones = (contact.timezone,)
    return Whereabouts(
        zones or _zones(number, contact.country) or (account_zone,),
        _regions(number, contact.country),
    )


@lru_cache(maxsize=4096)
def _zones(number: _Number, country: str | None) -> tuple[str, ...]:
    national = clocks.of_country(country or number.country or "")
    agreed = clocks.common(national, number.zones)
    if _agree(number.country, country) and agreed:
        return agreed
    return clocks.distinct((*number.zones, *national))


def _regions(number: _Number, country: str | None) -> tuple[str, ...]:
    if country is None:
        return number.regions
    if number.country == country:
        return number.regions
    return (*_all_of(country), *number.regions)


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _all_of(country: str) -> tuple[str, ...]:
    return (country, *area_codes.parts(country))


@lru_cache(maxsize=4096)
def _number(phone: str) -> _Number:
    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return _Number()
    country = phonenumbers.region_code_for_number(parsed)
    zones = phone_zones.time_zones_for_number(parsed)
    known = tuple(name for name in zones if name != _UNKNOWN and known_zone(name))
    if country not in phonenumbers.SUPPORTED_REGIONS:
        return _Number(zones=clocks.distinct(known))
    area = area_codes.regions_of(str(parsed.national_number)[:_AREA_CODE_DIGITS])
    parts = tuple(region for region in area if region.startswith(f"{country}-"))
    regions = (country, *parts) if parts else _all_of(country)
    return _Number(country=country, zones=clocks.distinct(known), regions=regions)
