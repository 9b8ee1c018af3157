"""Which hours does the place of the recipient impose on texts?

Most of these are rules on marketing; they are kept for every text as a safe default. A place that
is not listed imposes nothing. US states come from one secondary table and are to be verified:
support.referrizer.com, "TCPA quiet hours and state-specific rules for text campaigns".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dunning.day_hours import DayHours
from dunning.public_holidays import is_holiday

if TYPE_CHECKING:
    from datetime import date

_Week = tuple[DayHours | None, ...]
_WHOLE_DAY = DayHours(0, 24 * 60)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One week from Monday on, None for a day without texts, and what holds on holidays."""

    week: _Week
    on_holidays: bool = True


def _hours(opens: int, closes: int) -> DayHours:
    return DayHours(opens * 60, closes * 60)


def _daily(opens: int, closes: int) -> _Rule:
    return _Rule((_hours(opens, closes),) * 7)


def _weekdays(hours: DayHours, saturday: DayHours, sunday: DayHours | None) -> _Week:
    return (*(hours,) * 5, saturday, sunday)


_RULES = {
    # 47 CFR 64.1200(c)(1).
    "US": _daily(8, 21),
    # The table of states, as are all states below. Connecticut and Florida are the best known:
    # Public Act 23-98; Florida Statutes 501.616(6).
    "US-CT": _daily(9, 20),
    "US-FL": _daily(8, 20),
    "US-MD": _daily(8, 20),
    "US-MS": _daily(8, 20),
    "US-NJ": _daily(8, 20),
    "US-OK": _daily(8, 20),
    "US-RI": _Rule(_weekdays(_hours(9, 18), _hours(10, 17), _hours(10, 17))),
    "US-TX": _Rule(_weekdays(_hours(9, 21), _hours(9, 21), _hours(12, 21))),
    # FCA CONC 7.9 bars contact at unreasonable times and names no hours: ours are those that
    # Regulation F (12 CFR 1006.6) presumes to be reasonable.
    "GB": _daily(8, 21),
    # Brevo's summary (help.brevo.com, article 11884482521234): 08:00 to 22:00, never on Sundays
    # and public holidays.
    "FR": _Rule(_weekdays(_hours(8, 22), _hours(8, 22), None), on_holidays=False),
}


def allowed(regions: tuple[str, ...], day: date) -> DayHours | None:
    """The hours of a local day that every one of the regions allows; None when there are none."""
    resting = _resting(regions)
    if resting and is_holiday(resting, day):
        return None
    return _week(regions)[day.weekday()]


@lru_cache(maxsize=4096)
def _resting(regions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in regions if name in _RULES and not _RULES[name].on_holidays)


@lru_cache(maxsize=4096)
def _week(regions: tuple[str, ...]) -> _Week:
    weeks = [_RULES[region].week for region in regions if region in _RULES]
    return tuple(_common(tuple(week[number] for week in weeks)) for number in range(7))


def _common(days: _Week) -> DayHours | None:
    common: DayHours | None = _WHOLE_DAY
    for hours in days:
        common = common and hours and common.meet(hours)
    return common
