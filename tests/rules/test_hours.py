"""Does the policy's way to write hours mean what it says, and is every mistake told?"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from dunning.channel import Channel
from dunning.day_hours import DayHours
from dunning.errors import PolicyError
from dunning.hours import Hours, Windows
from dunning.policy import parse_policy
from tests.rules.policies import document, policy

USUAL = {"opens": "09:00", "closes": "20:00"}
NINE_TO_EIGHT = DayHours(9 * 60, 20 * 60)


def sms(**fields: Any) -> dict[str, Any]:
    return {"sms": {**USUAL, **fields}}


def week(**fields: Any) -> tuple[DayHours | None, ...]:
    return Hours.model_validate({**USUAL, **fields}).week


@pytest.mark.parametrize(
    ("fields", "saturday", "sunday"),
    [
        ({}, NINE_TO_EIGHT, NINE_TO_EIGHT),
        ({"sunday_opens": "12:00"}, NINE_TO_EIGHT, DayHours(12 * 60, 20 * 60)),
        ({"days": {"sun": "closed"}}, NINE_TO_EIGHT, None),
        (
            {"days": {"sat": {"opens": "10:00", "closes": "18:30"}, "sun": {"opens": "13:00"}}},
            DayHours(10 * 60, 18 * 60 + 30),
            DayHours(13 * 60, 20 * 60),
        ),
        (
            {"sunday_opens": "12:00", "days": {"sat": {"closes": "24:00"}}},
            DayHours(9 * 60, 24 * 60),
            DayHours(12 * 60, 20 * 60),
        ),
        ({"days": {"sat": {}}}, NINE_TO_EIGHT, NINE_TO_EIGHT),
    ],
)
def test_a_day_may_differ_from_the_others(
    fields: dict[str, Any], saturday: DayHours | None, sunday: DayHours | None
) -> None:
    assert week(**fields) == (*(NINE_TO_EIGHT,) * 5, saturday, sunday)


def test_push_has_the_hours_of_email_unless_it_has_its_own() -> None:
    early = {"opens": "06:00", "closes": "12:00"}
    assert Windows.model_validate({"email": early}).of(Channel.PUSH).week[0] == DayHours(360, 720)
    own = Windows.model_validate({"email": early, "push": USUAL})
    assert own.of(Channel.PUSH).week[0] == NINE_TO_EIGHT


def test_only_texts_skip_holidays_unless_told_otherwise() -> None:
    def resting(windows: Windows) -> set[Channel]:
        return {channel for channel in Channel if windows.rest_on_holidays(channel)}

    assert resting(Windows()) == {Channel.SMS}
    changed = Windows.model_validate({"holidays": {"sms": "allow", "email": "skip"}})
    assert resting(changed) == {Channel.EMAIL}


def test_hours_by_day_read_back_as_the_same_version() -> None:
    days = {"sat": {"opens": "10:00"}, "sun": "closed"}
    read = policy(
        windows={**sms(days=days, least_left="30m"), "push": USUAL, "jurisdictions": False}
    )
    assert read.windows.sms.least_left == timedelta(minutes=30)
    again = parse_policy(json.loads(read.model_dump_json()))
    assert again == read
    assert again.digest == read.digest != policy().digest


CLOSED_OR_HOURS = (
    "a day is `closed` or a block of fields. "
    'Write `closed`, or hours such as {opens: "10:00", closes: "18:00"}.'
)
NOT_A_TIME = 'is not a time of day. Write it with 24 hours, such as "08:00".'
CLOSE_LATER = "Let it close later on the same day; a window cannot cross midnight."


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        (sms(days={"sun": "close"}), f"windows.sms.days.sun: {CLOSED_OR_HOURS}"),
        (sms(days={"sun": None}), f"windows.sms.days.sun: {CLOSED_OR_HOURS}"),
        (
            sms(days={"sunday": "closed"}),
            "windows.sms.days.sunday: unknown field. Did you mean `sun`?",
        ),
        (
            sms(days={"sun": {"open": "9"}}),
            "windows.sms.days.sun.open: unknown field. Did you mean `opens`?",
        ),
        (
            sms(days={"sat": {"opens": "9"}}),
            f"windows.sms.days.sat.opens: `9` {NOT_A_TIME}",
        ),
        (
            sms(days={"sat": {"opens": "19:30"}}),
            f"windows.sms.days.sat: the window is shorter than 1h. {CLOSE_LATER}",
        ),
        (
            sms(days={"sat": {"opens": "18:00"}}, least_left="3h"),
            f"windows.sms.days.sat: the window is shorter than 3h. {CLOSE_LATER}",
        ),
        (
            sms(sunday_opens="12:00", days={"sun": {"opens": "13:00"}}),
            "windows.sms: sunday_opens and days.sun both speak of Sunday. Keep one of the two.",
        ),
        (
            sms(sunday_opens="21:00"),
            "windows.sms: sunday_opens is not before closes. Let Sunday open earlier.",
        ),
        (
            sms(days=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "closed")),
            "windows.sms.days: every day is closed. Leave at least one day open.",
        ),
        (
            {"holidays": {"sms": "skp"}},
            "windows.holidays.sms: the text `skp` is not one of the choices. Did you mean `skip`?",
        ),
        (
            {"holidays": {"sms": False}},
            "windows.holidays.sms: `false` is not one of the choices. Write `skip` or `allow`.",
        ),
        (
            {"jurisdictions": "yes"},
            "windows.jurisdictions: expected true or false, found the text `yes`.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_path_and_its_fix(windows: dict[str, Any], told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document(windows=windows))
    assert caught.value.problems == (told,)
