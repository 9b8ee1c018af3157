"""Do invoices go in and come out as the merchant's systems expect?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.states import State, StepStatus
from dunning.view import StepView
from tests.doors.conftest import INVOICE, NOW, Rows, Show, World


def problem(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    """Status, type and wrong fields of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    errors = [(e["field"], e["problem"]) for e in body.get("errors", [])]
    return answer.status_code, body["type"].rpartition(":")[2], errors


async def test_a_new_invoice_comes_back_whole(invoice: dict[str, Any]) -> None:
    assert invoice == {
        "id": "INV-1",
        "amount_due": 4900,
        "currency": "USD",
        "owed": {"amount": 4900, "currency": "USD"},
        "received": None,
        "payments": [],
        "status": "open",
        "description": "Pro plan, March",
        "due_at": None,
        "billing_period": None,
        "next_invoice_at": None,
        "plan": None,
        "payment_url": "https://shop.example/pay/INV-1",
        "payment_method_token": "pm_1",
        "customer": {
            "id": "cus_1",
            "name": "Ada",
            "email": "ada@example.com",
            "phone": None,
            "locale": "en-US",
            "timezone": None,
            "country": None,
            "sms_consent_at": None,
            "tags": [],
            "value_tier": None,
            "excluded": False,
            "push_tokens": [],
        },
        "revtain": {"transaction_ids": ["tx_1"], "idempotency_keys": []},
        "case": None,
    }


async def test_a_second_put_changes_what_it_names(
    shop: httpx.AsyncClient, invoice: dict[str, Any]
) -> None:
    change = {
        "description": None,
        "due_at": "2026-11-20T01:00:00+01:00",
        "revtain": {"transaction_ids": ["tx_2"]},
    }
    answer = await shop.put("/v1/invoices/INV-1", json=change)
    expected = invoice | {
        "description": None,
        "due_at": "2026-11-20T00:00:00Z",
        "revtain": {"transaction_ids": ["tx_1", "tx_2"], "idempotency_keys": []},
    }
    assert (answer.status_code, answer.json()) == (200, expected)
    assert (await shop.get("/v1/invoices/INV-1")).json() == expected


@pytest.mark.parametrize("invoice_id", ["2026/17", "INV 1%", "Zahlung-ü", "a/paid", "..%2F", "x?y"])
async def test_any_id_travels_percent_encoded(
    shop: httpx.AsyncClient, rows: Rows, invoice_id: str
) -> None:
    address = f"/v1/invoices/{quote(invoice_id, safe='')}"
    body = {**INVOICE, "revtain": {}}
    assert (await shop.put(address, json=body)).status_code == 201
    assert (await shop.get(address)).json()["id"] == invoice_id
    paid = await shop.post(f"{address}/paid")
    assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    assert await rows("SELECT id, status FROM invoices") == [{"id": invoice_id, "status": "paid"}]


