"""What does the failure of a payment that was handed over ask of us?"""

from __future__ import annotations

import json

import pytest

from dunning.advice import Advice
from dunning.currencies import CURRENCIES
from dunning.handover import HandoverStatus, advised, check_code, check_key, key_of, told
from dunning.money import exponent


@pytest.mark.parametrize(
    ("category", "code", "advice"),
    [
        ("hard", None, Advice.REQUEST_CARD_UPDATE),
        ("soft", "expired_card", Advice.RETRY_LATER),
        ("technical", None, Advice.RETRY_LATER),
        ("fraud", "do_not_honor", Advice.BLOCKED),
        ("auth_required", None, Advice.AUTHENTICATE),
        ("unknown", None, None),
        ("unknown", "expired_card", Advice.REQUEST_CARD_UPDATE),
        (None, "invalid_account", Advice.REQUEST_CARD_UPDATE),
        (None, "do_not_honor", Advice.RETRY_LATER),
        (None, "insufficient_funds", Advice.RETRY_LATER),
        (None, "stolen_card", Advice.BLOCKED),
        (None, "authentication_required", Advice.AUTHENTICATE),
        (None, "51", None),
        (None, None, None),
    ],
)
def test_the_dictionary_speaks_first_and_our_own_list_after_it(
    category: str | None, code: str | None, advice: Advice | None
) -> None:
    assert advised(category, code) is advice


@pytest.mark.parametrize(
    ("advice", "name", "said"),
    [
        (
            Advice.RETRY_LATER,
            "recovery.failed",
            {"declineCode": "51", "recommendedAction": "retry_later"},
        ),
        (
            Advice.MANUAL_REVIEW,
            "recovery.failed",
            {"declineCode": "51", "recommendedAction": "manual_review"},
        ),
        (Advice.AUTHENTICATE, "recovery.failed", {"declineCode": "authentication_required"}),
        (Advice.BLOCKED, "recovery.blocked", {"declineCode": "51"}),
    ],
)
def test_a_decline_is_told_in_the_words_of_the_recovery_service(
    advice: Advice, name: str, said: dict[str, str]
) -> None:
    found = told(advice, key="k", transaction_id="tx", decline_code="51")
    expected = {"event": name, "revtainTransactionId": "tx", "idempotencyKey": "k"} | said
    assert (found.name, json.loads(found.body)) == (name, expected)
    assert told(advice, key="k", transaction_id="tx", decline_code="51") == found


def test_each_attempt_of_each_invoice_has_a_name_of_its_own() -> None:
    ids = ("INV-1", "a b", "ü" * 200, "x" * 200, "x" * 199)
    names = [key_of(one, number) for one in ids for number in (1, 2)]
    assert len(set(names)) == len(names)
    assert [check_key(name) for name in names] == names
    assert key_of("INV-1", 2) == "dunning:INV-1:recovery:2"


@pytest.mark.parametrize("value", ["", "a b", "a\n", "ü", "x" * 129])
def test_a_key_that_no_header_could_carry_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 128 visible characters of ASCII"):
        check_key(value)


@pytest.mark.parametrize("value", ["", "a\n", "ü", "x" * 101])
def test_a_code_that_no_gateway_could_give_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 100 printable characters of ASCII"):
        check_code(value)


def test_what_is_open_awaits_a_last_word() -> None:
    assert {status for status in HandoverStatus if status.open} == {
        "scheduled",
        "queued",
        "unknown",
    }


def test_every_currency_is_three_capitals_and_none_is_for_tests() -> None:
    assert all(len(c) == 3 and c.isupper() for c in CURRENCIES)
    assert {"USD", "EUR", "JPY", "KWD", "CLF"} <= CURRENCIES
    assert not {"XXX", "XTS", "XAU", "DEM"} & CURRENCIES
    assert {c for c in CURRENCIES if exponent(c) == 3} == {
        *("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    }
