"""Is a policy document read exactly, and is every mistake told with its path and its fix?"""

from __future__ import annotations

import json
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dunning.channel import Channel
from dunning.errors import PolicyError
from dunning.hours import Hours, Windows
from dunning.notice import Brand
from dunning.policy import (
    Account,
    AfterReview,
    AfterWatch,
    ChargedBy,
    NewCard,
    Policy,
    Promise,
    Review,
    Watch,
    parse_policy,
)
from tests.rules.policies import campaign, changed, document, policy, step, with_step

if TYPE_CHECKING:
    pass


def problems(document: object) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    return caught.value.problems


def test_what_is_left_out_has_the_documented_default() -> None:
    read = policy()
    assert read.brand == Brand(name="Example", support_email="billing@example.com")
    assert read.account == Account(timezone="UTC", locale="en")
    assert read.windows == Windows(
        email=Hours(opens=time(8), closes=time(20)),
        sms=Hours(
            opens=time(9),
            closes=time(20),
            sunday_opens=time(12),
            least_left=timedelta(minutes=10),
        ),
    )
    assert read.spacing == timedelta(hours=24)
    assert read.watch == Watch(deadline=timedelta(days=45), then=AfterWatch.REVIEW)
    assert read.new_card == NewCard(charged_by=ChargedBy.MERCHANT, deadline=timedelta(days=3))
    assert read.review == Review(deadline=timedelta(days=5), rounds=2, then=AfterReview.WRITE_OFF)
    assert read.receipt is True


def test_a_step_chooses_its_template_by_decline_code() -> None:
    (only,) = (
        policy(
            campaign("a", step("first", after="2h", by_decline={"expired_card": "card_expired"}))
        )
        .campaigns[0]
        .steps
    )
    assert only.template_for("expired_card") == "card_expired"
    assert only.template_for("do_not_honor") == "reminder"
    assert only.template_for(None) == "reminder"
    assert only.templates == {"reminder", "card_expired"}
    assert only.channel is Channel.EMAIL


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        policy().receipt = False  # type: ignore[misc]  # the point of the test


def test_what_is_written_out_reads_back_as_the_same_version() -> None:
    read = policy(
        campaign(
            "a",
            step("first", after="1d12h", by_decline={"expired_card": "card_expired"}),
            step(
                "every-field",
                after="1mo2d",
                at="10:00",
                weekdays=["mon", "fri"],
                payday=True,
                jitter="45m",
                fallback=["push", "sms"],
                only_if={
                    "amount": {"USD": {"at_least": 100}},
                    "value_tier": ["high"],
                    "open_cases": {"at_most": 2},
                },
            ),
            step("due", before_due="3d"),
            step("next", before_next_invoice="2d", payday=False),
            step("final", before_close="5d"),
            alerts=[{"id": "call", "after": "9d"}],
            when={
                "decline_class": ["soft"],
                "value_tier": ["low"],
                "billing_period": ["month", None],
                "amount": {"USD": {"at_least": 100, "below": 500}},
            },
        ),
        windows={"email": {"opens": "07:30", "closes": "24:00"}},
    )
    again = parse_policy(json.loads(read.model_dump_json()))
    assert again == read
    assert again.digest == read.digest


def test_a_decision_changes_the_version_and_a_repeated_default_does_not() -> None:
    assert policy(receipt=True).digest == policy().digest
    assert policy(receipt=False).digest != policy().digest


def test_the_schema_allows_exactly_the_known_fields() -> None:
    schema = Policy.model_json_schema()
    assert schema["additionalProperties"] is False
    assert sorted(schema["required"]) == ["brand", "campaigns", "version"]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in document().items() if key != name}


