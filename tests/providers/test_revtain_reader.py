"""Is everything that Revtain may send read as what it says, and nothing as more?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.errors import UnreadableBodyError
from dunning.inbound import InboundEvent, InboundKind
from providers.revtain.reader import RevtainReader

TRANSACTION = "01KKZ14FEZK152ZBXEM2XK1B0C"


def read(**fields: Any) -> InboundEvent:
    return RevtainReader().read(json.dumps(fields).encode())


def failed(**fields: Any) -> InboundEvent:
    return read(event="recovery.failed", revtainTransactionId=TRANSACTION, **fields)


def test_the_documented_success() -> None:
    event = read(
        event="recovery.success",
        revtainTransactionId="da646dba-ce56-4483-ad0a-2a4fac54a5e2",
        gatewayTransactionToken="pi_3OZQ8K2eZvKYlo2C1abc1234",
        amount=5000,
        currency="USD",
        message="Succeeded!",
        strategyUsed="primary",
        trigger="reconciliation",
    )
    assert event == InboundEvent(
        name="recovery.success",
        kind=InboundKind.SUCCESS,
        transaction_id="da646dba-ce56-4483-ad0a-2a4fac54a5e2",
        amount=5000,
        currency="USD",
    )


@pytest.mark.parametrize("name", ["recovery.failed", "recovery.blocked"])
def test_a_failure_with_all_that_it_may_carry(name: str) -> None:
    event = read(
        event=name,
        revtainTransactionId=TRANSACTION,
        idempotencyKey="INV-1_retry_1",
        amount=2500,
        currency="usd",
        declineCode="expired_card",
        recommendedAction="request_card_update",
        isSimulated=True,
        ai={"score": 72.5},
    )
    assert event == InboundEvent(
        name=name,
        kind=InboundKind(name),
        transaction_id=TRANSACTION,
        idempotency_key="INV-1_retry_1",
        recommended_action="request_card_update",
        decline_code="expired_card",
        amount=2500,
        currency="USD",
        simulated=True,
    )


def test_everything_but_the_names_may_be_missing_or_null() -> None:
    bare = InboundEvent(name="recovery.failed", kind=InboundKind.FAILED, transaction_id=TRANSACTION)
    assert failed() == bare
    nulls = dict.fromkeys(["amount", "currency", "declineCode", "recommendedAction", "isSimulated"])
    assert failed(**nulls) == bare
    assert failed(declineCode="", currency="", recommendedAction="  ") == bare


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"declineCode": "a", "lastDeclineCode": "b"}, "a"),
        ({"declineCode": None, "lastDeclineCode": "b", "originalDeclineCode": "c"}, "b"),
        ({"originalDeclineCode": "c", "decline_code": "d"}, "c"),
        ({"decline_code": "d"}, "d"),
    ],
)
def test_the_decline_code_has_four_names(fields: dict[str, Any], code: str) -> None:
    assert failed(**fields).decline_code == code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("oldPaymentMethodToken", "newPaymentMethodToken"),
        ("oldToken", "newToken"),
        ("previousPaymentMethodToken", "paymentMethodToken"),
        ("old_payment_method_token", "new_payment_method_token"),
        ("previous_token", "new_token"),
    ],
)
def test_a_new_card_under_each_name(old: str, new: str) -> None:
    token = "tok|cust|ada@customer.example|" + "x" * 600
    assert read(event="card.updated", **{old: "pm_old", new: token}) == InboundEvent(
        name="card.updated",
        kind=InboundKind.CARD_UPDATED,
        old_token="pm_old",
        new_token=token,
    )


def test_a_new_card_needs_something_to_match_by() -> None:
    lost = read(event="card.updated", newPaymentMethodToken="pm_new")
    assert lost.problem == "card.updated: oldPaymentMethodToken is missing"
    by_transaction = read(event="card.updated", revtainTransactionId=TRANSACTION)
    assert by_transaction.problem is None


def test_a_recovery_needs_something_to_match_by() -> None:
    lost = read(event="recovery.failed", amount=1)
    assert lost.problem == "recovery.failed: revtainTransactionId is missing"
    by_key = read(event="recovery.failed", idempotencyKey="INV-1")
    assert (by_key.idempotency_key, by_key.problem) == ("INV-1", None)


WHOLE = "a whole number of minor units"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("amount", True, WHOLE),
        ("amount", 25.0, WHOLE),
        ("amount", "2500", WHOLE),
        ("amount", [2500], WHOLE),
        ("amount", -1, f"between 0 and {2**63 - 1}"),
        ("amount", 2**63, f"between 0 and {2**63 - 1}"),
        ("amount", float("nan"), WHOLE),
        ("currency", 840, "a currency code of three letters"),
        ("currency", "US$", "a currency code of three letters"),
        ("currency", "dollars", "a currency code of three letters"),
        ("declineCode", 2010, "a string"),
        ("recommendedAction", {"a": 1}, "a string"),
        ("idempotencyKey", 7, "a string"),
        ("idempotencyKey", "k" * 129, "at most 128 characters"),
        ("idempotencyKey", "a\x00b", "printable characters only"),
        ("idempotencyKey", "\ud800", "printable characters only"),
        ("isSimulated", "true", "true or false"),
        ("isSimulated", 0, "true or false"),
    ],
)
def test_a_field_of_the_wrong_kind_is_a_problem_that_names_it(
    field: str, value: object, expected: str
) -> None:
    event = failed(**{field: value})
    assert event.problem == f"recovery.failed: {field} must be {expected}"
    assert (event.kind, event.transaction_id) == (InboundKind.FAILED, TRANSACTION)
    assert (event.amount, event.currency, event.decline_code) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12, "a string"), (["x"], "a string"), ("x" * 129, "at most 128 characters")],
)
def test_a_transaction_id_of_the_wrong_kind_is_one_problem(value: object, expected: str) -> None:
    event = read(event="recovery.success", revtainTransactionId=value)
    assert event == InboundEvent(
        name="recovery.success",
        kind=InboundKind.SUCCESS,
        problem=f"recovery.success: revtainTransactionId must be {expected}",
    )


def test_several_problems_are_all_told_and_no_value_is() -> None:
    event = failed(amount="ada@customer.example", currency="ada@customer.example")
    assert event.problem == (
        "recovery.failed: amount must be a whole number of minor units;"
        " currency must be a currency code of three letters"
    )


def test_a_success_is_not_held_up_by_a_field_that_it_does_not_need() -> None:
    event = read(
        event="recovery.success",
        revtainTransactionId=TRANSACTION,
        declineCode=5,
        recommendedAction=[],
    )
    assert event == InboundEvent(
        name="recovery.success", kind=InboundKind.SUCCESS, transaction_id=TRANSACTION
    )


def test_an_unknown_event_is_read_without_a_problem() -> None:
    assert read(event="recovery.paused", amount="x", revtainTransactionId="t") == InboundEvent(
        name="recovery.paused", kind=None, transaction_id="t"
    )
    assert read(event="other", revtainTransactionId=3) == InboundEvent(name="other", kind=None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON (character 0)"),
        (b"hello", "the body is not JSON (character 0)"),
        (b'{"event":"recovery.success"', "the body is not JSON (character 27)"),
        (b'{"event":"recovery.success"} x', "the body is not JSON (character 29)"),
        (b'{"event":"\xff"}', "the body is not UTF-8"),
        (b'{"event":"\xed\xa0\x80"}', "the body is not UTF-8"),
        ('{"event":"a"}'.encode("utf-16"), "the body is not UTF-8"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (b'{"event":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b"null", "the body is JSON but not an object"),
        (b"[]", "the body is JSON but not an object"),
        (b'"recovery.success"', "the body is JSON but not an object"),
        (b"{}", "the field event is missing, blank or not a string"),
        (b'{"event":null}', "the field event is missing, blank or not a string"),
        (b'{"event":""}', "the field event is missing, blank or not a string"),
        (b'{"event":" \\t"}', "the field event is missing, blank or not a string"),
        (b'{"event":["recovery.success"]}', "the field event is missing, blank or not a string"),
        (b'{"event":"a\\u0000"}', "the field event must be at most 128 printable characters"),
        (b'{"event":"\\ud800"}', "the field event must be at most 128 printable characters"),
        (b'{"event":"' + b"e" * 129 + b'"}', "at most 128 printable characters"),
    ],
)
def test_a_body_that_revtain_does_not_promise_is_unreadable(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableBodyError) as raised:
        RevtainReader().read(body)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"event":"x"}',
        b' \n{"event" : "x"} ',
        b'{"event":"recovery.success","event":"x"}',
        b'{"event":"x","score":NaN,"high":Infinity}',
        b'{"event":"x","big":' + b"9" * 10_000 + b"}",
        b'{"event":"x","big":1e999999}',
    ],
)
def test_odd_but_legible_bodies_are_read(body: bytes) -> None:
    assert RevtainReader().read(body) == InboundEvent(name="x", kind=None)


def test_an_amount_of_ten_thousand_digits_is_a_problem() -> None:
    body = json.dumps({"event": "recovery.failed", "revtainTransactionId": "t"})
    event = RevtainReader().read(body[:-1].encode() + b',"amount":' + b"9" * 10_000 + b"}")
    assert event.problem == "recovery.failed: amount must be a whole number of minor units"


NAMES = [
    "revtainTransactionId",
    "idempotencyKey",
    "recommendedAction",
    "declineCode",
    "amount",
    "currency",
    "isSimulated",
    "oldPaymentMethodToken",
    "newPaymentMethodToken",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.sampled_from([kind.value for kind in InboundKind]) | VALUES
OBJECTS = st.fixed_dictionaries(
    {"event": EVENTS}, optional=dict.fromkeys([*NAMES, "other"], VALUES)
)


def assert_only_promises(body: bytes) -> None:
    try:
        event = RevtainReader().read(body)
    except UnreadableBodyError:
        return
    texts = (event.name, event.transaction_id, event.idempotency_key, event.recommended_action)
    for text in (*texts, event.decline_code, event.currency, event.old_token, event.new_token):
        assert text is None or (text.isprintable() and text.strip() and text.encode())
    assert event.amount is None or (type(event.amount) is int and event.amount >= 0)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(body: bytes) -> None:
    assert_only_promises(body)


@given(OBJECTS)
def test_arbitrary_json_raises_nothing_else(document: dict[str, Any]) -> None:
    assert_only_promises(json.dumps(document).encode())
