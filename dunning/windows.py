"""May a message go out now, and if not, when? Answers hold wherever the recipient may be.

All instants are UTC. A message may start only while all zones of the recipient's whereabouts are
open, and while the channel's `least_left` remains.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dunning.channel import Channel
from dunning.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.hours import Windows
    from dunning.whereabouts import Whereabouts

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
# Two zones may lose two days to their Sundays, and a third to a clock change. Looking further
# would find hours in common that a clock change brings, and wait for them instead.
_HORIZON_DAYS = 5
# Closed days do not count as looked at; the longest row of holidays is nine days, and two places
# may rest one after the other.
_LONGEST_SEARCH_DAYS = 31


def known_zone(name: str) -> bool:
    """Whether the name is a time zone that the other functions here accept."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_open(rules: Windows, channel: Channel, where: Whereabouts, at: datetime) -> bool:
    """Whether a message may start at this instant."""
    return _usable(_table(rules, channel, where), _load(where), at.astimezone(UTC))


def next_open(
    rules: Windows, channel: Channel, where: Whereabouts, at: datetime
) -> datetime | None:
    """The first instant from `at` on at which a message may start.

    None when the zones have no hours in common, within five days on which they are open, that are
    long enough to use.
    """
    table, places, moment = _table(rules, channel, where), _load(where), at.astimezone(UTC)
    if _usable(table, places, moment):
        return moment
    edges = _edges(table, places, moment)
    return next((edge for edge in edges if _usable(table, places, edge)), None)


def time_left(rules: Windows, channel: Channel, where: Whereabouts, at: datetime) -> timedelta:
    """How long the window stays open without a break: zero when closed, five days at most."""
    return _left(_table(rules, channel, where), _load(where), at.astimezone(UTC))


def fitting(
    rules: Windows, channel: Channel, where: Whereabouts, at: datetime
) -> Whereabouts | None:
    """The places that a message has to fit, given that they may have no hours in common.

    Then a text fits nowhere (None), and anything else the most plausible zone alone.
    """
    if next_open(rules, channel, where, at) is not None:
        return where
    return None if channel is Channel.SMS else where.likeliest


def _table(rules: Windows, channel: Channel, where: Whereabouts) -> Timetable:
    return Timetable.of(rules, channel, where.regions)


def _load(where: Whereabouts) -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in where.zones)


def _open(table: Timetable, places: tuple[ZoneInfo, ...], at: datetime) -> bool:
    for place in places:
        local = at.astimezone(place)
        hours = table.on(local.date())
        if hours is None or not hours.hold(local):
            return False
    return True


def _usable(table: Timetable, places: tuple[ZoneInfo, ...], at: datetime) -> bool:
    if not _open(table, places, at):
        return False
    return not table.least_left or _left(table, places, at) >= table.least_left


def _left(table: Timetable, places: tuple[ZoneInfo, ...], at: datetime) -> timedelta:
    if not _open(table, places, at):
        return timedelta(0)
    edges = _edges(table, places, at)
    closing = (edge - at for edge in edges if not _open(table, places, edge))
    return min(next(closing, _HORIZON_DAYS * _DAY), _HORIZON_DAYS * _DAY)


def _edges(table: Timetable, places: tuple[ZoneInfo, ...], at: datetime) -> Iterator[datetime]:
    """Every instant after `at` at which some zone may open or close, in order.

    Some change nothing; between two of them nothing ever changes.
    """
    looked_at = 0
    for day in range(_LONGEST_SEARCH_DAYS):
        start, end = at + day * _DAY, at + (day + 1) * _DAY
        found = {edge for place in places for edge in _edges_of(table, place, start, end)}
        yield from sorted(edge for edge in found if start < edge <= end)
        looked_at += not _rests(table, places, start, end)
        if looked_at == _HORIZON_DAYS:
            return


def _rests(table: Timetable, places: tuple[ZoneInfo, ...], start: datetime, end: datetime) -> bool:
    """Whether some zone has a closed day between two instants."""
    days = {day for place in places for day in _days(place, start, end)}
    return any(table.on(day) is None for day in days)


def _days(place: ZoneInfo, start: datetime, end: datetime) -> Iterator[date]:
    day, last = start.astimezone(place).date(), end.astimezone(place).date()
    while day <= last:
        yield day
        day += _DAY


def _edges_of(
    table: Timetable, place: ZoneInfo, start: datetime, end: datetime
) -> Iterator[datetime]:
    for day in _days(place, start, end):
        hours, midnight = table.on(day), datetime.combine(day, time(0))
        for minute in (hours.opens, hours.closes) if hours else ():
            edge = (midnight + timedelta(minutes=minute)).replace(tzinfo=place)
            yield from (edge.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if start.astimezone(place).utcoffset() != end.astimezone(place).utcoffset():
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
