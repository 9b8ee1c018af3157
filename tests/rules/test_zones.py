"""Is a customer looked for everywhere that contact, number and country allow, and nowhere else?"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import phonenumbers
import pytest

from activities import area_codes, clocks
from activities.zones import whereabouts
from dunning.directory import Contact
from dunning.whereabouts import Whereabouts

STATES = area_codes.parts("US")
US_CLOCKS = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Adak",
    "Pacific/Honolulu",
)


def found(**known: Any) -> Whereabouts:
    return whereabouts(Contact(customer_id="cus_1", **known), "Europe/Vienna")


@pytest.mark.parametrize(
    ("known", "zones", "regions"),
    [
        ({}, ("Europe/Vienna",), ()),
        ({"timezone": "Asia/Tokyo"}, ("Asia/Tokyo",), ()),
        ({"timezone": "Mars/Base", "country": "JP"}, ("Asia/Tokyo",), ("JP",)),
        # The contact's own zone decides alone; the number still names the state.
        (
            {"timezone": "America/Los_Angeles", "phone": "+15125550123", "country": "US"},
            ("America/Los_Angeles",),
            ("US", "US-TX"),
        ),
        ({"phone": "+12125550123"}, ("America/New_York",), ("US", "US-NY")),
        ({"phone": "+12025550123"}, ("America/New_York",), ("US", "US-DC")),
        ({"phone": "+14165550123"}, ("America/Toronto",), ("CA", "CA-ON")),
        ({"phone": "+19025550123"}, ("America/Halifax",), ("CA", "CA-NS", "CA-PE")),
        ({"phone": "+17875550123"}, ("America/Puerto_Rico",), ("PR",)),
        ({"phone": "+4915112345678", "country": "DE"}, ("Europe/Berlin",), ("DE",)),
        ({"phone": "+34612345678"}, ("Europe/Madrid", "Atlantic/Canary"), ("ES",)),
        ({"country": "ES"}, ("Europe/Madrid", "Atlantic/Canary"), ("ES",)),
        # A number and a country that disagree: all of both.
        (
            {"phone": "+12125550123", "country": "DE"},
            ("America/New_York", "Europe/Berlin"),
            ("DE", "US", "US-NY"),
        ),
        ({"phone": "+4915112345678", "country": "FR"}, ("Europe/Berlin",), ("FR", "DE")),
        # A number that names no state may be in any of them.
        ({"phone": "+15005550006"}, US_CLOCKS, ("US", *STATES)),
        ({"country": "US"}, US_CLOCKS, ("US", *STATES)),
        # What is no number at all says nothing.
        ({"phone": "+15555550100"}, ("Europe/Vienna",), ()),
        ({"phone": "+15555550100", "country": "GB"}, ("Europe/London",), ("GB",)),
        ({"phone": "12125550123"}, ("Europe/Vienna",), ()),
        ({"country": "ZZ"}, ("Europe/Vienna",), ("ZZ",)),
    ],
)
def test_every_plausible_place(
    known: dict[str, Any], zones: tuple[str, ...], regions: tuple[str, ...]
) -> None:
    assert found(**known) == Whereabouts(zones, regions)


def test_a_number_narrows_the_zones_of_its_wide_country() -> None:
    country = set(found(country="RU").zones)
    both = found(phone="+73952123456", country="RU")
    assert both == Whereabouts(("Asia/Irkutsk",), ("RU",))
    assert set(both.zones) < country
    assert "Asia/Almaty" not in found(phone="+79161234567").zones


def test_an_area_code_names_a_place_exactly_where_the_numbering_plan_says_so() -> None:
    named: set[str] = set()
    for code in range(200, 1000):
        phone = f"+1{code}2345678"
        country = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
        regions = area_codes.regions_of(str(code))
        geographic = country in {"US", "CA"} and len(found(phone=phone).zones) < 3
        assert bool(regions) is geographic, code
        assert {region[:2] for region in regions} <= {country}
        named.update(regions)
    assert len(STATES) == 51
    assert named == {*STATES, *area_codes.parts("CA")}


def test_zones_of_one_clock_are_looked_at_once() -> None:
    assert clocks.distinct(("Europe/Berlin", "Europe/Paris", "Europe/London")) == (
        "Europe/Berlin",
        "Europe/London",
    )
    assert clocks.common(("Asia/Kolkata", "Asia/Tokyo"), ("Asia/Calcutta",)) == ("Asia/Kolkata",)
    assert clocks.of_country("DE") == ("Europe/Berlin",)
    assert clocks.of_country("ZZ") == ()


def test_every_zone_of_every_country_is_one_that_python_knows() -> None:
    known = available_timezones()
    for country in phonenumbers.SUPPORTED_REGIONS:
        assert set(clocks.of_country(country)) <= known
