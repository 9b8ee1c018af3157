"""Where do the customers live whose texts have to wait: for a morning, or for a working day?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays

from dunning.public_holidays import is_holiday

_DAY = timedelta(days=1)
_NIGHT = range(22, 30)
_LATE_MORNING = time(11)
_SATURDAY = 5
# The longest time without a holiday on a working day of these countries, and some more.
_LONGEST_WITHOUT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A country, and what a customer who lives there has."""

    country: str
    name: str
    zone: str
    phone: str
    locale: str = "en"
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """A public holiday of a country, and the late morning of it, there (UTC)."""

    name: str
    place: Place
    at: datetime


_NIGHT_PLACES = (
    Place(country="NZ", name="New Zealand", zone="Pacific/Auckland", phone="+64211234567"),
    Place(country="JP", name="Japan", zone="Asia/Tokyo", phone="+819011112222"),
    Place(country="IN", name="India", zone="Asia/Kolkata", phone="+919812345678"),
    Place(country="DE", name="Germany", zone="Europe/Berlin", phone="+4915112345678"),
    Place(country="BR", name="Brazil", zone="America/Sao_Paulo", phone="+5511961234567"),
    Place(country="US", name="the US", zone="America/Los_Angeles", phone="+13105550123"),
    Place(country="US", name="the US", zone="Pacific/Honolulu", phone="+18085550123"),
)
_RESTING_PLACES = (
    Place(country="US", name="the US", zone="America/Denver", phone="+13035550188"),
    Place(
        country="DE",
        name="Germany",
        zone="Europe/Berlin",
        phone="+4915155566677",
        locale="de",
        currency="EUR",
    ),
    Place(
        country="GB",
        name="Great Britain",
        zone="Europe/London",
        phone="+447911123456",
        locale="en-GB",
        currency="GBP",
    ),
    Place(
        country="FR",
        name="France",
        zone="Europe/Paris",
        phone="+33612345678",
        locale="fr",
        currency="EUR",
    ),
    Place(
        country="JP",
        name="Japan",
        zone="Asia/Tokyo",
        phone="+819033334444",
        locale="ja",
        currency="JPY",
    ),
    Place(
        country="ES",
        name="Spain",
        zone="Europe/Madrid",
        phone="+34612345678",
        locale="es",
        currency="EUR",
    ),
    Place(
        country="BR",
        name="Brazil",
        zone="America/Sao_Paulo",
        phone="+5511987654321",
        locale="pt-BR",
        currency="BRL",
    ),
    Place(country="IT", name="Italy", zone="Europe/Rome", phone="+393123456789", currency="EUR"),
)


def asleep_at(instant: datetime) -> Place:
    """A place in which a text at this instant would ring in the night."""
    for place in _NIGHT_PLACES:
        local = instant.astimezone(ZoneInfo(place.zone))
        if local.hour in _NIGHT or local.hour + 24 in _NIGHT:
            return place
    return _NIGHT_PLACES[0]


def next_holiday(after: datetime) -> Holiday:
    """The first public holiday after an instant in one of the resting places, Sundays aside."""
    for number in range(_LONGEST_WITHOUT):
        day = after.date() + number * _DAY
        for place in _RESTING_PLACES:
            at = datetime.combine(day, _LATE_MORNING, ZoneInfo(place.zone)).astimezone(UTC)
            if at > after and day.weekday() <= _SATURDAY and is_holiday((place.country,), day):
                return Holiday(name=_name(place.country, day), place=place, at=at)
    raise LookupError(f"no country of the demo has a holiday within weeks of {after:%d %b %Y}")


def _name(country: str, day: date) -> str:
    named = holidays.country_holidays(country, years=day.year, language="en_US")
    return (named.get(day) or "a holiday").partition(";")[0]
