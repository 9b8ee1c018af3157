"""How long is "2h", "4d" or "90m"? The durations of the policy file, read and written."""

import re
from datetime import timedelta
from typing import Annotated

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
