"""At which hours of the recipient's day may a channel be used? The `windows` of the policy."""

from datetime import time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    WrapSerializer,
    model_validator,
)

from dunning.channel import Channel
from dunning.clock_time import ClosingTime, OpeningTime
from dunning.day_hours import DayHours
from dunning.document import Document, refusal, refusal_at
from dunning.duration import Wait, format_duration

_CLOSED = "closed"
_SUNDAY = "sun"
_SHORTEST = timedelta(hours=1)


class Day(Document):
    """What one day of the week does differently."""

    opens: OpeningTime | None = None
    closes: ClosingTime | None = None


def _read_day(value: object) -> object:
    if value == _CLOSED:
        return None
    if value is None or isinstance(value, str):
        raise refusal(
            "a day is `closed` or a block of fields. Write `closed`, or hours such as "
            '{opens: "10:00", closes: "18:00"}.'
        )
    return value


def _write_day(value: Day | None, write: SerializerFunctionWrapHandler) -> object:
    return _CLOSED if value is None else write(value)


def _describe_day(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"const": _CLOSED} if "null" in str(one) else one for one in schema["anyOf"]]
    schema["anyOf"].sort(key=lambda option: "const" in option)


ADay = Annotated[
    Day | None,
    BeforeValidator(_read_day),
    WrapSerializer(_write_day),
    Field(json_schema_extra=_describe_day),
]


class Days(Document):
    """The days of the week that differ; None is a day without any hours."""

    mon: ADay = Day()
    tue: ADay = Day()
    wed: ADay = Day()
    thu: ADay = Day()
    fri: ADay = Day()
    sat: ADay = Day()
    sun: ADay = Day()


_DAY_NAMES = tuple(Days.model_fields)


class Hours(Document):
    """Opening hours of one channel, on the recipient's clock: `opens` included, `closes` not.

    A closing time of midnight is the end of the day. A message starts only while at least
    `least_left` of the window is left.
    """

    opens: OpeningTime
    closes: ClosingTime
    sunday_opens: OpeningTime | None = None
    days: Days = Days()
    least_left: Wait = timedelta(0)

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        needed = max(self.least_left, _SHORTEST)
        if DayHours.between(self.opens, self.closes).length < needed:
            raise refusal(_too_short(needed))
        if self.sunday_opens is not None:
            self._check_sunday(self.sunday_opens)
        week = self.week
        for name, hours in zip(_DAY_NAMES, week, strict=True):
            differs = getattr(self.days, name) != Day()
            if differs and hours is not None and hours.length < needed:
                raise refusal_at(("days", name), _too_short(needed))
        if not any(week):
            raise refusal_at(("days",), "every day is closed. Leave at least one day open.")
        return self

    def _check_sunday(self, opens: time) -> None:
        if self.days.sun != Day():
            raise refusal("sunday_opens and days.sun both speak of Sunday. Keep one of the two.")
        if DayHours.between(opens, self.closes).length <= timedelta(0):
            raise refusal("sunday_opens is not before closes. Let Sunday open earlier.")

    @cached_property
    def week(self) -> tuple[DayHours | None, ...]:
        """The hours of each day from Monday on; None for a day that is closed."""
        return tuple(self._of(name, getattr(self.days, name)) for name in _DAY_NAMES)

    def _of(self, name: str, day: Day | None) -> DayHours | None:
        if day is None:
            return None
        usual = self.sunday_opens if name == _SUNDAY else None
        opens = day.opens or usual or self.opens
        return DayHours.between(opens, day.closes or self.closes)


def _too_short(needed: timedelta) -> str:
    return (
        f"the window is shorter than {format_duration(needed)}. "
        "Let it close later on the same day; a window cannot cross midnight."
    )


class OnHolidays(StrEnum):
    """What a channel does on a public holiday of a place where the recipient may be."""

    SKIP = "skip"
    ALLOW = "allow"


class Holidays(Document):
    """What each channel does on public holidays."""

    email: OnHolidays = OnHolidays.ALLOW
    sms: OnHolidays = OnHolidays.SKIP
    push: OnHolidays = OnHolidays.ALLOW


def _email_hours() -> Hours:
    return Hours(opens=time(8), closes=time(20))


def _sms_hours() -> Hours:
    return Hours(
        opens=time(9), closes=time(20), sunday_opens=time(12), least_left=timedelta(minutes=10)
    )


class Windows(Document):
    """The opening hours of every channel, and what narrows them; push has those of email.

    With `jurisdictions`, texts keep the stricter hours of the places they may go to as well.
    """

    email: Hours = Field(default_factory=_email_hours)
    sms: Hours = Field(default_factory=_sms_hours)
    push: Hours | None = None
    holidays: Holidays = Holidays()
    jurisdictions: StrictBool = True

    def of(self, channel: Channel) -> Hours:
        """The hours of one channel."""
        hours: Hours | None = getattr(self, channel.value)
        return hours or self.email

    def rest_on_holidays(self, channel: Channel) -> bool:
        """Whether one channel skips public holidays."""
        return getattr(self.holidays, channel.value) is OnHolidays.SKIP
