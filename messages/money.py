"""How is an amount written in the customer's language?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from babel.numbers import parse_pattern

from dunning.money import exponent

if TYPE_CHECKING:
    from babel import Locale

    from dunning.money import Money

# Unicode TR 35, currency spacing: a symbol that is a letter does not touch the digits.
_TOUCHING = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def format_money(money: Money, locale: Locale) -> str:
    """2500 USD is $25.00, 2500 JPY is ¥2,500, 2500 KWD is KWD 2.500 in English.

    The decimals are those of ISO 4217, in which the amount is given. Babel's own digits are
    those in use in shops: it would round 5555 IQD, which is 5.555, to 6.
    """
    pattern = parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (exponent(money.currency), exponent(money.currency))
    written = pattern.apply(money.major, locale, currency=money.currency, currency_digits=False)
    return _TOUCHING.sub("\u00a0", written)
