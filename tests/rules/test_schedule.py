"""Is the right campaign chosen, and does every step fall due where the policy allows it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.policy_file import default_policy_text, read_policy
from dunning.campaign import Campaign
from dunning.channel import Channel
from dunning.placement import Anchor
from dunning.placing import PlannedStep
from dunning.policy import Policy
from dunning.schedule import Known, Plan, plan
from dunning.whereabouts import Whereabouts
from dunning.windows import fitting, is_open
from tests.rules.effort import effort
from tests.rules.policies import campaign, facts, policy, step

DEFAULT, _ = read_policy(default_policy_text())
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = sorted(available_timezones())
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001  # hypothesis wants naive bounds
    lambda moment: moment.replace(tzinfo=UTC)
)


def schedule(found: Plan, start: datetime) -> dict[str, str]:
    """Each step with its day and local time in UTC."""
    return {
        one.step: f"d{(one.due_at.date() - start.date()).days} {one.due_at:%H:%M}"
        for one in found.steps
    }


def default_plan(
    name: str, next_invoice_at: datetime | None = None, code: str | None = None
) -> Plan:
    (chosen,) = (one for one in DEFAULT.campaigns if one.name == name)
    return plan(
        chosen,
        DEFAULT,
        start=MONDAY,
        next_invoice_at=next_invoice_at,
        where=Whereabouts(("UTC",)),
        decline_code=code,
        known=Known(invoice=facts().invoice),
    )


def test_the_monthly_campaign_day_by_day() -> None:
    found = default_plan("monthly", code="expired_card")
    assert schedule(found, MONDAY) == {
        "first": "d0 12:00",
        "second": "d4 10:00",
        "text": "d6 12:00",
        "third": "d9 10:00",
        "fourth": "d15 10:00",
        "final": "d22 10:00",
    }
    assert [one.template for one in found.steps] == [
        "card_expired",
        "reminder",
        "reminder",
        "reminder",
        "reminder",
        "final_notice",
    ]
    assert found.review_at == MONDAY + 22 * DAY
    assert found.closes_at == MONDAY + 27 * DAY
    assert (found.dropped, found.alerts) == ((), ())
    assert found.unmet == (
        "second-text: value tier is not set, not high",
        "call: value tier is not set, not high",
    )


@pytest.mark.parametrize(
    ("name", "last", "closes", "emails", "texts"),
    [
        ("business", 22, 27, 4, 0),
        ("insufficient-funds", 22, 27, 4, 1),
        ("card-update", 22, 27, 5, 1),
        ("one-off", 16, 21, 4, 1),
        ("monthly", 22, 27, 5, 1),
        ("annual", 55, 60, 8, 2),
        ("quarterly", 55, 60, 6, 1),
        ("weekly", 5, 7, 3, 1),
        ("authenticate-weekly", 5, 7, 2, 1),
        ("authenticate", 9, 14, 3, 1),
    ],
)
def test_the_size_of_each_default_campaign(
    name: str, last: int, closes: int, emails: int, texts: int
) -> None:
    found = default_plan(name)
    channels = [one.channel for one in found.steps]
    assert channels.count(Channel.EMAIL) == emails
    assert channels.count(Channel.SMS) == texts
    assert found.steps[-1].due_at == found.review_at == MONDAY + last * DAY
    assert found.closes_at == MONDAY + closes * DAY


@pytest.mark.parametrize(
    ("days", "steps", "closes"),
    [
        (40, "first second text third fourth final", 27),
        (28, "first second text third fourth final", 27),
        (21, "first second text third final", 20),
        (11, "first second final", 10),
        (9, "first final", 8),
        (8, "first final", 7),
        (3, "first final", 7),
        (-5, "first final", 7),
    ],
)
def test_a_near_next_invoice_takes_steps_out_of_the_middle(
    days: int, steps: str, closes: int
) -> None:
    found = default_plan("monthly", MONDAY + days * DAY)
    assert " ".join(one.step for one in found.steps) == steps
    assert found.closes_at == MONDAY + closes * DAY
    assert found.steps[-1].due_at == found.review_at == MONDAY + (closes - 5) * DAY
    kept = set(steps.split())
    every = ("first", "second", "text", "third", "fourth", "final")
    assert found.dropped == tuple(name for name in every if name not in kept)


def test_a_text_without_common_hours_becomes_an_email() -> None:
    rules = policy(
        campaign("a", step("first", after="2h"), {**step("text", after="2d"), "channel": "sms"})
    )
    found = plan(
        rules.campaigns[0],
        rules,
        start=MONDAY,
        next_invoice_at=None,
        where=Whereabouts(("UTC", "Pacific/Kwajalein")),
    )
    assert found.steps == (
        PlannedStep(
            step="first",
            channel=Channel.EMAIL,
            template="reminder",
            due_at=MONDAY + timedelta(hours=2),
        ),
        PlannedStep(
            step="text", channel=Channel.EMAIL, template="reminder", due_at=MONDAY + 2 * DAY
        ),
    )


def test_a_final_notice_whose_window_opens_after_the_close_goes_out_the_day_before() -> None:
    rules = policy(campaign("a", step("final", before_close="1h"), length="9d"))
    start = MONDAY.replace(hour=23)
    found = plan(
        rules.campaigns[0], rules, start=start, next_invoice_at=None, where=Whereabouts(("UTC",))
    )
    assert schedule(found, start) == {"final": "d9 08:00"}
    assert found.review_at == found.steps[0].due_at < found.closes_at


def test_a_campaign_shorter_than_seven_days_keeps_its_length() -> None:
    rules = policy(campaign("a", length="3d"))
    start = MONDAY
    found = plan(
        rules.campaigns[0],
        rules,
        start=start,
        next_invoice_at=start + DAY,
        where=Whereabouts(("UTC",)),
    )
    assert found.closes_at == start + 3 * DAY
    assert found.review_at == found.steps[-1].due_at


def assert_sound(rules: Policy, found: Plan, start: datetime, zones: tuple[str, ...]) -> None:
    last = start
    for one in found.steps:
        place = fitting(rules.windows, one.channel, Whereabouts(zones), one.due_at)
        assert place, "a text is planned only where all zones have hours in common"
        assert is_open(rules.windows, one.channel, place, one.due_at)
        assert one.due_at.tzinfo is UTC
        assert start <= one.due_at < found.closes_at
        last = one.due_at
    assert all(b.due_at - a.due_at >= rules.spacing for a, b in pairwise(found.steps))
    assert found.review_at == max(last, found.closes_at - rules.review.deadline)
    assert found.review_at <= found.closes_at


def assert_on_their_days(chosen: Campaign, found: Plan, zone: str) -> None:
    steps = {one.id: one for one in chosen.steps}
    for one in found.steps:
        assert steps[one.step].suits(one.due_at.astimezone(ZoneInfo(zone)).date())


def assert_in_file_order(chosen: Campaign, found: Plan) -> None:
    planned = [one.step for one in found.steps]
    of_itself = {one.id for one in chosen.steps if one.anchor in (Anchor.START, Anchor.CLOSE)}
    in_file = [one.id for one in chosen.steps if one.id in planned]
    assert sorted(in_file) == sorted(planned)
    assert [name for name in in_file if name in of_itself] == [
        name for name in planned if name in of_itself
    ]
    told = {one.step for one in found.alerts}
    every = (*chosen.steps, *chosen.alerts)
    assert [one.id for one in every if one.id not in {*planned, *told}] == list(found.dropped)


@effort(600)
@given(
    start=STARTS,
    chosen=st.sampled_from(DEFAULT.campaigns),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3).map(tuple),
    days=st.none() | st.integers(-5, 70),
)
def test_every_default_plan_is_sound(
    start: datetime, chosen: Campaign, zones: tuple[str, ...], days: int | None
) -> None:
    next_invoice_at = None if days is None else start + days * DAY
    found = plan(
        chosen, DEFAULT, start=start, next_invoice_at=next_invoice_at, where=Whereabouts(zones)
    )
    assert_sound(DEFAULT, found, start, zones)
    assert_in_file_order(chosen, found)
    assert found.steps[0].step == "first"
    assert found.steps[-1].step == "final"
    assert found.steps[-1].due_at < found.closes_at


@effort(400)
@given(start=STARTS, chosen=st.sampled_from(DEFAULT.campaigns), zone=st.sampled_from(ZONES))
def test_a_default_campaign_with_time_enough_drops_nothing(
    start: datetime, chosen: Campaign, zone: str
) -> None:
    found = plan(chosen, DEFAULT, start=start, next_invoice_at=None, where=Whereabouts((zone,)))
    assert found.dropped == ()


WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "at": st.integers(0, 23).map(lambda hour: f"{hour:02}:00"),
        "weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=6),
        "jitter": st.sampled_from(["45m", "5h", "40h"]),
        "payday": st.sampled_from([True, {"days": [31]}, {"days": [7, 21]}]),
    },
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    hours = st.integers(0, 20 * 24)
    after = sorted(draw(st.sets(hours, max_size=8)))
    before = sorted(draw(st.sets(st.integers(1, 12 * 24), max_size=3)), reverse=True)
    channels = st.sampled_from(("email", "sms"))
    places = [{"after": f"{n}h"} for n in after] + [{"before_close": f"{n}h"} for n in before]
    steps = [
        {**step(f"s{number}", **place), "channel": draw(channels)}
        for number, place in enumerate(places)
    ]
    steps = [{**one, **draw(EXTRAS)} for one in steps]
    due = draw(st.sets(st.integers(0, 9 * 24), max_size=2))
    steps[:0] = [step(f"due{n}", after_due=f"{n}h", **draw(EXTRAS)) for n in sorted(due)]
    length = f"{draw(st.integers(1, 40))}d"
    return policy(
        campaign("a", *(steps or [step("only", after="0h")]), length=length),
        spacing=draw(st.sampled_from(("1h", "24h", "60h"))),
        review={"deadline": draw(st.sampled_from(("1d", "5d", "40d")))},
    )


@effort(600)
@given(
    rules=policies(),
    start=STARTS,
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3).map(tuple),
    days=st.none() | st.integers(-5, 50),
    due=st.none() | st.integers(-20, 20),
)
def test_every_plan_of_any_policy_is_sound(
    rules: Policy, start: datetime, zones: tuple[str, ...], days: int | None, due: int | None
) -> None:
    (chosen,) = rules.campaigns
    next_invoice_at = None if days is None else start + days * DAY
    due_at = None if due is None else start + due * DAY
    known = Known(invoice=facts(due_at=due_at).invoice)

    def planned() -> Plan:
        return plan(
            chosen,
            rules,
            start=start,
            next_invoice_at=next_invoice_at,
            where=Whereabouts(zones),
            known=known,
        )

    found = planned()
    assert_sound(rules, found, start, zones)
    assert_on_their_days(chosen, found, zones[0])
    assert_in_file_order(chosen, found)
    assert planned() == found


def test_zones_that_agree_only_after_a_clock_change_still_get_every_email() -> None:
    """Twelve hours apart until 14 March 2027, eleven from then on."""
    found = plan(
        next(one for one in DEFAULT.campaigns if one.name == "monthly"),
        DEFAULT,
        start=datetime(2027, 3, 1, 1, tzinfo=UTC),
        next_invoice_at=None,
        where=Whereabouts(("America/New_York", "Asia/Phnom_Penh")),
        known=Known(invoice=facts().invoice),
    )
    emails = [one for one in found.steps if one.channel is Channel.EMAIL]
    assert found.dropped == ()
    assert len(emails) == 6