LAPSE_FIX = "Write months, days, hours or minutes, such as 1mo, 4d, 2h or 1d12h."
DURATION_FIX = "Write whole days, hours or minutes, such as 4d, 2h, 90m or 1d12h."


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (None, "policy: expected a block of `field: value` lines, found nothing."),
        ([], "policy: expected a block of `field: value` lines, found a list."),
        (without("version"), "version: missing. Add it: `version: 1`."),
        (changed(version=2), "version: the number 2 is not one of the choices. Write 1."),
        (changed(acount={}), "acount: unknown field. Did you mean `account`?"),
        (
            changed(account={"colour": 1}),
            "account.colour: unknown field. Remove it; the fields known here are locale, timezone.",
        ),
        (
            changed(account={"timezone": "Berlin"}),
            (
                "account.timezone: `Berlin` is not a known time zone. "
                "Write one like Europe/Berlin or UTC."
            ),
        ),
        (changed(receipt="yes"), "receipt: expected true or false, found the text `yes`."),
        (changed(spacing=24), f"spacing: a duration is a text. {DURATION_FIX}"),
        (changed(spacing="0h"), f"spacing: must be longer than nothing. {DURATION_FIX}"),
        (
            changed(review={"rounds": 0}),
            "review.rounds: the number 0 is out of range. Write at least 1.",
        ),
        (
            changed(review={"rounds": True}),
            "review.rounds: expected a whole number, without quotes, found `true`.",
        ),
        (
            changed(review={"then": "writeoff"}),
            "review.then: the text `writeoff` is not one of the choices. Did you mean `write_off`?",
        ),
        (
            changed(windows={"email": {"opens": 480, "closes": "20:00"}}),
            'windows.email.opens: a time of day is a text. Write it in quotes, such as "08:00".',
        ),
        (
            changed(windows={"email": {"opens": "8", "closes": "20:00"}}),
            (
                "windows.email.opens: `8` is not a time of day. "
                'Write it with 24 hours, such as "08:00".'
            ),
        ),
        (
            changed(windows={"email": {"opens": "21:00", "closes": "06:00"}}),
            (
                "windows.email: the window is shorter than 1h. Let it close later on the same day; "
                "a window cannot cross midnight."
            ),
        ),
        (
            changed(brand={"name": "A", "support_email": "a@b.co", "color": "blue"}),
            'brand.color: `blue` is not a color. Write it in quotes as six digits: "#1f4fd8".',
        ),
        (
            changed(brand={"name": "A", "support_email": "a@b.co", "logo_url": "javascript:x"}),
            (
                "brand.logo_url: `javascript:x` is not a web address. "
                "Write it in full: https://example.com."
            ),
        ),
        (
            changed(brand={"name": "A", "support_email": "a"}),
            "brand.support_email: `a` is not an email address. Write one like billing@example.com.",
        ),
        (
            changed(campaigns=[]),
            (
                "campaigns: is empty. Write at least one entry; "
                "a condition without entries is left out."
            ),
        ),
        (
            document(campaign("A b")),
            (
                "campaigns[0].name: the text `A b` does not fit. "
                "Write 1 to 40 of the characters a-z, 0-9 and -."
            ),
        ),
        (
            document(campaign("a"), campaign("b", when={"advice": "authenticate"})),
            (
                "campaigns[1].when.advice: expected a list, such as [first, second], "
                "found the text `authenticate`."
            ),
        ),
        (
            document(campaign(when={"advice": ["request_card"]})),
            (
                "campaigns[0].when.advice[0]: the text `request_card` is not one of the choices. "
                "Did you mean `request_card_update`?"
            ),
        ),
        (
            document(campaign(when={"amount": {"usd": {}}})),
            (
                "campaigns[0].when.amount.usd: the text `usd` does not fit. "
                "Write a currency code of three capital letters, such as USD."
            ),
        ),
        (
            document(campaign(when={"amount": {"USD": {"at_least": 5, "below": 5}}})),
            (
                "campaigns[0].when.amount.USD: `below` is not above `at_least`, so no amount fits. "
                "Raise `below`."
            ),
        ),
        (
            with_step(after="3 months"),
            f"campaigns[0].steps[0].after: `3 months` is not a duration. {LAPSE_FIX}",
        ),
        (
            with_step(after="37mo"),
            ("campaigns[0].steps[0].after: `37mo` is longer than 36mo. Write a shorter duration."),
        ),
        (
            with_step(before_close="0mo"),
            f"campaigns[0].steps[0].before_close: must be longer than nothing. {LAPSE_FIX}",
        ),
        (
            with_step(),
            (
                "campaigns[0].steps[0]: the step has nothing that places it. Give it exactly one "
                "of `after`, `before_close`, `before_due`, `after_due`, `before_next_invoice`: "
                "`after: 4d` counts from the start, `before_close: 5d` back from the close."
            ),
        ),
        (
            with_step(after="2h", fallback=["sms", "email"]),
            (
                "campaigns[0].steps[0]: `fallback` leads to email a second time. Name each channel "
                "once, and leave out the one that the step begins with."
            ),
        ),
        (
            with_step(after="2h", weekdays=["monday"]),
            (
                "campaigns[0].steps[0].weekdays[0]: the text `monday` is not one of the choices. "
                "Did you mean `mon`?"
            ),
        ),
        (
            with_step(after="2h", payday={"days": [0]}),
            (
                "campaigns[0].steps[0].payday.days[0]: the number 0 is out of range. "
                "Write at least 1."
            ),
        ),
        (
            with_step(after="2h", payday="friday"),
            (
                "campaigns[0].steps[0].payday: expected a block of `field: value` lines, "
                "found the text `friday`."
            ),
        ),
        (
            with_step(after="2h", only_if={"valuetier": ["high"]}),
            "campaigns[0].steps[0].only_if.valuetier: unknown field. Did you mean `value_tier`?",
        ),
        (
            with_step(after="2h", only_if={"open_cases": {"at_least": 3, "at_most": 2}}),
            (
                "campaigns[0].steps[0].only_if.open_cases: `at_most` is below `at_least`, so no "
                "number fits. Raise `at_most`."
            ),
        ),
        (
            document(
                {**campaign("a"), "alerts": [{"id": "call", "channel": "sms", "after": "2d"}]}
            ),
            (
                "campaigns[0].alerts[0].channel: unknown field. Remove it; the fields known here "
                "are after, after_due, at, before_close, before_due, before_next_invoice, id, "
                "only_if, weekdays."
            ),
        ),
        (
            document(campaign("a", step("b", after_due="2d"), step("c", before_due="1d"))),
            (
                "campaigns[0].steps[1]: step `c` does not come after step `b`. List the steps in "
                "the order in which they are sent: by rising `after`, then by falling "
                "`before_close`."
            ),
        ),
        (
            with_step(aftr="3d"),
            "campaigns[0].steps[0].aftr: unknown field. Did you mean `after`?",
        ),
        (
            with_step(after="3d", before_close="3d"),
            (
                "campaigns[0].steps[0]: the step has `after` and `before_close`. Give it exactly "
                "one of `after`, `before_close`, `before_due`, `after_due`, "
                "`before_next_invoice`: `after: 4d` counts from the start, `before_close: 5d` back "
                "from the close."
            ),
        ),
        (
            document(campaign("a", step("final", before_close="5d"), step("late", after="9d"))),
            (
                "campaigns[0].steps[1]: step `late` does not come after step `final`. List the "
                "steps in the order in which they are sent: by rising `after`, then by falling "
                "`before_close`."
            ),
        ),
    ],
)
def test_a_mistake_is_told_with_its_path_and_its_fix(wrong: object, told: str) -> None:
    assert problems(wrong) == (told,)


