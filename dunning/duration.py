"""How long is "2h", "4d" or "3mo"? The durations of the policy file, read and written."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_FORM = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,6})m)?", re.ASCII)
_LONGEST = timedelta(days=1096)
_ADVICE = "Write whole days, hours or minutes, such as 4d, 2h, 90m or 1d12h."


def parse_duration(text: str) -> timedelta:
    """Read a duration; a ValueError says what is wrong and what to write."""
    match = _FORM.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"`{text}` is not a duration. {_ADVICE}")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    duration = timedelta(days=days, hours=hours, minutes=minutes)
    if duration > _LONGEST:
        raise ValueError(f"`{text}` is longer than {_LONGEST.days}d. Write a shorter duration.")
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that reads back as the same whole minutes."""
    minutes = duration // timedelta(minutes=1)
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (left, "m"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0m"


def _read(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("duration", "a duration is a text. " + _ADVICE)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from error


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise PydanticCustomError("duration", "must be longer than nothing. " + _ADVICE)
    return duration


Wait = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^(?!$){_FORM.pattern}$", "examples": ["4d"]}),
]
"""A duration that may be zero."""

Span = Annotated[Wait, AfterValidator(_positive)]
"""A duration longer than nothing."""


_LAPSE_FORM = re.compile(r"(?:(\d{1,2})mo)?(.*)", re.ASCII)
_MOST_MONTHS = 36
_NOMINAL_MONTH = timedelta(days=30)
_LAPSE_ADVICE = "Write months, days, hours or minutes, such as 1mo, 4d, 2h or 1d12h."


@dataclass(frozen=True, slots=True)
class Lapse:
    """A distance between two instants. Months are those of the calendar, not of 30 days."""

    months: int = 0
    rest: timedelta = timedelta(0)

    @property
    def nominal(self) -> timedelta:
        """About how long; only comparisons mean anything."""
        return self.months * _NOMINAL_MONTH + self.rest

    def after(self, moment: datetime, place: ZoneInfo) -> datetime:
        """That much later (UTC); a month later is the same local day, or the month's last."""
        return _move(moment, self.months, place) + self.rest

    def before(self, moment: datetime, place: ZoneInfo) -> datetime:
        """That much earlier (UTC)."""
        return _move(moment, -self.months, place) - self.rest

    def __str__(self) -> str:
        """As written in the policy."""
        months = f"{self.months}mo" if self.months else ""
        return months + format_duration(self.rest) if self.rest or not months else months


def _move(moment: datetime, months: int, place: ZoneInfo) -> datetime:
    if not months:
        return moment.astimezone(UTC)
    local = moment.astimezone(place)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def parse_lapse(text: str) -> Lapse:
    """Read a distance; a ValueError says what is wrong and what to write."""
    match = _LAPSE_FORM.fullmatch(text)
    if not text or match is None or not _FORM.fullmatch(match[2]):
        raise ValueError(f"`{text}` is not a duration. {_LAPSE_ADVICE}")
    months, rest = int(match[1] or 0), parse_duration(match[2] or "0m")
    if months > _MOST_MONTHS:
        raise ValueError(f"`{text}` is longer than {_MOST_MONTHS}mo. Write a shorter duration.")
    return Lapse(months, rest)


def _read_lapse(value: object) -> object:
    if isinstance(value, Lapse):
        return value
    if isinstance(value, timedelta):
        return Lapse(rest=value)
    if not isinstance(value, str):
        raise PydanticCustomError("duration", "a duration is a text. " + _LAPSE_ADVICE)
    try:
        return parse_lapse(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from error


def _some(lapse: Lapse) -> Lapse:
    if lapse == Lapse():
        raise PydanticCustomError("duration", "must be longer than nothing. " + _LAPSE_ADVICE)
    return lapse


Distance = Annotated[
    Lapse,
    BeforeValidator(_read_lapse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^(?!$)(\d{{1,2}}mo)?{_FORM.pattern}$",
            "examples": ["4d", "1mo"],
        }
    ),
]
"""A distance that may be zero, with months of the calendar."""

Stretch = Annotated[Distance, AfterValidator(_some)]
"""A distance longer than nothing."""
