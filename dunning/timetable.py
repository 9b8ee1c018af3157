"""When is a channel open on each local day, after the policy, the holidays and the law?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.jurisdictions import allowed
from dunning.public_holidays import is_holiday

if TYPE_CHECKING:
    from datetime import date

    from dunning.day_hours import DayHours
    from dunning.hours import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The hours of one channel in all regions at once, one local day at a time.

    `resting` are the regions whose holidays are skipped, `ruling` those whose law is kept.
    """

    week: tuple[DayHours | None, ...]
    least_left: timedelta
    resting: tuple[str, ...] = ()
    ruling: tuple[str, ...] = ()

    @classmethod
    def of(cls, rules: Windows, channel: Channel, regions: tuple[str, ...]) -> Timetable:
        """The law is on texts only, as calls are: nothing rings when an email arrives."""
        hours = rules.of(channel)
        lawful = rules.jurisdictions and channel is Channel.SMS
        return cls(
            week=hours.week,
            least_left=hours.least_left,
            resting=regions if rules.rest_on_holidays(channel) else (),
            ruling=regions if lawful else (),
        )

    def on(self, day: date) -> DayHours | None:
        """The hours of a local day; None when it is closed."""
        hours = self.week[day.weekday()]
        if hours is None or (self.resting and is_holiday(self.resting, day)):
            return None
        if not self.ruling:
            return hours
        limits = allowed(self.ruling, day)
        return limits and hours.meet(limits)