def test_steps_and_alerts_of_one_name_are_refused() -> None:
    twice = campaign("a", step("x", after="2h"), alerts=[{"id": "x", "after": "3d"}])

    (told,) = problems(document(twice))

    assert told.startswith("campaigns[0].steps: `x` names two of the steps and alerts.")


def test_all_mistakes_are_told_at_once() -> None:
    wrong = changed(acount={}, receipt=1, campaigns=[{"name": "a", "steps": []}])
    assert problems(wrong) == (
        "receipt: expected true or false, found the number 1.",
        "campaigns[0].length: missing. Add it: `length: 27d`.",
        (
            "campaigns[0].steps: is empty. Write at least one entry; "
            "a condition without entries is left out."
        ),
        "acount: unknown field. Did you mean `account`?",
    )


def test_promises_can_be_switched_off_and_reach_one_to_ninety_days() -> None:
    assert policy().promise == Promise(
        longest=timedelta(days=14), most=1, grace=timedelta(days=2), confirm=True, remind=False
    )
    off = policy(promise="off")
    assert off.promise is None
    assert parse_policy(json.loads(off.model_dump_json())).digest == off.digest
    for longest in ("12h", "91d"):
        assert problems(document(promise={"longest": longest})) == (
            (
                "promise.longest: a promise can reach 1 to 90 days ahead. Write a number of days "
                "in between, such as 14d, or `promise: off` to take none."
            ),
        )
