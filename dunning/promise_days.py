"""Which days may a customer choose to pay on, and when does such a day begin and end?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def choices(now: datetime, zone: str, longest: timedelta) -> tuple[date, ...]:
    """From tomorrow on, on the customer's clock. Today needs no promise: there is a button."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return tuple(today + number * _DAY for number in range(1, longest.days + 1))


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """The instants (UTC) at which a day begins and ends there."""
    place = ZoneInfo(zone)
    return _midnight(day, place), _midnight(day + _DAY, place)


def _midnight(day: date, place: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), place).astimezone(UTC)
