"""What does a clock on the wall say about sending? The slow and simple way, to compare with.

Written from the documents and not from the code: one reading of one clock at a time, no zones put
together, no edges, nothing remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import holidays

MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# From Monday to Sunday, in hours; None is a day without texts.
_Hours = tuple[int, int] | None
LAW: dict[str, tuple[_Hours, ...]] = {
    "US": ((8, 21),) * 7,
    "US-CT": ((9, 20),) * 7,
    "US-FL": ((8, 20),) * 7,
    "US-MD": ((8, 20),) * 7,
    "US-MS": ((8, 20),) * 7,
    "US-NJ": ((8, 20),) * 7,
    "US-OK": ((8, 20),) * 7,
    "US-RI": (*((9, 18),) * 5, (10, 17), (10, 17)),
    "US-TX": (*((9, 21),) * 6, (12, 21)),
    "GB": ((8, 21),) * 7,
    "FR": (*((8, 22),) * 6, None),
}


@dataclass(frozen=True, kw_only=True)
class Wall:
    """One channel's hours as the policy file writes them, and the clocks that have to agree."""

    hours: Mapping[str, Any]
    zones: tuple[str, ...]
    regions: tuple[str, ...] = ()
    rests: bool = False
    lawful: bool = False

    def open(self, at: datetime) -> bool:
        """Whether every clock allows a message at this instant, the time left aside."""
        return all(self._allows(at.astimezone(ZoneInfo(zone))) for zone in self.zones)

    def may_start(self, at: datetime, least_left: timedelta) -> bool:
        """Whether it is open from this instant on for as long as is needed."""
        end = at + max(least_left, _INSTANT)
        return all(self.open(minute) for minute in chain(minutes(at, end), (end - _INSTANT,)))

    def _allows(self, local: datetime) -> bool:
        if self.rests and _is_holiday(local, self.regions):
            return False
        reading = local.strftime("%H:%M")
        opens, closes = self._policy(DAY_NAMES[local.weekday()])
        return opens <= reading < closes and (not self.lawful or self._legal(local))

    def _policy(self, day: str) -> tuple[str, str]:
        special = self.hours.get("days", {}).get(day, {})
        if special == "closed":
            return ("99:99", "00:00")
        opens = self.hours["opens"]
        if day == "sun" and self.hours.get("sunday_opens"):
            opens = self.hours["sunday_opens"]
        return special.get("opens", opens), special.get("closes", self.hours["closes"])

    def _legal(self, local: datetime) -> bool:
        for region in self.regions:
            limits = LAW.get(region, ((0, 24),) * 7)[local.weekday()]
            if limits is None or not limits[0] <= local.hour < limits[1]:
                return False
        return "FR" not in self.regions or not _is_holiday(local, ("FR",))


def _is_holiday(local: datetime, regions: Iterable[str]) -> bool:
    return any(local.date() in calendar(region, local.year) for region in regions)


_CALENDARS: dict[tuple[str, int], holidays.HolidayBase] = {}


def calendar(region: str, year: int) -> holidays.HolidayBase:
    """The holidays of a region that the library knows."""
    if (region, year) not in _CALENDARS:
        country, _, part = region.partition("-")
        known = holidays.country_holidays(country, subdiv=part or None, years=year)
        _CALENDARS[region, year] = known
    return _CALENDARS[region, year]


def minutes(start: datetime, end: datetime) -> Iterable[datetime]:
    """Every minute from one instant to another."""
    while start < end:
        yield start
        start += MINUTE
