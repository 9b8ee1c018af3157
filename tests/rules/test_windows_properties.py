"""Do the windows agree with clocks on the wall, in all zones of the world and for two years?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from hypothesis import given
from hypothesis import strategies as st

from dunning.channel import Channel
from dunning.hours import Windows
from dunning.whereabouts import Whereabouts
from dunning.windows import fitting, is_open, next_open, time_left
from tests.rules.effort import effort
from tests.rules.wall_clock import DAY_NAMES, LAW, MINUTE, Wall, minutes

DAY = timedelta(days=1)
ZONES = sorted(available_timezones())
REGIONS = (*LAW, "US-NY", "US-HI", "CA-ON", "DE", "JP", "CN", "IR", "KG", "MM", "IL")
DEFAULTS = {
    Channel.EMAIL: {"opens": "08:00", "closes": "20:00"},
    Channel.SMS: {"opens": "09:00", "closes": "20:00", "sunday_opens": "12:00"},
    Channel.PUSH: {"opens": "08:00", "closes": "20:00"},
}
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001  # hypothesis wants naive bounds
    lambda moment: moment.replace(tzinfo=UTC)
)
PLACES = st.builds(
    Whereabouts,
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=3).map(tuple),
    st.lists(st.sampled_from(REGIONS), max_size=3, unique=True).map(tuple),
)


@st.composite
def hours(draw: st.DrawFn) -> dict[str, Any]:
    """Opening hours as a policy file writes them: with closed days, at night, to the minute."""
    opens, closes = _span(draw)
    days: dict[str, object] = {}
    for day in draw(st.lists(st.sampled_from(DAY_NAMES), max_size=6, unique=True)):
        first, last = _span(draw)
        days[day] = draw(st.sampled_from(("closed", {"opens": first, "closes": last})))
    left = draw(st.sampled_from(("0m", "10m", "1h")))
    return {"opens": opens, "closes": closes, "days": days, "least_left": left}


def _span(draw: st.DrawFn) -> tuple[str, str]:
    opens = draw(st.integers(0, 22 * 4))
    closes = draw(st.integers(opens + 4, 24 * 4))
    return _clock(opens), _clock(closes)


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


@st.composite
def rules(draw: st.DrawFn) -> tuple[Windows, Channel, dict[str, Any]]:
    """A policy's windows, a channel, and its hours as the file writes them."""
    channel = draw(st.sampled_from(Channel))
    written = draw(st.just(DEFAULTS[channel]) | hours())
    least = "10m" if channel is Channel.SMS else "0m"
    document = {
        channel.value: {"least_left": least, **written},
        "holidays": {channel.value: draw(st.sampled_from(("skip", "allow")))},
        "jurisdictions": draw(st.booleans()),
    }
    return Windows.model_validate(document), channel, written


def wall(given: Windows, channel: Channel, written: dict[str, Any], where: Whereabouts) -> Wall:
    return Wall(
        hours=written,
        zones=where.zones,
        regions=where.regions,
        rests=given.rest_on_holidays(channel),
        lawful=given.jurisdictions and channel is Channel.SMS,
    )


@effort(150)
@given(drawn=rules(), where=PLACES, at=MOMENTS)
def test_the_next_window_is_the_first_that_every_wall_clock_allows(
    drawn: tuple[Windows, Channel, dict[str, Any]], where: Whereabouts, at: datetime
) -> None:
    windows, channel, written = drawn
    clock, least_left = wall(windows, channel, written, where), windows.of(channel).least_left
    found = next_open(windows, channel, where, at)
    if found is None:
        moments = (at + number * 7 * MINUTE for number in range(5 * 24 * 60 // 7))
        assert not any(clock.may_start(moment, least_left) for moment in moments)
        return
    assert clock.may_start(found, least_left), "nothing is ever sent outside anybody's hours"
    assert is_open(windows, channel, where, found)
    assert found.tzinfo is UTC
    assert at <= found
    assert found == at or not clock.may_start(found - MINUTE, least_left)
    whole = at.replace(second=0, microsecond=0) + MINUTE
    assert not any(clock.may_start(moment, least_left) for moment in minutes(whole, found))


@effort(150)
@given(drawn=rules(), where=PLACES, at=MOMENTS)
def test_the_time_left_is_open_to_its_last_minute_and_closed_after_it(
    drawn: tuple[Windows, Channel, dict[str, Any]], where: Whereabouts, at: datetime
) -> None:
    """A carrier that drops a text after the time left never delivers one outside the hours."""
    windows, channel, written = drawn
    clock = wall(windows, channel, written, where)
    start = next_open(windows, channel, where, at) or at
    left = time_left(windows, channel, where, start)
    assert all(clock.open(minute) for minute in minutes(start, start + left))
    assert left == 5 * DAY or not clock.open(start + left)
    assert not left or clock.open(start + left - timedelta(microseconds=1))


@effort(400)
@given(
    zone=st.sampled_from(ZONES),
    regions=st.lists(st.sampled_from(REGIONS), max_size=4, unique=True).map(tuple),
    at=MOMENTS,
    channel=st.sampled_from(Channel),
)
def test_under_the_default_windows_a_message_to_one_zone_always_goes_out(
    zone: str, regions: tuple[str, ...], at: datetime, channel: Channel
) -> None:
    windows, where = Windows(), Whereabouts((zone,), regions)
    found = next_open(windows, channel, where, at)
    assert fitting(windows, channel, where, at) == where
    assert found is not None
    assert found - at < (2 if channel is not Channel.SMS else 14) * DAY