async def test_the_case_stands_in_its_invoice(
    shop: httpx.AsyncClient, invoice: dict[str, Any], show: Show, world: World
) -> None:
    step = StepView(
        step="first",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=NOW + timedelta(hours=2),
        status=StepStatus.PLANNED,
    )
    await show(
        State.WAITING,
        step,
        campaign="monthly",
        advice=Advice.REQUEST_CARD_UPDATE,
        decline_code="expired_card",
        next_step="first",
        next_at=NOW + timedelta(hours=2),
    )
    case = (await shop.get("/v1/invoices/INV-1")).json()["case"]
    ids = [case.pop("id"), case["messages"][0].pop("id")]
    assert all(ids)
    assert case == {
        "invoice_id": "INV-1",
        "cycle": 1,
        "workflow_id": "dunning:INV-1:1",
        "state": "waiting",
        "outcome": None,
        "cause": None,
        "campaign": "monthly",
        "campaign_reason": None,
        "advice": "request_card_update",
        "decline_code": "expired_card",
        "next_step": "first",
        "next_at": "2026-03-02T11:00:00Z",
        "review_reason": None,
        "review_round": 0,
        "closed_channels": [],
        "promise_day": None,
        "promise_until": None,
        "promise_status": None,
        "service": None,
        "service_ends_at": None,
        "service_status": None,
        "owner": None,
        "opened_at": "2026-03-02T09:00:00Z",
        "closed_at": None,
        "paid_after_close_at": None,
        "messages": [
            {
                "step": "first",
                "channel": "email",
                "template": "reminder",
                "status": "planned",
                "reason": None,
                "provider_id": None,
                "delivery": None,
                "delivery_code": None,
                "delivery_at": None,
                "due_at": "2026-03-02T11:00:00Z",
                "occurred_at": None,
                "merged_into": None,
                "together_with": [],
            }
        ],
    }


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"amount_due": "49"}, [("amount_due", "Input should be a valid integer")]),
        ({"surprise": 1}, [("surprise", "is not a field that is known here")]),
        (
            {"customer": {"email": "ada", "phone": 1}},
            [
                ("customer.email", 'must be an email address, such as "ada@example.com"'),
                ("customer.phone", "Input should be a valid string"),
            ],
        ),
        ([], [("body", "must be a JSON object, sent with Content-Type: application/json")]),
    ],
)
async def test_a_wrong_body_is_told_field_by_field(
    shop: httpx.AsyncClient, rows: Rows, body: object, errors: list[tuple[str, str]]
) -> None:
    answer = await shop.put("/v1/invoices/INV-1", json=body)
    assert problem(answer) == (422, "invalid", errors)
    assert await rows("SELECT id FROM invoices") == []


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"amount_due": 1,', ["body"]),
        (b"", ["body"]),
        (b'{"description": "\xff"}', []),
        (b"[" * 100_000, []),
        (b'{"description": "\\ud800"}', ["description"]),
        (b'{"description": "\\u0000"}', ["description"]),
        (b'{"amount_due": NaN}', ["amount_due"]),
    ],
)
async def test_what_is_no_json_is_refused(
    shop: httpx.AsyncClient, content: bytes, field: list[str]
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await shop.put("/v1/invoices/INV-1", content=content, headers=headers)
    status, kind, errors = problem(answer)
    assert (status, kind, [name for name, _ in errors]) == (422, "invalid", field)


async def test_a_form_is_no_json(shop: httpx.AsyncClient) -> None:
    answer = await shop.put("/v1/invoices/INV-1", data={"amount_due": "1"})
    sentence = "must be a JSON object, sent with Content-Type: application/json"
    assert problem(answer) == (422, "invalid", [("body", sentence)])


async def test_a_body_beyond_the_limit_is_not_read(shop: httpx.AsyncClient) -> None:
    body = b'{"description": "' + b"x" * (256 * 1024) + b'"}'
    headers = {"Content-Type": "application/json"}
    announced = await shop.put("/v1/invoices/INV-1", content=body, headers=headers)
    assert problem(announced) == (413, "too-large", [])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    streamed = await shop.put("/v1/invoices/INV-1", content=pieces(), headers=headers)
    assert problem(streamed) == (413, "too-large", [])


async def test_a_new_invoice_needs_its_amount(shop: httpx.AsyncClient) -> None:
    answer = await shop.put("/v1/invoices/INV-1", json={"currency": "USD"})
    sentence = "Invoice INV-1 is not known yet: a new invoice needs amount_due and customer.id."
    assert problem(answer) == (422, "invalid", [("amount_due", sentence)])
    assert answer.json()["detail"] == sentence


async def test_a_contradiction_is_a_conflict(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    other = {**INVOICE, "revtain": {"transaction_ids": ["tx_1"]}}
    taken = await shop.put("/v1/invoices/INV-2", json=other)
    assert problem(taken)[:2] == (409, "conflict")
    assert problem(taken)[2][0][0] == "revtain.transaction_ids"
    await shop.post("/v1/invoices/INV-1/paid")
    changed = await shop.put("/v1/invoices/INV-1", json={"amount_due": 1})
    assert problem(changed)[:2] == (409, "conflict")
    assert await rows("SELECT id, amount_due FROM invoices") == [
        {"id": "INV-1", "amount_due": 4900}
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/invoices/none"),
        ("POST", "/v1/invoices/none/paid"),
        ("POST", "/v1/invoices/none/void"),
        ("PUT", "/v1/customers/none/exclusion"),
        ("GET", "/v1/cases/none"),
        ("POST", "/v1/cases/none/stop"),
        ("POST", "/v1/cases/none/reopen"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1"),
    ],
)
async def test_what_is_unknown_is_not_found(
    shop: httpx.AsyncClient, method: str, path: str
) -> None:
    assert problem(await shop.request(method, path)) == (404, "not-found", [])


async def test_another_method_is_told_the_right_ones(shop: httpx.AsyncClient) -> None:
    answer = await shop.delete("/v1/cases")
    assert problem(answer) == (405, "method-not-allowed", [])
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("invoice_id", ["%00", "x" * 201, "%7F", ""])
async def test_an_impossible_id_is_refused(shop: httpx.AsyncClient, invoice_id: str) -> None:
    answer = await shop.put(f"/v1/invoices/{invoice_id}", json=INVOICE)
    assert problem(answer)[0] == 422
    assert problem(answer)[2][0][0] == "invoice_id"


async def test_paid_is_told_to_the_case_once(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows, world: World
) -> None:
    for _ in range(2):
        answer = await shop.post("/v1/invoices/INV-1/paid")
        assert (answer.status_code, answer.json()) == (200, invoice | {"status": "paid"})
    stored = await rows("SELECT paid_cause, paid_at FROM invoices")
    assert stored == [{"paid_cause": "paid_elsewhere", "paid_at": NOW}]
    assert await events(rows) == [
        ("invoice.paid", b'{"invoice_id":"INV-1","cause":"paid_elsewhere"}')
    ]
    assert world.operations.arrived.is_set()
    assert (world.runs.orders, world.runs.opened) == ([], [])


async def test_void_taken_back_and_void_again_is_told_twice(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    for _ in range(2):
        answer = await shop.post("/v1/invoices/INV-1/void")
        assert (answer.status_code, answer.json()["status"]) == (200, "void")
    first = await events(rows)
    assert first == [
        ("invoice.voided", b'{"invoice_id":"INV-1","voided_at":"2026-03-02T09:00:00+00:00"}')
    ]
    await shop.put("/v1/invoices/INV-1", json={"status": "open"})
    voided = await shop.put("/v1/invoices/INV-1", json={"status": "void"})
    assert voided.json()["status"] == "void"
    assert len(await events(rows)) == 2


async def test_a_paid_invoice_cannot_become_void(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    await shop.put("/v1/invoices/INV-1", json={"status": "paid"})
    answer = await shop.post("/v1/invoices/INV-1/void")
    assert problem(answer) == (409, "order-refused", [])
    assert [name for name, _ in await events(rows)] == ["invoice.paid"]
    assert await rows("SELECT status FROM invoices") == [{"status": "paid"}]


async def test_a_new_card_is_told_once_for_each_change(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    for token in ("pm_2", "pm_2", "pm_1", "pm_2"):
        body = {"payment_method_token": token}
        answer = await shop.post("/v1/invoices/INV-1/card", json=body)
        assert (answer.status_code, answer.json()["payment_method_token"]) == (200, token)
    told = await events(rows)
    assert [name for name, _ in told] == ["invoice.card"] * 3
    assert not any(b"pm_" in body for _, body in told)


async def test_an_excluded_customer_is_shown_as_such(
    shop: httpx.AsyncClient, invoice: dict[str, Any]
) -> None:
    for method, excluded in (("PUT", True), ("PUT", True), ("DELETE", False)):
        answer = await shop.request(method, "/v1/customers/cus_1/exclusion")
        assert (answer.status_code, answer.content) == (204, b"")
        shown = (await shop.get("/v1/invoices/INV-1")).json()["customer"]["excluded"]
        assert shown is excluded


async def events(rows: Rows) -> list[tuple[str, bytes]]:
    """Names and bodies of the facts that wait for the dispatcher."""
    found = await rows("SELECT name, body FROM events WHERE source = 'api' ORDER BY id")
    return [(row["name"], row["body"]) for row in found]
