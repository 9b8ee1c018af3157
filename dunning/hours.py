"""At which hours of the recipient's day may a channel be used? The `windows` of the policy."""

import re
from datetime import date, time, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from dunning.channel import Channel
from dunning.document import Document, refusal
from dunning.duration import Wait, format_duration

_SUNDAY = 6
_MIDNIGHT = time(0)
_DAY = timedelta(days=1)
_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _read(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str):
        # YAML 1.1 readers take an unquoted 20:00 for the number 1200.
        raise refusal('a time of day is a text. Write it in quotes, such as "08:00".')
    match = _FORM.fullmatch(value)
    if match is None:
        raise refusal(f'`{value}` is not a time of day. Write it with 24 hours, such as "08:00".')
    return time(int(match[1]), int(match[2]))


def _read_closing(value: object) -> time:
    if value == "24:00":
        return _MIDNIGHT
    if value == "00:00":
        raise refusal('the end of a day is written "24:00", not "00:00". Write "24:00".')
    return _read(value)


def _write(moment: time) -> str:
    return moment.strftime("%H:%M")


def _write_closing(moment: time) -> str:
    return "24:00" if moment == _MIDNIGHT else _write(moment)


OpeningTime = Annotated[
    time,
    BeforeValidator(_read),
    PlainSerializer(_write, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_FORM.pattern}$", "examples": ["08:00"]}),
]
ClosingTime = Annotated[
    time,
    BeforeValidator(_read_closing),
    PlainSerializer(_write_closing, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": f"^(24:00|{_FORM.pattern})$", "examples": ["20:00"]}
    ),
]


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute)


class Hours(Document):
    """Opening hours of one channel, on the recipient's clock: `opens` included, `closes` not.

    A closing time of midnight is the end of the day. A message starts only while at least
    `least_left` of the window is left.
    """

    opens: OpeningTime
    closes: ClosingTime
    sunday_opens: OpeningTime | None = None
    least_left: Wait = timedelta(0)

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        needed = max(self.least_left, timedelta(hours=1))
        if self._end() - _since_midnight(self.opens) < needed:
            raise refusal(
                f"the window is shorter than {format_duration(needed)}. "
                "Let it close later on the same day; a window cannot cross midnight."
            )
        if self.sunday_opens is not None and _since_midnight(self.sunday_opens) >= self._end():
            raise refusal("sunday_opens is not before closes. Let Sunday open earlier.")
        return self

    def _end(self) -> timedelta:
        return _DAY if self.closes == _MIDNIGHT else _since_midnight(self.closes)

    def opening(self, day: date) -> time:
        """When the window opens on a local day."""
        if self.sunday_opens is not None and day.weekday() == _SUNDAY:
            return self.sunday_opens
        return self.opens

    def hold(self, day: date, clock: time) -> bool:
        """Whether this reading of the local clock lies in the window."""
        return clock >= self.opening(day) and (self.closes == _MIDNIGHT or clock < self.closes)


def _email_hours() -> Hours:
    return Hours(opens=time(8), closes=time(20))


def _sms_hours() -> Hours:
    return Hours(
        opens=time(9), closes=time(20), sunday_opens=time(12), least_left=timedelta(minutes=10)
    )


class Windows(Document):
    """The opening hours of every channel."""

    email: Hours = Field(default_factory=_email_hours)
    sms: Hours = Field(default_factory=_sms_hours)

    def of(self, channel: Channel) -> Hours:
        """The hours of one channel."""
        return self.sms if channel is Channel.SMS else self.email
