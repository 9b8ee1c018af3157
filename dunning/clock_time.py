"""How is a time of day written in the policy, read back and refused?"""

import re
from datetime import time
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from dunning.day_hours import MIDNIGHT
from dunning.document import refusal

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
        return MIDNIGHT
    if value == "00:00":
        raise refusal('the end of a day is written "24:00", not "00:00". Write "24:00".')
    return _read(value)


def _write(moment: time) -> str:
    return moment.strftime("%H:%M")


def _write_closing(moment: time) -> str:
    return "24:00" if moment == MIDNIGHT else _write(moment)


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
