"""Does a message only ever start while the recipient's day allows it, in every zone?"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.channel import Channel
from dunning.hours import Hours, Windows
from dunning.whereabouts import Whereabouts
from dunning.windows import fitting, is_open, known_zone, next_open, time_left
from tests.rules.effort import effort

RULES = Windows()
EMAIL, SMS = Channel.EMAIL, Channel.SMS
BERLIN = Whereabouts(("Europe/Berlin",))
COASTS = Whereabouts(("America/New_York", "America/Los_Angeles"))
ZONES = sorted(available_timezones())
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001  # hypothesis wants naive bounds
    lambda moment: moment.replace(tzinfo=UTC)
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def only(email: Hours) -> Windows:
    return Windows(email=email)


@effort(600)
@given(zone=st.sampled_from(ZONES), at=MOMENTS, channel=st.sampled_from(Channel))
def test_one_zone_always_has_a_next_window(zone: str, at: datetime, channel: Channel) -> None:
    found = next_open(RULES, channel, Whereabouts((zone,)), at)
    assert found is not None
    assert at <= found < at + timedelta(days=2)
    assert found.tzinfo is UTC
    hours, local = RULES.of(channel), found.astimezone(ZoneInfo(zone))
    sunday = channel is SMS and local.weekday() == 6
    assert (time(12) if sunday else hours.opens) <= local.time() < hours.closes
    assert is_open(RULES, channel, Whereabouts((zone,)), found)
    assert time_left(RULES, channel, Whereabouts((zone,)), found) >= hours.least_left


@effort(200)
@given(zone=st.sampled_from(ZONES), at=MOMENTS, channel=st.sampled_from(Channel))
def test_no_earlier_quarter_of_an_hour_was_open(zone: str, at: datetime, channel: Channel) -> None:
    found = next_open(RULES, channel, Whereabouts((zone,)), at)
    assert found is not None
    quarter = timedelta(minutes=15)
    before = (at + quarter * number for number in range((found - at) // quarter + 1))
    assert not any(
        is_open(RULES, channel, Whereabouts((zone,)), moment) for moment in before if moment < found
    )


@effort(200)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=2, max_size=4).map(tuple),
    at=MOMENTS,
    channel=st.sampled_from(Channel),
)
def test_several_zones_are_all_open_or_there_is_no_window(
    zones: tuple[str, ...], at: datetime, channel: Channel
) -> None:
    found = next_open(RULES, channel, Whereabouts(zones), at)
    if found is None:
        hours = (at + timedelta(hours=number) for number in range(72))
        assert not any(is_open(RULES, channel, Whereabouts(zones), hour) for hour in hours)
    else:
        assert all(is_open(RULES, channel, Whereabouts((zone,)), found) for zone in zones)
        assert time_left(RULES, channel, Whereabouts(zones), found) >= RULES.of(channel).least_left


@effort(200)
@given(zone=st.sampled_from(ZONES), at=MOMENTS, channel=st.sampled_from(Channel))
def test_the_time_left_ends_where_the_window_closes(
    zone: str, at: datetime, channel: Channel
) -> None:
    left = time_left(RULES, channel, Whereabouts((zone,)), at)
    closing = at + left
    assert time_left(RULES, channel, Whereabouts((zone,)), closing) == timedelta(0)
    if left:
        assert closing.astimezone(ZoneInfo(zone)).time() == RULES.of(channel).closes


@pytest.mark.parametrize(
    ("channel", "where", "at", "expected"),
    [
        (EMAIL, BERLIN, "2026-11-23T12:00+01:00", "2026-11-23T12:00+01:00"),
        (EMAIL, BERLIN, "2026-11-23T07:59+01:00", "2026-11-23T08:00+01:00"),
        (EMAIL, BERLIN, "2026-11-23T20:00+01:00", "2026-11-24T08:00+01:00"),
        (EMAIL, BERLIN, "2026-11-22T08:00+01:00", "2026-11-22T08:00+01:00"),
        (SMS, BERLIN, "2026-11-22T09:00+01:00", "2026-11-22T12:00+01:00"),
        (SMS, BERLIN, "2026-11-21T20:00+01:00", "2026-11-22T12:00+01:00"),
        (SMS, BERLIN, "2026-11-23T19:50+01:00", "2026-11-23T19:50+01:00"),
        (SMS, BERLIN, "2026-11-23T19:51+01:00", "2026-11-24T09:00+01:00"),
        # An Eastern number and a Pacific address: 09:00 Pacific is noon in the East.
        (SMS, COASTS, "2026-11-23T09:00-05:00", "2026-11-23T12:00-05:00"),
        (SMS, COASTS, "2026-11-23T19:55-05:00", "2026-11-24T12:00-05:00"),
        (EMAIL, Whereabouts(("UTC", "Pacific/Kwajalein")), "2026-11-23T12:00+00:00", None),
        (
            EMAIL,
            Whereabouts(("Asia/Kolkata", "Asia/Kathmandu")),
            "2026-11-23T08:00+05:30",
            "2026-11-23T08:00+05:30",
        ),
    ],
)
def test_the_next_window(
    channel: Channel, where: Whereabouts, at: str, expected: str | None
) -> None:
    assert next_open(RULES, channel, where, utc(at)) == (
        None if expected is None else utc(expected)
    )


def test_an_overlap_shorter_than_a_text_needs_is_no_window() -> None:
    rules = Windows(
        sms=Hours(opens=time(9), closes=time(18), least_left=timedelta(minutes=30)),
    )
    nine_hours_apart = Whereabouts(("Asia/Tokyo", "UTC"))
    quarter_less = Whereabouts(("Asia/Kathmandu", "Atlantic/South_Georgia"))
    at = utc("2026-11-23T00:00+00:00")
    assert next_open(rules, SMS, nine_hours_apart, at) is None
    assert next_open(rules, SMS, quarter_less, at) == utc("2026-11-23T11:00+00:00")
    patient = Windows(sms=rules.sms.model_copy(update={"least_left": timedelta(minutes=90)}))
    assert next_open(patient, SMS, quarter_less, at) is None


def test_spring_forward_opens_a_window_whose_hour_does_not_exist() -> None:
    rules = only(Hours(opens=time(2, 30), closes=time(6)))
    at = utc("2026-03-29T00:00+01:00")
    assert next_open(rules, EMAIL, BERLIN, at) == utc("2026-03-29T03:00+02:00")
    assert time_left(rules, EMAIL, BERLIN, utc("2026-03-29T03:00+02:00")) == timedelta(hours=3)


def test_a_window_that_spring_forward_swallows_waits_for_the_next_day() -> None:
    rules = only(Hours(opens=time(2), closes=time(3)))
    at = utc("2026-03-28T12:00+01:00")
    assert next_open(rules, EMAIL, BERLIN, at) == utc("2026-03-30T02:00+02:00")


def test_fall_back_closes_reopens_and_closes_the_window() -> None:
    rules = only(Hours(opens=time(0), closes=time(2, 30)))
    first_close = utc("2026-10-25T02:30+02:00")
    reopened = utc("2026-10-25T02:00+01:00")
    assert time_left(rules, EMAIL, BERLIN, utc("2026-10-25T00:00+02:00")) == timedelta(hours=2.5)
    assert not is_open(rules, EMAIL, BERLIN, first_close)
    assert next_open(rules, EMAIL, BERLIN, first_close) == reopened
    assert time_left(rules, EMAIL, BERLIN, reopened) == timedelta(minutes=30)


def test_a_window_until_midnight_goes_on_when_the_next_day_opens_at_once() -> None:
    rules = only(Hours(opens=time(0), closes=time(0)))
    at = utc("2026-11-23T23:59+01:00")
    assert next_open(rules, EMAIL, BERLIN, at) == at
    assert time_left(rules, EMAIL, BERLIN, at) == timedelta(days=5)


def test_a_text_that_may_run_past_midnight_still_waits_on_sunday() -> None:
    rules = Windows(sms=Hours(opens=time(0), closes=time(0), sunday_opens=time(12)))
    saturday = utc("2026-11-21T23:00+01:00")
    assert time_left(rules, SMS, BERLIN, saturday) == timedelta(hours=1)
    assert next_open(rules, SMS, BERLIN, utc("2026-11-22T00:00+01:00")) == utc(
        "2026-11-22T12:00+01:00"
    )


def test_zones_without_common_hours_leave_email_the_most_plausible_and_text_none() -> None:
    apart = Whereabouts(("UTC", "Pacific/Kwajalein"))
    at = utc("2026-11-23T12:00+00:00")
    assert fitting(RULES, EMAIL, apart, at) == Whereabouts(("UTC",))
    assert fitting(RULES, SMS, apart, at) is None
    assert fitting(RULES, SMS, BERLIN, at) == BERLIN


@pytest.mark.parametrize(
    ("name", "known"),
    [("UTC", True), ("Europe/Berlin", True), ("Mars/Olympus", False), ("", False),
     ("../etc/passwd", False), ("America", False), ("Europe/Berlin\x00", False)],
)  # fmt: skip
def test_a_zone_is_known_or_not(name: str, known: bool) -> None:  # noqa: FBT001  # a table's column
    assert known_zone(name) is known


def test_no_zone_at_all_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no time zone was given"):
        Whereabouts(())
