"""What is wrong with a policy document? Said in words that its author can act on."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SHAPES = {
    "string_type": "a text",
    "int_type": "a whole number, without quotes",
    "bool_type": "true or false",
    "tuple_type": "a list, such as [first, second]",
    "mapping_type": "a block of `field: value` lines",
    "model_type": "a block of `field: value` lines",
    "model_attributes_type": "a block of `field: value` lines",
    "dataclass_type": "a block of `field: value` lines",
}
_FORMS = {
    r"^[a-z0-9-]{1,40}$": "1 to 40 of the characters a-z, 0-9 and -",
    r"^[a-z0-9_-]{1,60}$": "1 to 60 of the characters a-z, 0-9, _ and -",
    r"^[A-Z]{3}$": "a currency code of three capital letters, such as USD",
    r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$": "a language tag, such as en or pt-BR",
}


def problems(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """One sentence per problem: the path, what is wrong, what to write instead."""
    details = (detail for detail in error.errors(include_url=False) if not _echo(detail))
    return tuple(f"{path(detail['loc'])}: {_told(detail, schema)}" for detail in details)


def path(place: Sequence[str | int]) -> str:
    """A spot in the document, as `campaigns[2].steps[0].after`."""
    named = (part for part in place if part != "[key]")
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return "".join(parts).removeprefix(".") or "policy"


def _echo(detail: ErrorDetails) -> bool:
    """A list whose entries are wrong is also told to be too short; its entries are told already."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _told(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind in _SHAPES:
        return f"expected {_SHAPES[kind]}, found {_found(detail['input'])}."
    teller = _TELLERS.get(kind)
    return teller(detail, schema) if teller else f"{detail['msg']}."


def _unknown(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    name, known = str(detail["loc"][-1]), _fields(schema, detail["loc"][:-1])
    guess = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if guess:
        return f"unknown field. Did you mean `{guess[0]}`?"
    return f"unknown field. Remove it; the fields known here are {', '.join(known)}."


def _missing(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    del schema
    name = str(detail["loc"][-1])
    return f"missing. Add it: `{name}: {_EXAMPLES.get(name, '...')}`."


def _choice(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    del schema
    expected = str(detail.get("ctx", {}).get("expected", ""))
    options = re.findall(r"'([^']*)'", expected)
    value = detail["input"]
    guess = difflib.get_close_matches(str(value).lower(), options, n=1, cutoff=0.6)
    fix = f"Did you mean `{guess[0]}`?" if guess else f"Write {expected.replace(chr(39), '`')}."
    return f"{_found(value)} is not one of the choices. {fix}"


def _form(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    del schema
    pattern = str(detail.get("ctx", {}).get("pattern", ""))
    return f"{_found(detail['input'])} does not fit. Write {_FORMS.get(pattern, pattern)}."


def _empty(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    del detail, schema
    return "is empty. Write at least one entry; a condition without entries is left out."


def _bounds(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    del schema
    limits = detail.get("ctx", {})
    word = "at least" if "ge" in limits else "at most"
    return f"{_found(detail['input'])} is out of range. Write {word} {next(iter(limits.values()))}."


_TELLERS: dict[str, Callable[[ErrorDetails, Mapping[str, Any]], str]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "enum": _choice,
    "literal_error": _choice,
    "string_pattern_mismatch": _form,
    "too_short": _empty,
    "greater_than_equal": _bounds,
    "less_than_equal": _bounds,
    "policy": lambda detail, _: detail["msg"],
    "duration": lambda detail, _: detail["msg"],
}
_EXAMPLES = {
    "version": "1",
    "brand": "{name: Example, support_email: billing@example.com}",
    "name": "example",
    "support_email": "billing@example.com",
    "campaigns": "[...], with at least one campaign",
    "steps": "[...], with at least one step",
    "length": "27d",
    "id": "first",
    "channel": "email",
    "template": "reminder",
    "opens": '"08:00"',
    "closes": '"20:00"',
}


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"the text `{value}`"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "a list" if isinstance(value, (list, tuple)) else "a block of fields"


def _fields(schema: Mapping[str, Any], place: Sequence[str | int]) -> list[str]:
    node = schema
    for part in place:
        node = _below(_resolved(node, schema), part)
    return sorted(_resolved(node, schema).get("properties", {}))


def _below(node: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    if isinstance(part, int):
        found: Mapping[str, Any] | None = node.get("items")
    else:
        found = node.get("properties", {}).get(part) or node.get("additionalProperties")
    return found or {}


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "anyOf" in node:
        node = next(option for option in node["anyOf"] if option.get("type") != "null")
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node
