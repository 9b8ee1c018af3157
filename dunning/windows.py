"""May a message go out now, and if not, when? Answers hold in every zone the recipient may be in.

All instants are UTC. `zones` are IANA names, the most plausible first. A message may start only
while all of them are open, and while the channel's `least_left` remains.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dunning.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.hours import Hours, Windows

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
# Two zones may lose two days to their Sundays, and a third to a clock change. Looking further
# would find hours in common that a clock change brings, and wait for them instead.
_HORIZON_DAYS = 5


def known_zone(name: str) -> bool:
    """Whether the name is a time zone that the other functions here accept."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_open(rules: Windows, channel: Channel, zones: tuple[str, ...], at: datetime) -> bool:
    """Whether a message may start at this instant."""
    return _usable(rules.of(channel), _load(zones), at)


def next_open(
    rules: Windows, channel: Channel, zones: tuple[str, ...], at: datetime
) -> datetime | None:
    """The first instant from `at` on at which a message may start.

    None when the zones have no hours in common, within five days, that are long enough to use.
    """
    hours, places = rules.of(channel), _load(zones)
    if _usable(hours, places, at):
        return at.astimezone(UTC)
    edges = _edges(hours, places, at.astimezone(UTC))
    return next((edge for edge in edges if _usable(hours, places, edge)), None)


def time_left(rules: Windows, channel: Channel, zones: tuple[str, ...], at: datetime) -> timedelta:
    """How long the window stays open without a break: zero when closed, five days at most."""
    return _left(rules.of(channel), _load(zones), at.astimezone(UTC))


def fitting_zones(
    rules: Windows, channel: Channel, zones: tuple[str, ...], at: datetime
) -> tuple[str, ...]:
    """The zones that a message has to fit, given that they may have no hours in common.

    Then an email fits the most plausible zone alone, and a text fits nowhere (no zones).
    """
    if next_open(rules, channel, zones, at) is not None:
        return zones
    return zones[:1] if channel is Channel.EMAIL else ()


def _load(zones: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    if not zones:
        raise ValueError("no time zone was given; pass the account's own when none is known")
    return tuple(ZoneInfo(name) for name in zones)


def _open(hours: Hours, places: tuple[ZoneInfo, ...], at: datetime) -> bool:
    local = (at.astimezone(place) for place in places)
    return all(hours.hold(clock.date(), clock.time()) for clock in local)


def _usable(hours: Hours, places: tuple[ZoneInfo, ...], at: datetime) -> bool:
    if not _open(hours, places, at):
        return False
    return not hours.least_left or _left(hours, places, at.astimezone(UTC)) >= hours.least_left


def _left(hours: Hours, places: tuple[ZoneInfo, ...], at: datetime) -> timedelta:
    if not _open(hours, places, at):
        return timedelta(0)
    edges = _edges(hours, places, at)
    closing = (edge - at for edge in edges if not _open(hours, places, edge))
    return next(closing, _HORIZON_DAYS * _DAY)


def _edges(hours: Hours, places: tuple[ZoneInfo, ...], at: datetime) -> Iterator[datetime]:
    """Every instant after `at` at which some zone may open or close, in order.

    Some change nothing; between two of them nothing ever changes.
    """
    for day in range(_HORIZON_DAYS):
        start, end = at + day * _DAY, at + (day + 1) * _DAY
        found = {edge for place in places for edge in _edges_of(hours, place, start, end)}
        yield from sorted(edge for edge in found if start < edge <= end)


def _edges_of(hours: Hours, place: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    first, last = start.astimezone(place), end.astimezone(place)
    for number in range((last.date() - first.date()).days + 1):
        day = first.date() + number * _DAY
        for clock in (hours.opening(day), hours.closes):
            for fold in (0, 1):
                yield datetime.combine(day, clock, place).replace(fold=fold).astimezone(UTC)
    if first.utcoffset() != last.utcoffset():
        yield _clock_change(place, start, end)


def _clock_change(place: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """The first whole second after the change of the zone's offset between two instants."""
    before = start.astimezone(place).utcoffset()
    low, high = start.replace(microsecond=0), end.replace(microsecond=0) + _SECOND
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(place).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
