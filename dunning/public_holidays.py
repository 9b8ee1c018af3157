"""On which days does a country, or a part of it, rest?"""

from __future__ import annotations

from datetime import date
from functools import lru_cache


def is_holiday(regions: tuple[str, ...], day: date) -> bool:
    """Whether the day is a public holiday in any of the regions."""
    return day in _all_of(regions, day.year)


@lru_cache(maxsize=4096)
def _all_of(regions: tuple[str, ...], year: int) -> frozenset[date]:
    return frozenset[date]().union(*(_of(region, year) for region in regions))


@lru_cache(maxsize=4096)
def _of(region: str, year: int) -> frozenset[date]:
    """Those of one region, days in lieu included; a region that is not known has none."""
    # Half a second, which a command that asks for no holiday should not take.
    import holidays

    country, _, part = region.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:  # the library's word for a place that it has no table of
        return frozenset[date]()
