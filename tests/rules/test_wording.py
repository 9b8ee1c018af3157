"""May a message hint at the bank's reason?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dunning.errors import PolicyError
from dunning.schedule import plan
from dunning.whereabouts import Whereabouts
from tests.rules.policies import campaign, policy, step

FIRST = step(
    "first", after="2h", template="card_declined", by_decline={"expired_card": "card_expired"}
)


@pytest.mark.parametrize(
    ("words", "code", "template"),
    [
        ({}, "expired_card", "card_expired"),
        ({"decline_reason": "show"}, "expired_card", "card_expired"),
        ({"decline_reason": "hide"}, "expired_card", "card_declined"),
        ({"decline_reason": "hide"}, None, "card_declined"),
    ],
)
def test_a_hidden_reason_leaves_the_neutral_words(
    words: dict[str, str], code: str | None, template: str
) -> None:
    decided = policy(campaign("a", FIRST), words=words)
    made = plan(
        decided.campaigns[0],
        decided,
        start=datetime(2026, 6, 1, 10, tzinfo=UTC),
        next_invoice_at=None,
        where=Whereabouts(("UTC",)),
        decline_code=code,
    )
    assert [planned.template for planned in made.steps] == [template]


def test_copies_go_to_addresses() -> None:
    assert policy(copies=["crm@example.com"]).copies == ("crm@example.com",)
    assert policy().copies == ()
    with pytest.raises(PolicyError) as raised:
        policy(copies=["crm"])
    assert raised.value.problems == (
        "copies[0]: `crm` is not an email address. Write one like billing@example.com.",
    )
