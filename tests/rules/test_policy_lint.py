"""Does the linter find what a valid policy will not do as its author meant?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.policy_file import default_policy_text, read_policy
from dunning.channel import Channel
from dunning.lint import Finding, lint
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
        "reminder",
    ]
)
TEMPLATES = {Channel.EMAIL: EMAILS, Channel.SMS: EMAILS - {"payment_received"}}


def text(name: str, **fields: Any) -> dict[str, Any]:
    return {**step(name, **fields), "channel": "sms"}


def found(rules: Policy) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in lint(rules, TEMPLATES)]


def test_the_default_policy_has_nothing_to_mend() -> None:
    rules, _ = read_policy(default_policy_text())
    assert lint(rules, TEMPLATES) == ()


def test_a_finding_says_what_is_wrong_and_what_to_do() -> None:
    rules = policy(campaign("monthly", length="30d", when={"billing_period": ["month", None]}))
    assert lint(rules, TEMPLATES) == (
        Finding(
            code="longer_than_period",
            path="campaigns[0].length",
            problem="30d is longer than a month, so the next invoice falls into the campaign of "
            "this one",
            fix="Write 28d or less, or give month a campaign of its own.",
        ),
    )


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (policy(), []),
        (policy(campaign("w", length="8d", when={"billing_period": ["week"]})),
         [("longer_than_period", "campaigns[0].length")]),
        (policy(campaign("a", step("first", after="2h"), step("late", after="30d"))),
         [("never_sent", "campaigns[0].steps[1]")]),
        (policy(campaign("a", step("first", after="2h"), step("soon", after="3h"),
                         step("final", before_close="26d")), spacing="24h"),
         [("never_sent", "campaigns[0].steps[1]")]),
        (policy(campaign("a", step("first", after="2h", template="gone"))),
         [("missing_template", "campaigns[0].steps[0]")]),
        (policy(campaign("a", step("first", after="2h", by_decline={"expired_card": "gone"}))),
         [("missing_template", "campaigns[0].steps[0]")]),
        (policy(campaign("a", text("first", after="2h", template="payment_received"))),
         [("missing_template", "campaigns[0].steps[0]")]),
        (policy(campaign("a", step("x", after="2h"), step("x", after="3d"))),
         [("duplicate_step", "campaigns[0].steps")]),
        (policy(campaign("a", when={"plan": ["p"]}), campaign("a")),
         [("duplicate_campaign", "campaigns")]),
        (policy(campaign("a"), campaign("b", when={"plan": ["p"]})),
         [("unreachable", "campaigns[1]")]),
        (policy(campaign("a", when={"billing_period": ["month", None]}),
                campaign("b", when={"billing_period": ["week", "quarter", "year"]}, length="7d"),
                campaign("c")),
         [("unreachable", "campaigns[2]")]),
        (policy(campaign("a", when={"amount": {"USD": {"at_least": 100}, "EUR": {}}}),
                campaign("b", when={"amount": {"USD": {"at_least": 200, "below": 300}}})),
         [("unreachable", "campaigns[1]")]),
        (policy(campaign("a", when={"amount": {"USD": {"at_least": 100}}}),
                campaign("b", when={"amount": {"USD": {"below": 300}}})),
         []),
        (policy(campaign("a", when={"locale": ["de"]}), campaign("b", when={"locale": ["de-AT"]})),
         [("unreachable", "campaigns[1]")]),
        (policy(campaign("a", when={"locale": ["de-AT"]}), campaign("b", when={"locale": ["de"]})),
         []),
        (policy(campaign("a", text("t", after="2h")),
                brand={"name": "", "support_email": "a@b.co"}),
         [("brand_name", "brand.name")]),
        (policy(campaign("a", text("t", after="2h")),
                brand={"name": "x" * 21, "support_email": "a@b.co"}),
         [("brand_name", "brand.name")]),
        (policy(brand={"name": "x" * 21, "support_email": "a@b.co"}), []),
        (policy(campaign("a", when={"advice": ["request_card_update", "monitor"]}),
                watch={"then": "campaign"}),
         [("watch_without_campaign", "watch.then")]),
    ],
)  # fmt: skip
def test_what_is_found_and_where(rules: Policy, expected: list[tuple[str, str]]) -> None:
    assert found(rules) == expected


def test_a_text_needs_its_template_as_an_email_too() -> None:
    rules = policy(campaign("a", text("t", after="2h", template="short")))
    templates = {**TEMPLATES, Channel.SMS: frozenset({"short"})}
    assert [finding.problem for finding in lint(rules, templates)] == [
        "there is no template short for email"
    ]


def test_the_messages_of_the_service_itself_need_their_templates() -> None:
    quiet, loud = policy(receipt=False), policy()
    templates = {Channel.EMAIL: frozenset({"reminder"})}
    assert [finding.path for finding in lint(loud, templates)] == ["receipt", "new_card"]
    assert [finding.path for finding in lint(quiet, templates)] == ["new_card"]
