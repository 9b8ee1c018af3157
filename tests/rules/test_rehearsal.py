"""Does a rehearsal count exactly what would have been sent, and what it would have cost?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.rehearsal.compare import Side, Texts, rows, texts_of
from app.rehearsal.rehearse import Rehearsal, rehearse
from app.rehearsal.tally import Tally
from dunning.advice import Advice
from dunning.channel import Channel
from dunning.directory import BillingPeriod, Contact, Invoice, InvoiceStatus
from dunning.errors import PolicyError
from dunning.money import Money
from dunning.policy import Policy
from dunning.states import Cause, Outcome
from store.past_cases import ClosedChannel, Ending, PastCase
from tests.rules.policies import campaign, policy, step

# A Monday.
OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNTIL = OPENED + timedelta(days=60)
STEPS = (
    step("first", after="2h"),
    step("text", channel="sms", after="3d"),
    step("third", after="6d"),
    step("final", before_close="5d"),
)
PRICES = {"currency": "EUR", "sms": {"DE": "0.085", "default": "0.1"}}
OLD = policy(campaign("monthly", *STEPS), prices=PRICES)
GERMAN = "+4915112345678"


def at(days: float) -> datetime:
    return OPENED + timedelta(days=days)


def past(name: str, *, case: dict[str, Any] | None = None, **contact: Any) -> PastCase:
    """A customer in UTC with a German number who agreed to texts, and who never paid."""
    known: dict[str, Any] = {
        "customer_id": f"customer-{name}",
        "email": "a@example.com",
        "phone": GERMAN,
        "timezone": "UTC",
        "locale": "en",
        "sms_consent_at": OPENED - timedelta(days=1),
    }
    invoice = Invoice(
        id=name,
        amount=Money(minor=4900, currency="EUR"),
        status=InvoiceStatus.OPEN,
        contact=Contact(**{**known, **contact}),
        billing_period=BillingPeriod.MONTH,
    )
    fields: dict[str, Any] = {"advice": Advice.REQUEST_CARD_UPDATE, "opened_at": OPENED}
    return PastCase(invoice=invoice, cycle=1, **{**fields, **(case or {})})


def ended(days: float, outcome: Outcome = Outcome.RECOVERED) -> dict[str, Any]:
    cause = Cause.CARD_UPDATE if outcome is Outcome.RECOVERED else None
    return {"ended": Ending(at=at(days), outcome=outcome, cause=cause)}


def one(case: PastCase, under: Policy = OLD, until: datetime = UNTIL) -> Tally:
    found = rehearse([case], under, under, until)
    assert found.old == found.new
    return found.old


def two_segments(template: str, locale: str) -> int:
    assert (template, locale) == ("reminder", "en")
    return 2


EMAILS = ("monthly", "email")
TEXTS = ("monthly", "sms")
RECEIPT = ("(receipt)", "email")


def test_a_case_that_nobody_pays_gets_every_message() -> None:
    assert one(past("all")) == Tally(
        sent=Counter({EMAILS: 3, TEXTS: 1}),
        per_case=Counter({4: 1}),
        texts=Counter({("reminder", "en", "DE"): 1}),
        hours=Counter({11: 1, 9: 3}),
        weekdays=Counter({0: 1, 3: 1, 6: 1, 1: 1}),
        campaigns=Counter({"monthly": 1}),
    )


@pytest.mark.parametrize(
    ("ending", "receipts"), [(Outcome.RECOVERED, 1), (Outcome.CANCELLED, 0), (Outcome.STOPPED, 0)]
)
def test_what_ended_a_case_ends_it_at_the_same_instant(ending: Outcome, receipts: int) -> None:
    tally = one(past("early", case=ended(5, ending)))
    assert tally.sent == +Counter({EMAILS: 1, TEXTS: 1, RECEIPT: receipts})
    assert tally.per_case == Counter({2 + receipts: 1})


def test_nothing_after_the_end_of_the_period_is_counted() -> None:
    assert one(past("recent"), until=at(4)).sent == Counter({EMAILS: 1, TEXTS: 1})


def test_money_that_was_there_first_leaves_nobody_to_write_to() -> None:
    assert one(past("at once", case=ended(0))).sent == Counter()


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ({"sms_consent_at": None}, "no_consent"),
        ({"sms_consent_at": OPENED + timedelta(days=9)}, "no_consent"),
        ({"phone": None}, "no_address"),
    ],
)
def test_a_text_that_may_not_be_sent_is_withheld(contact: dict[str, Any], reason: str) -> None:
    tally = one(past("silent", **contact))
    assert tally.sent == Counter({EMAILS: 3})
    assert tally.unsent == Counter({("sms", reason): 1})
    assert tally.texts == Counter()


def test_an_address_is_closed_from_the_day_on_which_it_was() -> None:
    closed = ClosedChannel(channel=Channel.EMAIL, reason="bad_address", since=at(4))
    tally = one(past("bounced", case={"closed_channels": (closed,)}))
    assert tally.sent == Counter({EMAILS: 1, TEXTS: 1})
    assert tally.unsent == Counter({("email", "bad_address"): 2})


def test_an_excluded_customer_gets_nothing() -> None:
    tally = one(past("excluded", excluded=True))
    assert (tally.sent, tally.per_case) == (Counter(), Counter({0: 1}))
    assert tally.unsent == Counter(
        {("email", "customer_excluded"): 3, ("sms", "customer_excluded"): 1}
    )


def test_a_fallback_takes_the_place_of_a_text_without_consent() -> None:
    falls_back = policy(
        campaign("monthly", step("text", channel="sms", after="3d", fallback=["email"]))
    )
    tally = one(past("reached", sms_consent_at=None), falls_back)
    assert (tally.sent, tally.unsent) == (Counter({EMAILS: 1}), Counter())


def test_the_budget_counts_all_cases_of_a_customer() -> None:
    tight = policy(
        campaign("monthly", step("first", after="2h")),
        budget={"email": {"most": 1, "per": "7d"}},
        merge_within="0m",
    )
    second = past("second", customer_id="customer-first", case={"opened_at": at(2)})
    found = rehearse([past("first"), second], tight, tight, UNTIL)
    assert found.customers == 1
    assert found.old.sent == Counter({EMAILS: 1})
    assert found.old.unsent == Counter({("email", "over_budget"): 1})


def test_reminders_that_meet_are_one_message() -> None:
    merging = policy(campaign("monthly", step("first", after="2h"), step("second", after="4d")))
    other = past("other", customer_id="customer-one", case={"opened_at": at(0.1)})
    found = rehearse([past("one"), other], merging, merging, UNTIL)
    # The first ones do not meet: the other case opens when the first message is gone.
    assert found.old.sent == Counter({EMAILS: 3})
    assert found.old.per_case == Counter({2: 1, 1: 1})
    assert found.old.clashes == 1


def test_messages_of_two_cases_that_are_too_close_are_clashes() -> None:
    apart = policy(campaign("monthly", step("first", after="2h")), merge_within="0m")
    near = past("near", customer_id="customer-one", case={"opened_at": at(0.1)})
    assert rehearse([past("one"), near], apart, apart, UNTIL).old.clashes == 1
    far = past("far", customer_id="customer-one", case={"opened_at": at(2)})
    assert rehearse([past("one"), far], apart, apart, UNTIL).old.clashes == 0


def test_steps_without_room_are_counted() -> None:
    short = past("short")
    invoice = replace(short.invoice, next_invoice_at=at(9))
    tally = one(replace(short, invoice=invoice))
    assert tally.sent == Counter({EMAILS: 2})
    assert tally.unsent == Counter({("sms", "no_room"): 1, ("email", "no_room"): 1})


def test_cases_get_another_campaign_or_none() -> None:
    new = policy(
        campaign("vip", step("only", after="1d"), when={"tags": ["vip"]}),
        campaign("monthly", *STEPS, when={"plan": ["pro"]}),
    )
    cases = [
        past("vip", tags=("vip",)),
        past("other"),
        past("watched", case={"advice": Advice.MONITOR}),
        past("blocked", case={"advice": Advice.BLOCKED}),
    ]
    found = rehearse(cases, OLD, new, UNTIL)
    assert (found.cases, found.customers) == (4, 4)
    assert found.moved == Counter({("monthly", "vip"): 1, ("monthly", None): 1})
    assert found.old.campaigns == Counter({"monthly": 2})
    assert found.new.campaigns == Counter({"vip": 1, None: 1})
    assert found.new.sent == Counter({("vip", "email"): 1})


def test_a_policy_that_differs_in_one_campaign_is_as_if_all_were_lived_again() -> None:
    new = policy(
        campaign("vip", step("only", after="1d"), when={"tags": ["vip"]}),
        campaign("monthly", *STEPS),
        prices=PRICES,
    )
    cases = [past(f"n{number}", tags=("vip",) * (number % 3 == 0)) for number in range(12)]
    assert rehearse(cases, OLD, new, UNTIL).new == rehearse(cases, new, new, UNTIL).old


def test_two_processes_find_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    new = policy(campaign("monthly", *STEPS[:2]))
    cases = [past(f"n{number}", case={"opened_at": at(number / 7)}) for number in range(9)]
    alone = rehearse(cases, OLD, new, UNTIL)
    monkeypatch.setattr("app.rehearsal.rehearse._FEW", 1)
    monkeypatch.setattr("app.rehearsal.rehearse._PART", 4)
    told: list[int] = []
    assert rehearse(cases, OLD, new, UNTIL, done=told.append) == alone
    assert told == [4, 4, 1]
    assert rehearse([], OLD, new, UNTIL) == Rehearsal()


def test_the_cost_is_exact_and_says_what_has_no_price() -> None:
    texts = Counter({("reminder", "en", country): n for country, n in (("DE", 3), ("FR", 1))})
    tally = Tally(texts=texts)
    assert texts_of(tally, OLD, two_segments) == Texts(
        messages=4, segments=8, cost=Decimal("0.71"), currency="EUR", unpriced=0
    )
    only_us = policy(prices={"sms": {"US": "0.0083", "DE": "1"}})
    assert texts_of(tally, only_us, two_segments) == Texts(
        messages=4, segments=8, cost=Decimal(6), currency="USD", unpriced=2
    )


def test_the_figures_stand_side_by_side() -> None:
    sides = [
        Side(
            tally=tally,
            texts=Texts(messages=1, segments=2, cost=cost, currency="EUR", unpriced=0),
            digest="d",
        )
        for tally, cost in (
            (one(past("all")), Decimal("0.170")),
            (one(past("early", case=ended(5))), Decimal("0.085")),
        )
    ]
    assert rows(*sides) == [
        ("messages", "4", "3", "-1"),
        ("  by email", "3", "2", "-1"),
        ("  by sms", "1", "1", ""),
        ("  (receipt), email", "0", "1", "+1"),
        ("  monthly, email", "3", "1", "-2"),
        ("  monthly, sms", "1", "1", ""),
        ("messages a case, mean", "4.00", "3.00", "-1.00"),
        ("messages a case, most", "4", "3", "-1"),
        ("text segments", "2", "2", ""),
        ("cost of the texts", "0.170 EUR", "0.085 EUR", "-0.085"),
        ("closer than the spacing", "0", "0", ""),
        ("cases in monthly", "1", "1", ""),
        ("cases without a campaign", "0", "0", ""),
        ("sent on mon", "1", "1", ""),
        ("sent on tue", "1", "0", "-1"),
        ("sent on thu", "1", "1", ""),
        ("sent on sat", "0", "1", "+1"),
        ("sent on sun", "1", "0", "-1"),
        ("sent at 09:00 to 09:59", "3", "2", "-1"),
        ("sent at 11:00 to 11:59", "1", "1", ""),
    ]


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ({"sms": {"US": 0.0083}}, "prices.sms.US: a price is a decimal number written as text."),
        ({"sms": {"US": "1e3"}}, "prices.sms.US: a price is a decimal number written as text."),
        ({"sms": {"usa": "0.1"}}, "`usa` is not a country. Write two capital letters"),
        ({"currency": "Euro"}, "prices.currency: "),
    ],
)
def test_prices_that_cannot_be_meant_are_told(prices: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError) as raised:
        policy(prices=prices)
    (told,) = raised.value.problems
    assert problem in told
