"""Which of a body's fields can be believed, and what is wrong with the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.currencies import CURRENCIES

if TYPE_CHECKING:
    from collections.abc import Mapping

ID_LIMIT = 128
# Gateway tokens may join several ids and an address.
TOKEN_LIMIT = 1024
# What a signed 64-bit database column holds.
AMOUNT_LIMIT = 2**63 - 1

_CURRENCY_LETTERS = 3


class Fields:
    """Reads known fields by the first of their names that is there; collects complaints.

    A field that is missing, null or blank is None without a complaint. Complaints name the field
    and what was expected, never the value.
    """

    __slots__ = ("_values", "complaints")

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self.complaints: list[str] = []

    def text(self, *names: str, limit: int = ID_LIMIT) -> str | None:
        """A printable string of at most `limit` characters."""
        name, value = self._first(names)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self._complain(name, "a string")
            return None
        if value.isspace():
            return None
        if len(value) > limit:
            self._complain(name, f"at most {limit} characters")
            return None
        if not value.isprintable():
            self._complain(name, "printable characters only")
            return None
        return value

    def currency(self, *names: str) -> str | None:
        """An ISO 4217 code, in capitals."""
        name, value = self._first(names)
        if value is None or value == "":
            return None
        if (
            not isinstance(value, str)
            or len(value) != _CURRENCY_LETTERS
            or not (value.isascii() and value.isalpha())
        ):
            self._complain(name, "a currency code of three letters")
            return None
        if value.upper() not in CURRENCIES:
            self._complain(name, "a currency of ISO 4217")
            return None
        return value.upper()

    def amount(self, *names: str, least: int = 0) -> int | None:
        """A whole number of minor units, `least` or more."""
        name, value = self._first(names)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._complain(name, "a whole number of minor units")
            return None
        if not least <= value <= AMOUNT_LIMIT:
            self._complain(name, f"between {least} and {AMOUNT_LIMIT}")
            return None
        return value

    def flag(self, *names: str) -> bool:
        """True or false; anything else counts as true, beside a complaint."""
        name, value = self._first(names)
        if value is None:
            return False
        if not isinstance(value, bool):
            self._complain(name, "true or false")
            return True
        return value

    def _first(self, names: tuple[str, ...]) -> tuple[str, object]:
        for name in names:
            value = self._values.get(name)
            if value is not None:
                return name, value
        return names[0], None

    def _complain(self, name: str, expected: str) -> None:
        self.complaints.append(f"{name} must be {expected}")
