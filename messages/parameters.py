"""Which values may a template use, and which of them may strangers see?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from dunning.money import Money
from dunning.notice import Line
from messages.dates import format_day
from messages.languages import language_tag
from messages.money import format_money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from babel import Locale

    from dunning.notice import Brand, Notice

# Mail clients turn these into links, so a name that holds one could carry a stranger's address.
_LINK_LIKE = re.compile(r"://|www\.|@|[^\W\d_]{2,}\.[a-z]{2,}", re.IGNORECASE)
_LONGEST_NAME = 60
# Marks that reverse the reading order and so can disguise a text.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def subject_parameters(notice: Notice) -> Mapping[str, object]:
    """For subject, preheader and push, which others may see on a locked screen: the brand only."""
    return {"brand": clean_brand(notice.brand)}


def text_parameters(notice: Notice) -> Mapping[str, object]:
    """For a text message, which others may see as well: brand and link, nothing about the debt."""
    return {"brand": clean_brand(notice.brand), "pay_url": notice.pay_url}


def email_parameters(notice: Notice, locale: Locale) -> Mapping[str, object]:
    """For the body of an email: everything a notice holds, written in the locale.

    `lines` are all invoices of the message, `others` those after the first.
    """
    own = Line(
        invoice_id=notice.invoice_id,
        amount=notice.amount,
        pay_url=notice.pay_url,
        description=notice.description,
    )
    lines = tuple(_line(line, locale) for line in (own, *notice.others))
    return {
        "brand": clean_brand(notice.brand),
        "amount": format_money(notice.amount, locale),
        "invoice_id": one_line(notice.invoice_id),
        "pay_url": notice.pay_url,
        "preferences_url": notice.preferences_url,
        "customer_name": _name(notice.customer_name),
        "description": one_line(notice.description or "") or None,
        "last_day": _day(notice.last_day, locale),
        "promised_day": _day(notice.promised_day, locale),
        "paused_until": _day(notice.paused_until, locale),
        "others": lines[1:],
        "lines": lines,
        "totals": _totals(notice, locale),
        "lang": language_tag(locale),
        "direction": locale.text_direction,
        "button_ink": _ink_on(notice.brand.color),
    }


def _line(line: Line, locale: Locale) -> Mapping[str, str | None]:
    return {
        "invoice_id": one_line(line.invoice_id),
        "amount": format_money(line.amount, locale),
        "pay_url": line.pay_url,
        "description": one_line(line.description or "") or None,
    }


def _totals(notice: Notice, locale: Locale) -> tuple[str, ...]:
    """One sum for each currency: sums of different currencies are never added up."""
    sums: dict[str, int] = {}
    for amount in (notice.amount, *(line.amount for line in notice.others)):
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
    return tuple(
        format_money(Money(minor=minor, currency=currency), locale)
        for currency, minor in sums.items()
    )


def _day(day: date | None, locale: Locale) -> str | None:
    return format_day(day, locale) if day else None


def clean_brand(brand: Brand) -> Brand:
    """The brand with texts that keep to one line."""
    address = ", ".join(line.strip(" ,") for line in (brand.postal_address or "").splitlines())
    return replace(brand, name=one_line(brand.name), postal_address=one_line(address) or None)


def one_line(value: str) -> str:
    """Without line breaks, control characters and marks that reverse the reading order."""
    printable = (
        " " if unicodedata.category(character) == "Cc" else character
        for character in value
        if character not in _BIDI
    )
    return " ".join("".join(printable).split())


def _name(value: str | None) -> str | None:
    name = one_line(value or "")
    return None if len(name) > _LONGEST_NAME or _LINK_LIKE.search(name) else name or None


def _ink_on(color: str) -> str:
    """Black or white, whichever reads better on the brand's colour (WCAG relative luminance)."""
    digits = color.strip().removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == len("rgb") else digits
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        return "#ffffff"
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Equal contrast with black and with white lies at sqrt(1.05 * 0.05) - 0.05.
    return "#000000" if luminance > 0.179 else "#ffffff"  # noqa: PLR2004  explained above


def _linear(channel: float) -> float:
    low = 0.04045  # where the sRGB curve (IEC 61966-2-1) turns from a line into a power
    return channel / 12.92 if channel <= low else ((channel + 0.055) / 1.055) ** 2.4
