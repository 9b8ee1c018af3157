"""Where does each kind of step fall: its hour, its days, its date of the invoice, its room?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dunning.channel import Channel
from dunning.directory import Contact, Invoice, InvoiceStatus
from dunning.duration import Lapse, parse_lapse
from dunning.money import Money
from dunning.schedule import Known, Plan, plan
from dunning.whereabouts import Whereabouts
from tests.rules.policies import campaign, policy, step

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def owed(invoice_id: str = "INV-1", tier: str | None = None, minor: int = 4900) -> Invoice:
    return Invoice(
        id=invoice_id,
        amount=Money(minor=minor, currency="USD"),
        status=InvoiceStatus.OPEN,
        contact=Contact(customer_id="cus_1", value_tier=tier),
    )


def planned(
    *steps: dict[str, Any],
    start: datetime = MONDAY,
    zone: str = "UTC",
    next_invoice_at: datetime | None = None,
    known: Known | None = None,
    **fields: Any,
) -> Plan:
    rules = policy(campaign("a", *steps, **fields))
    return plan(
        rules.campaigns[0],
        rules,
        start=start,
        next_invoice_at=next_invoice_at,
        where=Whereabouts((zone,)),
        known=known,
    )


def told(found: Plan, zone: str = "UTC") -> list[str]:
    place = ZoneInfo(zone)
    return [f"{one.step} {one.due_at.astimezone(place):%a %d %b %H:%M}" for one in found.steps]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"after": "4d", "at": "10:00"}, "x Fri 27 Nov 10:00"),
        ({"after": "0h", "at": "04:30"}, "x Tue 24 Nov 08:00"),
        ({"after": "0h", "at": "05:30"}, "x Mon 23 Nov 08:00"),
        ({"after": "0h", "at": "09:00"}, "x Mon 23 Nov 09:00"),
        ({"after": "4d", "at": "21:00"}, "x Sat 28 Nov 08:00"),
        ({"before_close": "5d", "at": "10:00"}, "x Tue 15 Dec 10:00"),
        ({"after": "4d", "weekdays": ["mon", "tue"]}, "x Mon 30 Nov 08:00"),
        ({"after": "4d", "weekdays": ["wed"], "at": "11:00"}, "x Wed 02 Dec 11:00"),
        ({"after": "4d", "weekdays": ["fri"]}, "x Fri 27 Nov 08:00"),
    ],
)
def test_a_local_hour_and_the_days_that_suit(fields: dict[str, Any], expected: str) -> None:
    """The campaign begins at 05:00 in New York, three hours before the window opens."""
    found = planned(step("x", **fields), zone="America/New_York")
    assert told(found, "America/New_York") == [expected]


def test_an_hour_that_is_over_on_the_first_day_comes_on_the_next() -> None:
    assert told(planned(step("x", after="0h", at="09:00"))) == ["x Tue 24 Nov 09:00"]


@pytest.mark.parametrize(
    ("start", "distance", "expected"),
    [
        (datetime(2027, 1, 31, 12, tzinfo=UTC), "1mo", "Sun 28 Feb 2027 12:00"),
        (datetime(2027, 1, 31, 12, tzinfo=UTC), "1mo2h", "Sun 28 Feb 2027 14:00"),
        (datetime(2027, 11, 30, 12, tzinfo=UTC), "3mo", "Tue 29 Feb 2028 12:00"),
        (datetime(2026, 12, 15, 12, tzinfo=UTC), "1mo", "Fri 15 Jan 2027 12:00"),
    ],
)
def test_months_are_those_of_the_calendar(start: datetime, distance: str, expected: str) -> None:
    lapse = parse_lapse(distance)
    assert f"{lapse.after(start, ZoneInfo('UTC')):%a %d %b %Y %H:%M}" == expected
    assert str(lapse) == distance


def test_a_month_is_counted_on_the_local_calendar_and_keeps_the_local_hour() -> None:
    """In New York it is the evening of 28 February; the clocks change in March."""
    place = ZoneInfo("America/New_York")
    start = datetime(2027, 3, 1, 1, tzinfo=UTC)
    assert Lapse(months=1).after(start, place) == datetime(2027, 3, 29, 0, tzinfo=UTC)
    assert Lapse(months=1).before(start, place) == datetime(2027, 1, 29, 1, tzinfo=UTC)


def test_steps_around_the_due_date_take_their_place_among_the_others() -> None:
    steps = (
        step("before", before_due="3d"),
        step("on", after_due="0h"),
        step("first", after="2h"),
        step("second", after="9d"),
        step("final", before_close="5d"),
    )
    due = planned(*steps, known=Known(due_at=MONDAY + 12 * DAY))
    assert told(due) == [
        "first Mon 23 Nov 12:00",
        "before Wed 02 Dec 10:00",
        "second Thu 03 Dec 10:00",
        "on Sat 05 Dec 10:00",
        "final Tue 15 Dec 10:00",
    ]
    late = planned(*steps, known=Known(due_at=MONDAY - DAY))
    assert [one.step for one in late.steps] == ["first", "second", "final"]
    assert late.dropped == ("before", "on")
    assert planned(*steps).dropped == ("before", "on")


def test_a_step_before_a_date_is_not_sent_after_it() -> None:
    """Spacing would push it past the due date."""
    found = planned(
        step("first", after="2h"), step("x", before_due="1h"), known=Known(due_at=MONDAY + DAY)
    )
    assert found.dropped == ("x",)


def test_a_step_before_the_next_invoice() -> None:
    steps = (step("first", after="2h"), step("x", before_next_invoice="3d"))
    found = planned(*steps, next_invoice_at=MONDAY + 14 * DAY)
    assert told(found) == ["first Mon 23 Nov 12:00", "x Fri 04 Dec 10:00"]
    assert planned(*steps).dropped == ("x",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"after": "4d", "payday": True}, "Tue 01 Dec 10:00"),
        ({"after": "4d", "payday": {"days": [28]}, "at": "09:00"}, "Sat 28 Nov 09:00"),
        ({"after": "4d", "payday": {"days": [31]}}, "Mon 30 Nov 10:00"),
        ({"after": "4d", "payday": {"days": [27]}}, "Fri 27 Nov 10:00"),
        ({"after": "4d", "payday": {"days": [5]}, "weekdays": ["mon"]}, "Mon 07 Dec 08:00"),
        ({"after": "4d", "payday": {"days": [12]}}, "Fri 27 Nov 10:00"),
        ({"after": "4d", "payday": False}, "Fri 27 Nov 10:00"),
    ],
)
def test_a_payday_is_taken_if_it_leaves_the_next_step_its_place(
    fields: dict[str, Any], expected: str
) -> None:
    found = planned(
        step("x", **fields), step("second", after="18d"), step("final", before_close="5d")
    )
    assert told(found)[0] == f"x {expected}"
    assert told(found)[1:] == ["second Fri 11 Dec 10:00", "final Tue 15 Dec 10:00"]


def test_jitter_spreads_by_invoice_and_step_and_stays_in_the_window() -> None:
    last = MONDAY.replace(hour=19, minute=50)

    def instants(start: datetime, jitter: str) -> list[datetime]:
        steps = (step("x", after="0h", jitter=jitter), step("y", after="24h", jitter=jitter))
        plans = [
            planned(*steps, start=start, known=Known(invoice=owed(f"I{n}"))) for n in range(50)
        ]
        assert all(b.due_at - a.due_at >= DAY for a, b in (one.steps for one in plans))
        return [one.steps[0].due_at for one in plans]

    wide, narrow = instants(MONDAY, "45m"), instants(last, "45m")
    assert wide == instants(MONDAY, "45m")
    assert len(set(wide)) == 50
    assert max(wide) - min(wide) > timedelta(minutes=40)
    assert all(MONDAY <= at <= MONDAY + timedelta(minutes=45) for at in wide)
    assert all(last <= at < last + timedelta(minutes=10) for at in narrow)


def test_a_step_that_is_not_for_this_invoice_is_left_out_and_said_so() -> None:
    steps = (
        step("first", after="2h"),
        step("big", after="2d", only_if={"amount": {"USD": {"at_least": 5000}}}),
        step("rich", after="4d", only_if={"value_tier": ["high"]}),
        step("alone", after="6d", only_if={"open_cases": {"at_most": 1}}),
        step("many", after="8d", only_if={"open_cases": {"at_least": 2}}),
    )
    found = planned(*steps, known=Known(invoice=owed(tier="high"), open_cases=3))
    assert [one.step for one in found.steps] == ["first", "rich", "many"]
    assert found.unmet == (
        "big: amount is 49.00 USD, outside the campaign's range",
        "alone: the customer has 3 open cases",
    )
    assert found.dropped == ()


def test_an_alert_comes_on_its_day_holds_nothing_back_and_never_after_the_review() -> None:
    found = planned(
        step("first", after="2h"),
        step("second", after="4d"),
        step("final", before_close="5d"),
        alerts=[
            {"id": "call", "after": "4d"},
            {"id": "monday", "after": "4d", "weekdays": ["mon"], "at": "06:00"},
            {"id": "late", "after": "25d"},
        ],
    )
    assert told(found) == [
        "first Mon 23 Nov 12:00",
        "second Fri 27 Nov 10:00",
        "final Tue 15 Dec 10:00",
    ]
    assert [(one.step, f"{one.due_at:%a %d %b %H:%M}") for one in found.alerts] == [
        ("call", "Fri 27 Nov 10:00"),
        ("monday", "Mon 30 Nov 06:00"),
    ]
    assert found.dropped == ("late",)


def test_a_step_keeps_the_channels_that_are_left_to_try() -> None:
    steps = step("x", after="2h", channel="sms", fallback=["push", "email"])
    (only,) = planned(steps).steps
    assert (only.channel, only.fallback) == (Channel.SMS, (Channel.PUSH, Channel.EMAIL))


def test_a_text_without_common_hours_takes_its_next_channel() -> None:
    rules = policy(campaign("a", step("x", after="2h", channel="sms", fallback=["push", "email"])))
    found = plan(
        rules.campaigns[0],
        rules,
        start=MONDAY,
        next_invoice_at=None,
        where=Whereabouts(("UTC", "Pacific/Kwajalein")),
    )
    assert [(one.channel, one.fallback) for one in found.steps] == [
        (Channel.PUSH, (Channel.EMAIL,))
    ]
