"""Is a malformed registration refused with a sentence that helps?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from dunning.directory import BillingPeriod, InvoiceStatus
from dunning.registration import InvoiceRegistration, check_invoice_id

INSTANT = 'must be an RFC 3339 instant with a zone, such as "2026-11-20T00:00:00Z"'
NULL = "cannot be null: leave the field out to keep what is known"
CONTROL = "must not contain control characters"


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        ({"amount_due": -1}, "amount_due", "greater than or equal to 0"),
        ({"amount_due": 10**12 + 1}, "amount_due", "less than or equal to 1000000000000"),
        ({"amount_due": "4900"}, "amount_due", "valid integer"),
        ({"amount_due": 49.0}, "amount_due", "valid integer"),
        ({"amount_due": True}, "amount_due", "valid integer"),
        ({"amount_due": None}, "amount_due", NULL),
        ({"currency": "usd"}, "currency", "three capitals"),
        ({"currency": "USD\n"}, "currency", "three capitals"),
        ({"currency": None}, "currency", NULL),
        ({"status": "closed"}, "status", "'open', 'paid' or 'void'"),
        ({"status": None}, "status", NULL),
        ({"customer": None}, "customer", NULL),
        ({"revtain": None}, "revtain", NULL),
        ({"billing_period": "day"}, "billing_period", "'week', 'month', 'quarter' or 'year'"),
        ({"due_at": "2026-11-20"}, "due_at", INSTANT),
        ({"due_at": "2026-11-20T00:00:00"}, "due_at", INSTANT),
        ({"due_at": "2026-13-20T00:00:00Z"}, "due_at", "month must be in 1..12"),
        ({"due_at": "0001-01-01T00:00:00+14:00"}, "due_at", "year that UTC can express"),
        ({"due_at": 1_700_000_000}, "due_at", INSTANT),
        ({"payment_url": "ftp://shop.example"}, "payment_url", "web address"),
        ({"payment_url": "javascript:alert(1)"}, "payment_url", "web address"),
        ({"payment_url": "https://"}, "payment_url", "web address"),
        ({"payment_url": "https://shop.example:99999/pay"}, "payment_url", "web address"),
        ({"payment_url": "https://ada:secret@shop.example/pay"}, "payment_url", "password"),
        ({"payment_url": "https://[bad"}, "payment_url", "web address"),
        ({"plan": "a\x00b"}, "plan", CONTROL),
        ({"plan": ""}, "plan", "at least 1 character"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
        ({"customer": {"id": None}}, "customer.id", NULL),
        ({"customer": {"email": "ada"}}, "customer.email", "email address"),
        ({"customer": {"email": "a@b@c.example"}}, "customer.email", "email address"),
        ({"customer": {"phone": "2125550123"}}, "customer.phone", "E.164"),
        ({"customer": {"phone": "+0125550123"}}, "customer.phone", "E.164"),
        ({"customer": {"timezone": "Mars/Base"}}, "customer.timezone", "IANA time zone"),
        ({"customer": {"timezone": "../etc"}}, "customer.timezone", "IANA time zone"),
        ({"customer": {"timezone": "America"}}, "customer.timezone", "IANA time zone"),
        ({"customer": {"locale": "english!"}}, "customer.locale", "language tag"),
        ({"customer": {"country": "usa"}}, "customer.country", "two capitals"),
        ({"customer": {"tags": "vip"}}, "customer.tags", "valid tuple"),
        ({"revtain": {"transaction_ids": [""]}}, "revtain.transaction_ids.0", "at least 1"),
        ({"revtain": {"transaction_ids": [1]}}, "revtain.transaction_ids.0", "valid string"),
    ],
)
def test_malformed_fields(body: dict[str, Any], place: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        InvoiceRegistration.model_validate(body)
    (error,) = refusal.value.errors()
    assert ".".join(str(part) for part in error["loc"]) == place
    assert sentence in error["msg"]


def test_values_are_the_same_from_text_and_from_parsed_json() -> None:
    body = {
        "status": "paid",
        "billing_period": "year",
        "due_at": "2026-11-20T01:00:00.5+01:00",
        "customer": {"id": "cus_1", "tags": ["a", "b"]},
    }
    parsed = InvoiceRegistration.model_validate(body)
    assert parsed == InvoiceRegistration.model_validate_json(json.dumps(body))
    assert (parsed.status, parsed.billing_period, parsed.due_at) == (
        InvoiceStatus.PAID,
        BillingPeriod.YEAR,
        datetime(2026, 11, 20, 0, 0, 0, 500_000, tzinfo=UTC),
    )
    assert parsed.customer is not None
    assert parsed.customer.tags == ("a", "b")
    assert parsed.model_fields_set == {"status", "billing_period", "due_at", "customer"}


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(ValidationError) as refusal:
        InvoiceRegistration.model_validate({"customer": {"email": "secret ada"}})
    assert "secret" not in str(refusal.value)


def test_invoice_ids() -> None:
    good = ["INV-1", "a/b c", "...", "ä" * 200]
    assert [check_invoice_id(one) for one in good] == good
    for bad in ("", "a" * 201, "a\nb", "\ud800"):
        with pytest.raises(ValueError, match="1 to 200 characters"):
            check_invoice_id(bad)
    for folder in (".", ".."):
        with pytest.raises(ValueError, match="browsers drop"):
            check_invoice_id(folder)
