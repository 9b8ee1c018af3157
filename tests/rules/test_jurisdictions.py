"""Are texts kept to the holidays and hours of every place where the recipient may be?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dunning.channel import Channel
from dunning.hours import Windows
from dunning.public_holidays import is_holiday
from dunning.whereabouts import Whereabouts
from dunning.windows import fitting, is_open, next_open, time_left

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
ALL_DAY = {"opens": "00:00", "closes": "24:00"}
NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def windows(**fields: Any) -> Windows:
    return Windows.model_validate({"email": ALL_DAY, "sms": ALL_DAY, **fields})


def hours_of(where: Whereabouts, day: str, rules: Windows | None = None) -> tuple[str, str] | None:
    """When a text may start on a local day; None when never."""
    rules = rules or windows(holidays={"sms": "allow"})
    start = datetime.fromisoformat(f"{day}T00:00+00:00")
    quarters = [start + timedelta(minutes=15 * number) for number in range(96)]
    opened = [moment for moment in quarters if is_open(rules, SMS, where, moment)]
    if not opened:
        return None
    return f"{opened[0]:%H:%M}", f"{opened[-1] + timedelta(minutes=15):%H:%M}"


@pytest.mark.parametrize(
    ("regions", "weekday", "saturday", "sunday"),
    [
        ((), ("00:00", "00:00"), ("00:00", "00:00"), ("00:00", "00:00")),
        (("DE",), ("00:00", "00:00"), ("00:00", "00:00"), ("00:00", "00:00")),
        (("US",), ("08:00", "21:00"), ("08:00", "21:00"), ("08:00", "21:00")),
        (("US", "US-NY"), ("08:00", "21:00"), ("08:00", "21:00"), ("08:00", "21:00")),
        (("US", "US-FL"), ("08:00", "20:00"), ("08:00", "20:00"), ("08:00", "20:00")),
        (("US", "US-CT"), ("09:00", "20:00"), ("09:00", "20:00"), ("09:00", "20:00")),
        (("US", "US-TX"), ("09:00", "21:00"), ("09:00", "21:00"), ("12:00", "21:00")),
        (("US", "US-RI"), ("09:00", "18:00"), ("10:00", "17:00"), ("10:00", "17:00")),
        (("US", "US-TX", "US-RI"), ("09:00", "18:00"), ("10:00", "17:00"), ("12:00", "17:00")),
        (("GB",), ("08:00", "21:00"), ("08:00", "21:00"), ("08:00", "21:00")),
        (("FR",), ("08:00", "22:00"), ("08:00", "22:00"), None),
        (("GB", "FR"), ("08:00", "21:00"), ("08:00", "21:00"), None),
    ],
)
def test_the_hours_of_every_plausible_place_are_kept(
    regions: tuple[str, ...],
    weekday: tuple[str, str],
    saturday: tuple[str, str],
    sunday: tuple[str, str] | None,
) -> None:
    where = Whereabouts(("UTC",), regions)
    assert hours_of(where, "2026-11-20") == weekday
    assert hours_of(where, "2026-11-21") == saturday
    assert hours_of(where, "2026-11-22") == sunday


def test_the_law_can_be_switched_off_and_is_on_texts_only() -> None:
    rhode_island = Whereabouts(("UTC",), ("US", "US-RI"))
    free = windows(holidays={"sms": "allow"}, jurisdictions=False)
    assert hours_of(rhode_island, "2026-11-20", free) == ("00:00", "00:00")
    night = utc("2026-11-20T03:00+00:00")
    allowed = {channel for channel in Channel if is_open(windows(), channel, rhode_island, night)}
    assert allowed == {EMAIL, PUSH}


def test_policy_and_law_hold_together() -> None:
    rules = Windows.model_validate({"sms": {"opens": "10:30", "closes": "19:00"}})
    assert hours_of(Whereabouts(("UTC",), ("US", "US-RI")), "2026-11-20", rules) == (
        "10:30",
        "18:00",
    )


def test_a_policy_that_the_law_leaves_no_hours_sends_no_text() -> None:
    rules = Windows.model_validate({"sms": {"opens": "18:00", "closes": "21:00"}})
    where = Whereabouts((NEW_YORK,), ("US", "US-RI"))
    at = utc("2026-11-20T12:00-05:00")
    assert next_open(rules, SMS, where, at) is None
    assert fitting(rules, SMS, where, at) is None


@pytest.mark.parametrize(
    ("regions", "at", "expected"),
    [
        # Thanksgiving is the fourth Thursday of November; the day after rests in some states.
        (("US", "US-NY"), "2026-11-26T10:00-05:00", "2026-11-27T09:00-05:00"),
        (("US", "US-CA"), "2026-11-26T10:00-05:00", "2026-11-28T09:00-05:00"),
        (("DE",), "2026-11-26T10:00-05:00", "2026-11-26T10:00-05:00"),
        # Independence Day 2026 is a Saturday, and is observed on Friday; then comes Sunday.
        (("US", "US-NY"), "2026-07-02T19:55-04:00", "2026-07-05T12:00-04:00"),
        # Russia rests for nine days around the new year.
        (("RU",), "2026-01-01T10:00-05:00", "2026-01-10T09:00-05:00"),
        # In two places, the holidays of both.
        (("US", "GB"), "2026-12-25T10:00-05:00", "2026-12-27T12:00-05:00"),
        ((), "2026-12-25T10:00-05:00", "2026-12-25T10:00-05:00"),
        (("ZZ",), "2026-12-25T10:00-05:00", "2026-12-25T10:00-05:00"),
    ],
)
def test_a_text_waits_for_the_end_of_the_holidays(
    regions: tuple[str, ...], at: str, expected: str
) -> None:
    where, rules = Whereabouts((NEW_YORK,), regions), Windows()
    assert next_open(rules, SMS, where, utc(at)) == utc(expected)


def test_an_email_goes_out_on_holidays_unless_the_policy_says_no() -> None:
    where, christmas = Whereabouts((NEW_YORK,), ("US",)), utc("2026-12-25T10:00-05:00")
    skipping = Windows.model_validate({"holidays": {"email": "skip", "sms": "allow"}})
    assert next_open(Windows(), EMAIL, where, christmas) == christmas
    assert next_open(skipping, EMAIL, where, christmas) == utc("2026-12-26T08:00-05:00")
    assert next_open(skipping, SMS, where, christmas) == christmas


def test_french_law_rests_on_holidays_even_if_the_policy_does_not() -> None:
    rules = windows(holidays={"sms": "allow"})
    paris = Whereabouts(("Europe/Paris",), ("FR",))
    bastille_day = utc("2026-07-14T10:00+02:00")
    assert next_open(rules, SMS, paris, bastille_day) == utc("2026-07-15T08:00+02:00")
    assert next_open(rules, EMAIL, paris, bastille_day) == bastille_day


@pytest.mark.parametrize(
    ("regions", "at", "left"),
    [
        (("US", "US-RI"), "2026-11-20T17:30-05:00", timedelta(minutes=30)),
        (("US", "US-RI"), "2026-11-20T18:00-05:00", timedelta(0)),
        (("US", "US-TX"), "2026-11-20T19:30-05:00", timedelta(minutes=90)),
        # The eve of a holiday ends at midnight, though the policy never closes.
        (("JP",), "2026-11-22T22:00-05:00", timedelta(hours=2)),
        (("JP",), "2026-11-23T12:00-05:00", timedelta(0)),
    ],
)
def test_a_carrier_may_hold_a_text_until_the_stricter_closing(
    regions: tuple[str, ...], at: str, left: timedelta
) -> None:
    assert time_left(windows(), SMS, Whereabouts((NEW_YORK,), regions), utc(at)) == left


def test_the_clocks_go_back_on_a_day_with_stricter_hours() -> None:
    """The first Sunday of November has an hour more before Texas opens."""
    where = Whereabouts(("America/Chicago",), ("US", "US-TX"))
    at = utc("2026-10-31T21:00-05:00")
    found = next_open(windows(), SMS, where, at)
    assert found == utc("2026-11-01T12:00-06:00")
    assert time_left(windows(), SMS, where, utc("2026-11-01T12:00-06:00")) == timedelta(hours=9)


def test_a_holiday_rests_in_its_part_of_the_country_only() -> None:
    texan = datetime(2026, 3, 2, tzinfo=UTC).date()
    assert is_holiday(("US-TX",), texan)
    assert is_holiday(("US", "US-TX"), texan)
    assert not is_holiday(("US",), texan)
    assert not is_holiday(("US-XX", "ZZ", ""), texan)
