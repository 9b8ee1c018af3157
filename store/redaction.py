"""What is left of a body that is still needed, when a customer's traces are taken out?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from store.mentions import Traces

ERASED = "erased"


def redacted(body: bytes, of: Traces) -> bytes:
    """The same JSON without the texts that name the customer; nothing of what is not JSON."""
    found = _pattern(of)
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return b"{}"
    if found is None:
        return body
    return json.dumps(_without(document, found), separators=(",", ":")).encode()


def _pattern(of: Traces) -> re.Pattern[str] | None:
    """Addresses anywhere in a text, the name as words of their own."""
    addresses = [re.escape(address) for address in of.addresses]
    name = [rf"\b{re.escape(of.name)}\b"] if of.name else []
    told = [*addresses, *name]
    return re.compile("|".join(told), re.IGNORECASE) if told else None


def _without(value: object, found: re.Pattern[str]) -> object:
    match value:
        case str():
            return ERASED if found.search(value) else value
        case dict():
            fields = cast("dict[str, object]", value)
            return {name: _without(one, found) for name, one in fields.items()}
        case list():
            return [_without(one, found) for one in cast("list[object]", value)]
        case _:
            return value
