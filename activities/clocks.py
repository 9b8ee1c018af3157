"""Which time zones does a country have, and which of them show the same time?"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

# Zones that agree at every midnight of these years are taken for one clock.
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_DAYS = 6 * 366


@lru_cache(maxsize=1)
def _by_country() -> dict[str, tuple[str, ...]]:
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country].append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


@lru_cache(maxsize=1024)
def of_country(country: str) -> tuple[str, ...]:
    """The zones of a country, those with the most people first, one for each clock."""
    return distinct(_by_country().get(country, ()))


def distinct(zones: tuple[str, ...]) -> tuple[str, ...]:
    """The first zone of each clock: what all of them have in common is found sooner with few."""
    found: dict[int, str] = {}
    for zone in zones:
        found.setdefault(_clock(zone), zone)
    return tuple(found.values())


def common(zones: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Those zones whose clock one of the others shows too."""
    clocks = {_clock(zone) for zone in others}
    return tuple(zone for zone in zones if _clock(zone) in clocks)


@lru_cache(maxsize=1024)
def _clock(zone: str) -> int:
    """A name of the zone's clock: the hash of its offsets."""
    place = ZoneInfo(zone)
    moments = (_FIRST + timedelta(days=number) for number in range(_DAYS))
    return hash(tuple(moment.astimezone(place).utcoffset() for moment in moments))
