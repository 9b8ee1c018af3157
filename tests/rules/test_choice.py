"""Which campaign is chosen, and is it said why the others are not?"""

from __future__ import annotations

from typing import Any

import pytest

from app.policy_file import default_policy_text, read_policy
from dunning.advice import Advice
from dunning.choice import choose
from dunning.conditions import Facts, When
from dunning.directory import BillingPeriod
from tests.rules.policies import campaign, facts, policy

DEFAULT, _ = read_policy(default_policy_text())


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(decline_code=None), "one-off"),
        (facts(decline_code="do_not_honor", billing_period=BillingPeriod.MONTH), "monthly"),
        (facts(decline_code=None, billing_period=BillingPeriod.MONTH), "monthly"),
        (facts(billing_period=BillingPeriod.MONTH), "card-update"),
        (facts(decline_code="invalid_account", billing_period=BillingPeriod.MONTH), "card-update"),
        (facts(), "one-off"),
        (facts(decline_code="insufficient_funds"), "insufficient-funds"),
        (facts(tags=("business",)), "business"),
        (facts(tags=("business",), billing_period=BillingPeriod.YEAR), "business-long"),
        (facts(tags=("business",), billing_period=BillingPeriod.WEEK), "weekly"),
        (facts(billing_period=BillingPeriod.YEAR), "annual"),
        (facts(billing_period=BillingPeriod.QUARTER), "quarterly"),
        (facts(billing_period=BillingPeriod.WEEK), "weekly"),
        (facts(Advice.AUTHENTICATE, billing_period=BillingPeriod.WEEK), "authenticate-weekly"),
        (facts(Advice.AUTHENTICATE), "authenticate"),
        (facts(Advice.MANUAL_REVIEW), None),
        (facts(Advice.BLOCKED, "fraudulent"), None),
    ],
)
def test_the_default_policy_has_a_campaign_for_whom_we_write_to(
    known: Facts, expected: str | None
) -> None:
    chosen = choose(DEFAULT, known).campaign
    assert (chosen and chosen.name) == expected


def test_a_choice_says_why_the_ones_before_did_not_fit() -> None:
    wants = [
        {"advice": ["authenticate"]},
        {"billing_period": ["year", None]},
        {"decline_codes": ["insufficient_funds"]},
        {"amount": {"USD": {"at_least": 5000}}},
        {"plan": ["basic", "team"]},
        {"tags": ["vip"]},
        {"decline_class": ["insufficient_funds", "hard"]},
        {"value_tier": ["high"]},
        {"locale": ["de", "fr"]},
        {},
        {},
    ]
    rules = policy(*(campaign(f"c{number}", when=when) for number, when in enumerate(wants)))
    choice = choose(rules, facts(billing_period=BillingPeriod.MONTH, plan="pro"))
    assert choice.campaign is rules.campaigns[9]
    assert choice.why == (
        "c0: advice is request_card_update, not authenticate",
        "c1: billing period is month, not year or not set",
        "c2: decline code is expired_card, not insufficient_funds",
        "c3: amount in USD is outside the campaign's range",
        "c4: plan is pro, not basic or team",
        "c5: no tag of the customer is one of vip",
        "c6: decline class is expired, not insufficient_funds or hard",
        "c7: value tier is not set, not high",
        "c8: locale is en, not de or fr",
    )
    assert choice.reason == (
        "the first whose conditions hold; passed over: " + "; ".join(choice.why)
    )


def test_a_choice_says_that_nothing_was_passed_over_or_that_nothing_fits() -> None:
    assert choose(policy(campaign("a")), facts()).reason == (
        "its conditions hold, and it is the first in the policy"
    )
    assert choose(policy(campaign("a", when={"plan": ["pro"]})), facts()).reason == (
        "no campaign of the policy fits: a: plan is not set, not pro"
    )


@pytest.mark.parametrize(
    ("when", "known", "fits"),
    [
        ({"billing_period": ["month", None]}, facts(), True),
        ({"billing_period": ["month"]}, facts(), False),
        ({"decline_codes": ["expired_card"]}, facts(decline_code=None), False),
        ({"amount": {"USD": {"at_least": 4900, "below": 4901}}}, facts(), True),
        ({"amount": {"USD": {"below": 4900}}}, facts(), False),
        ({"amount": {"EUR": {}}}, facts(), False),
        ({"tags": ["vip", "new"]}, facts(tags=("old", "new")), True),
        ({"locale": ["de"]}, facts(locale="de_AT"), True),
        ({"locale": ["de-AT"]}, facts(locale="de"), False),
        ({"locale": ["de"]}, facts(locale="den"), False),
        ({"locale": ["EN"]}, facts(), True),
        ({"decline_class": ["expired"]}, facts(), True),
        ({"decline_class": ["soft"]}, facts(decline_code="do_not_honor"), True),
        ({"decline_class": ["soft"]}, facts(decline_code="nobody_knows"), False),
        ({"decline_class": ["unknown"]}, facts(decline_code="nobody_knows"), True),
        ({"decline_class": ["unknown"]}, facts(decline_code=None), True),
        ({"value_tier": ["high", "top"]}, facts(value_tier="top"), True),
    ],
)
def test_a_condition_holds_or_not(when: dict[str, Any], known: Facts, *, fits: bool) -> None:
    assert (When.model_validate(when).mismatch(known, "en") is None) is fits
