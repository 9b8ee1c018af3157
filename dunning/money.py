"""How much is owed, exactly? Integers in minor units; formatting happens at the edge only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# ISO 4217, table A.1, as of 2026: every currency not listed has two decimals.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_EXPONENTS = {
    code: decimals
    for decimals, codes in ((0, _NO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}


def exponent(currency: str) -> int:
    """Number of decimals of an ISO 4217 currency code."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in the currency's minor unit: 2500 USD is $25.00, 2500 JPY is ¥2,500."""

    minor: int
    currency: str

    @property
    def major(self) -> Decimal:
        """The amount in the currency's major unit, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    @property
    def figure(self) -> str:
        """As people of the team read it, whatever their language: 49.00 USD."""
        return f"{self.major:f} {self.currency}"


def sums(parts: Iterable[Money]) -> list[Money]:
    """The sum of each currency, in alphabetical order of them."""
    found: dict[str, int] = {}
    for part in parts:
        found[part.currency] = found.get(part.currency, 0) + part.minor
    return [Money(minor=minor, currency=currency) for currency, minor in sorted(found.items())]
