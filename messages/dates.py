"""How is a day written in the customer's language?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.dates import format_date

if TYPE_CHECKING:
    from datetime import date

    from babel import Locale


def format_day(day: date, locale: Locale) -> str:
    """Weekday and month in words, so that no one mistakes the day for the month."""
    return format_date(day, format="full", locale=locale)
