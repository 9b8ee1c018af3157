"""What does `dunning policy explain` say of an invoice?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app import clock
from dunning.advice import Advice
from dunning.states import State
from dunning.view import CaseView
from store.cases import Cases
from store.database import Database

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

INVOICE = (
    b'{"amount_due": 4900, "currency": "USD", "billing_period": "month", '
    b'"customer": {"id": "c1", "timezone": "America/New_York", "value_tier": "high"}}'
)


async def test_a_campaign_is_explained_for_people_and_programs(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=INVOICE)
    plain = await dunning("policy", "explain", "INV-1", "--decline-code", "do_not_honor")
    assert (plain.code, plain.err) == (0, "")
    assert "campaign      monthly\n" in plain.out
    assert "decline code  do_not_honor (class soft)\n" in plain.out
    assert "  business: no tag of the customer is one of business\n" in plain.out
    assert "  insufficient-funds: decline class is soft, not insufficient_funds\n" in plain.out
    assert "LOCAL (America/New_York)" in plain.out
    found = json.loads(
        (await dunning("policy", "explain", "INV-1", "--json", "--advice", "authenticate")).out
    )
    assert (found["campaign"], found["advice"]) == ("authenticate", "authenticate")
    assert [one["step"] for one in found["steps"]] == ["first", "second", "text", "final"]
    assert found["case_policy_digest"] is None
    assert "monthly: advice is authenticate, not request_card_update" in (found["passed_over"])


async def test_the_team_is_told_where_the_value_tier_asks_for_it(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=INVOICE)
    found = json.loads((await dunning("policy", "explain", "INV-1", "--json")).out)
    assert sorted((one["step"], one["channel"]) for one in found["steps"]) == [
        ("call", "team"),
        ("final", "email"),
        ("first", "email"),
        ("fourth", "email"),
        ("second", "email"),
        ("second-text", "sms"),
        ("text", "sms"),
        ("third", "email"),
    ]
    instants = [one["due_at"] for one in found["steps"]]
    assert instants == sorted(instants)
    assert (found["dropped"], found["unmet"]) == ([], [])


async def test_what_is_not_given_is_taken_from_the_case(dunning: Typed, database_url: str) -> None:
    await dunning("invoice", "put", "INV-1", stdin=INVOICE)
    database = Database.connect(database_url, pool_size=1)
    cases = Cases(database)
    opened = await cases.open_many(["INV-1"], clock.now())
    view = CaseView(
        workflow_id=opened["INV-1"].workflow_id,
        version=2,
        state=State.WATCHING,
        advice=Advice.RETRY_LATER,
        decline_code="insufficient_funds",
        policy_digest="another",
    )
    await cases.project(view)
    await database.aclose()
    ended = await dunning("policy", "explain", "INV-1")
    assert ended.code == 0
    assert "advice        retry_later\n" in ended.out
    assert "campaign      insufficient-funds\n" in ended.out
    assert ended.err.splitlines() == [
        (
            "Nobody is written to: the case watches until `watch.deadline`. The campaign is the "
            "one it would get."
        ),
        "The case runs under another version of the policy; this is the one in force.",
    ]


async def test_an_invoice_that_nobody_registered_is_a_mistake(dunning: Typed) -> None:
    ended = await dunning("policy", "explain", "INV-9")
    assert (ended.code, ended.out) == (1, "")
    assert "INV-9" in ended.err
