"""Does the linter find what a valid policy will not do as its author meant?"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.policy_check import check, findings
from app.policy_file import default_policy_text, read_policy
from dunning.channel import Channel
from dunning.finding import Code, Finding
from dunning.lint import lint
from dunning.surroundings import Surroundings
from tests.messages.test_lint import CODES as CODES_OF_TEMPLATES
from tests.rules.policies import campaign, policy, step

if TYPE_CHECKING:
    from dunning.policy import Policy

EMAILS = frozenset(
    [
        "authenticate",
        "card_declined",
        "card_expired",
        "card_update_failed",
        "final_notice",
        "insufficient_funds",
        "payment_received",
        "promise_broken",
        "promise_confirmed",
        "reminder",
        "several",
    ]
)
TEMPLATES = {
    Channel.EMAIL: EMAILS,
    Channel.SMS: EMAILS - {"payment_received"},
    Channel.PUSH: frozenset({"reminder", "several"}),
}
RCU = "request_card_update"
BRAND = {"name": "Example", "support_email": "billing@acme.co"}
PARIS = Surroundings(regions=("FR",))


def text(name: str, **fields: Any) -> dict[str, Any]:
    return {**step(name, **fields), "channel": "sms"}


def tap(name: str, **fields: Any) -> dict[str, Any]:
    return {**step(name, **fields), "channel": "push"}


def brand(**fields: Any) -> dict[str, Any]:
    return {**BRAND, **fields}


def found(rules: Policy, around: Surroundings | None = None) -> list[tuple[str, str]]:
    told = lint(rules, TEMPLATES, around or Surroundings())
    return [(finding.code, finding.path) for finding in told]


# fmt: off
TEXTS = campaign("a", text("t", after="2h"))
FIRST = step("first", after="2h")
ONE_EACH: list[tuple[Code, str, Policy, Surroundings | None]] = [
    (Code.BRAND_NAME, "brand.name", policy(TEXTS, brand=brand(name="")), None),
    (Code.BRAND_NAME, "brand.name", policy(TEXTS, brand=brand(name="x" * 21)), None),
    (Code.BRAND_NAME, "brand.name",
     policy(campaign("a", tap("t", after="2h", fallback=["sms"])), brand=brand(name="")), None),
    (Code.LOGO_NOT_HTTPS, "brand.logo_url",
     policy(brand=brand(logo_url="http://acme.co/logo.png")), None),
    (Code.PALE_COLOR, "brand.color", policy(brand=brand(color="#fdfdfd")), None),
    (Code.EXAMPLE_ADDRESS, "brand.support_email", policy(), Surroundings(live=True)),
    (Code.MISSING_PRICE, "prices.sms", policy(TEXTS, prices={"sms": {"US": "0.0083"}}), None),
    (Code.DUPLICATE_CAMPAIGN, "campaigns",
     policy(campaign("a", when={"plan": ["p"]}), campaign("a")), None),
    (Code.NO_CAMPAIGN, "campaigns", policy(campaign("a", when={"advice": [RCU]})), None),
    (Code.WATCH_WITHOUT_CAMPAIGN, "watch.then",
     policy(campaign("a", when={"advice": ["authenticate"]}), watch={"then": "campaign"}), None),
    (Code.UNREACHABLE, "campaigns[1]",
     policy(campaign("a"), campaign("b", when={"plan": ["p"]})), None),
    (Code.UNREACHABLE, "campaigns[2]",
     policy(campaign("a", when={"billing_period": ["month", None]}),
            campaign("b", when={"billing_period": ["week", "quarter", "year"]}, length="7d"),
            campaign("c")), None),
    (Code.UNREACHABLE, "campaigns[1]",
     policy(campaign("a", when={"amount": {"USD": {"at_least": 100}, "EUR": {}}}),
            campaign("b", when={"amount": {"USD": {"at_least": 200, "below": 300}}}),
            campaign("c")), None),
    (Code.UNREACHABLE, "campaigns[1]",
     policy(campaign("a", when={"locale": ["de"]}), campaign("b", when={"locale": ["de-AT"]}),
            campaign("c")), None),
    (Code.UNREACHABLE, "campaigns[2]",
     policy(campaign("a", when={"decline_class": ["soft", "expired", "hard"]}),
            campaign("b", when={"decline_class": ["insufficient_funds", "authentication", "fraud",
                                                  "unknown"]}),
            campaign("c")), None),
    (Code.UNREACHABLE, "campaigns[0]",
     policy(campaign("a", when={"advice": ["manual_review"]}), campaign("b")), None),
    (Code.UNREACHABLE, "campaigns[0]",
     policy(campaign("a", when={"decline_codes": ["expired_card"], "decline_class": ["soft"]}),
            campaign("b")), None),
    (Code.LONGER_THAN_PERIOD, "campaigns[0].length",
     policy(campaign("w", length="8d", when={"billing_period": ["week"]}), campaign("m")), None),
    (Code.LONGER_THAN_PERIOD, "campaigns[0].length", policy(campaign("m", length="60d")), None),
    (Code.ONLY_IF_NEVER, "campaigns[0].steps[1].only_if",
     policy(campaign("a", FIRST, step("more", after="3d", only_if={"value_tier": ["high"]}),
                     when={"value_tier": ["low"]}), campaign("b")), None),
    (Code.ONLY_IF_NEVER, "campaigns[0].steps[1].only_if",
     policy(campaign("a", FIRST,
                     step("more", after="3d", only_if={"amount": {"USD": {"below": 100}}}),
                     when={"amount": {"USD": {"at_least": 100}}}), campaign("b")), None),
    (Code.NO_WINDOW, "campaigns[0].steps[0]",
     policy(campaign("a", text("t", after="2h", weekdays=["sun"])),
            windows={"sms": {"opens": "09:00", "closes": "20:00", "days": {"sun": "closed"}}}),
     None),
    (Code.NO_WINDOW, "campaigns[0].steps[0]",
     policy(campaign("a", text("t", after="2h", weekdays=["sun"]))), PARIS),
    (Code.NO_WINDOW, "campaigns[0].steps[0].fallback[0]",
     policy(campaign("a", step("t", after="2h", weekdays=["sun"], fallback=["sms"]))), PARIS),
    (Code.NO_WINDOW, "campaigns[0].steps[1]",
     policy(campaign("a", FIRST, step("never", after="9d", weekdays=["sun"])),
            windows={"email": {"opens": "09:00", "closes": "20:00", "days": {"sun": "closed"}}}),
     None),
    (Code.NEVER_SENT, "campaigns[0].steps[1]",
     policy(campaign("a", FIRST, step("late", after="30d"))), None),
    (Code.NEVER_SENT, "campaigns[0].alerts[0]",
     policy(campaign("a", FIRST, alerts=[{"id": "call", "after": "30d"}])), None),
    (Code.TOO_CLOSE, "campaigns[0].steps[1]",
     policy(campaign("a", FIRST, step("soon", after="3h"), step("final", before_close="26d"))),
     None),
    (Code.LATE_ALERT, "campaigns[0].alerts[0]",
     policy(campaign("a", FIRST, alerts=[{"id": "call", "after": "25d"}])), None),
    (Code.OVER_BUDGET, "campaigns[0].steps[1]",
     policy(campaign("a", text("t", after="2h"), text("u", after="3d"))), None),
    (Code.OVER_BUDGET, "campaigns[0].steps[4]",
     policy(campaign("a", *(step(f"s{day}", after=f"{day}d") for day in range(1, 6)))), None),
    (Code.MERGE_BEYOND_SPACING, "merge_within", policy(merge_within="25h"), None),
    (Code.JITTER_BEYOND_WINDOW, "campaigns[0].steps[0].jitter",
     policy(campaign("a", step("first", after="2h", jitter="13h"))), None),
    (Code.JITTER_BEYOND_WINDOW, "campaigns[0].steps[0].jitter",
     policy(campaign("a", step("first", after="2h", at="18:00", jitter="3h"))), None),
    (Code.IDLE_PAYDAY, "campaigns[0].steps[0].payday",
     policy(campaign("a", step("first", after="2h", payday=True), step("next", after="4h"))),
     None),
    (Code.LINK_SHORTER_THAN_CASE, "pay_page.link_life",
     policy(pay_page={"link_life": "36d"}), None),
    (Code.PUSH_ALONE, "campaigns[0].steps", policy(campaign("a", tap("t", after="2h"))), None),
    (Code.FALLBACK_WITHOUT_VENDOR, "campaigns[0].steps[0].fallback[1]",
     policy(campaign("a", tap("t", after="2h", fallback=["email", "sms"]))),
     Surroundings(channels=frozenset({Channel.EMAIL, Channel.PUSH}))),
    (Code.DECLINE_REASON_TOLD, "campaigns[0].steps[0].template",
     policy(campaign("a", step("first", after="2h", template="card_expired")),
            words={"decline_reason": "hide"}), None),
    (Code.DECLINE_REASON_TOLD, "campaigns[0].steps[1].template",
     policy(campaign("a", step("first", after="2h", by_decline={"x": "final_notice"}),
                     step("last", after="4d", template="final_notice")),
            words={"decline_reason": "hide"}), None),
    (Code.MISSING_TEMPLATE, "campaigns[0].steps[0]",
     policy(campaign("a", step("first", after="2h", template="gone"))), None),
    (Code.MISSING_TEMPLATE, "campaigns[0].steps[0]",
     policy(campaign("a", step("first", after="2h", by_decline={"expired_card": "gone"}))), None),
    (Code.MISSING_TEMPLATE, "campaigns[0].steps[0]",
     policy(campaign("a", text("first", after="2h", template="payment_received"))), None),
    (Code.MISSING_TEMPLATE, "campaigns[0].steps[0].fallback[0]",
     policy(campaign("a", step("first", after="2h", template="card_declined",
                               fallback=["push"]))), None),
]
NOTHING = {
    "the least policy": policy(),
    "another currency": policy(
        campaign("a", when={"amount": {"USD": {"at_least": 100}}}),
        campaign("b", when={"amount": {"USD": {"below": 300}}}), campaign("c")),
    "the narrower language first": policy(
        campaign("a", when={"locale": ["de-AT"]}), campaign("b", when={"locale": ["de"]}),
        campaign("c")),
    "a long name without texts": policy(brand=brand(name="x" * 21)),
    "long, but a shorter one takes the month": policy(
        campaign("m", when={"billing_period": ["month"]}), campaign("rest", length="60d")),
    "steps for other customers at the same time": policy(campaign(
        "a", FIRST,
        step("high", after="4d", only_if={"value_tier": ["high"]}),
        step("low", after="4d1m", only_if={"value_tier": ["low"]}),
        step("final", before_close="22d"))),
    "a notification with another way": policy(
        campaign("a", tap("t", after="2h", fallback=["email"]))),
    "notifications beside an email": policy(campaign("a", FIRST, tap("t", after="3d"))),
    "no budget": policy(campaign("a", text("t", after="2h"), text("u", after="3d")),
                        budget={"sms": None}),
    "the last notice beyond the budget": policy(
        campaign("a", *(step(f"s{day}", after=f"{day}d") for day in range(1, 5)),
                 step("final", before_close="22d"))),
    "a reason in plain sight": policy(
        campaign("a", step("first", after="2h", template="card_expired"))),
    "no prices at all": policy(TEXTS),
    "a price for the rest": policy(TEXTS, prices={"sms": {"default": "0.01"}}),
    "a watch that ends in a campaign": policy(watch={"then": "campaign"}),
    "a bright colour": policy(brand=brand(color="#ffcc00")),
    "a step counted from the due date": policy(
        campaign("a", FIRST, step("due", after_due="1d"))),
}
# fmt: on


def test_the_default_policy_has_nothing_to_mend() -> None:
    rules, _ = read_policy(default_policy_text())
    assert lint(rules, TEMPLATES) == ()
    assert check(default_policy_text(), None) == ()


def test_the_default_policy_is_looked_through_within_a_second() -> None:
    rules, _ = read_policy(default_policy_text())
    begun = time.process_time()
    findings(rules, None)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("code", "path", "rules", "around"), ONE_EACH, ids=[f"{one[0]}-{one[1]}" for one in ONE_EACH]
)
def test_exactly_this_is_found(
    code: Code, path: str, rules: Policy, around: Surroundings | None
) -> None:
    assert found(rules, around) == [(code, path)]


@pytest.mark.parametrize("rules", NOTHING.values(), ids=NOTHING)
def test_nothing_is_found(rules: Policy) -> None:
    assert found(rules, PARIS) == []


def test_a_finding_says_what_is_wrong_and_what_to_do() -> None:
    rules = policy(campaign("monthly", length="30d", when={"billing_period": ["month", None]}))
    assert lint(rules, TEMPLATES) == (
        Finding(
            code=Code.LONGER_THAN_PERIOD,
            path="campaigns[0].length",
            problem="30d is longer than a month, so the next invoice falls into the campaign of "
            "this one",
            fix="Write 28d or less, or give month a campaign of its own.",
        ),
    )


def test_the_law_of_a_likely_place_is_named() -> None:
    rules = policy(campaign("a", text("t", after="2h", weekdays=["sun"])))
    french = rules.model_copy(
        update={"account": rules.account.model_copy(update={"timezone": "Europe/Paris"})}
    )
    (told,) = [one for one in findings(french, None) if one.code is Code.NO_WINDOW]
    assert told.problem == (
        "step t never goes out over sms and always becomes an email: `at`, `weekdays`, the window "
        "of sms and the law of FR have no hour in common"
    )


def test_a_name_that_is_nearly_right_is_recognised() -> None:
    rules = policy(campaign("a", step("first", after="2h", template="remnider")))
    (told,) = lint(rules, TEMPLATES)
    assert (told.problem, told.fix) == (
        "there is no template remnider for email",
        "Did you mean reminder?",
    )


def test_a_text_needs_its_template_as_an_email_too() -> None:
    rules = policy(campaign("a", text("t", after="2h", template="short")))
    templates = {**TEMPLATES, Channel.SMS: frozenset({"short", "several"})}
    assert [finding.problem for finding in lint(rules, templates)] == [
        "there is no template short for email"
    ]


def test_the_messages_of_the_service_itself_need_their_templates() -> None:
    quiet, loud = policy(receipt=False, merge_within="0m", promise="off"), policy()
    templates = {Channel.EMAIL: frozenset({"reminder"})}
    assert [finding.path for finding in lint(loud, templates)] == [
        "receipt",
        "new_card",
        "promise",
        "promise",
        "merge_within",
    ]
    assert [finding.path for finding in lint(quiet, templates)] == ["new_card"]


def test_a_fallback_to_the_same_channel_cannot_be_read_at_all() -> None:
    twice = default_policy_text().replace(
        "{id: text, channel: sms, after: 13d,",
        "{id: text, channel: sms, fallback: [sms], after: 13d,",
    )
    (told,) = check(twice, None)
    assert (told.code, told.fix) == (Code.INVALID, "")
    assert "`fallback` leads to sms a second time" in told.problem


def test_only_what_to_know_before_real_customers_is_a_note() -> None:
    told = lint(policy(), TEMPLATES, Surroundings(live=True))
    assert [finding.note for finding in told] == [True]
    assert not any(f.note for one in ONE_EACH[:2] for f in lint(one[2], TEMPLATES))
    assert replace(told[0], note=False) != told[0]


def test_every_code_is_explained_and_tested() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Findings")
    explained = re.findall(r"^\| `([a-z0-9_]+)` \| \S", section, re.MULTILINE)
    tested = {one[0] for one in ONE_EACH} | CODES_OF_TEMPLATES | {Code.INVALID}
    assert sorted(explained) == sorted(Code)
    assert tested == set(Code)
