"""Does a payment by another way count for what it is, whatever is said of it at the door?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dunning.states import ReviewReason, State
from tests.doors.conftest import INVOICE

if TYPE_CHECKING:
    import httpx

    from tests.doors.conftest import Rows, Show, World

ADDRESS = "/v1/invoices/INV-1/paid"
PART = {"amount": 2000, "currency": "USD", "reference": "bank 17"}
CODE = 'must be an ISO 4217 code of three capitals, such as "USD"'


async def paid(rows: Rows) -> list[dict[str, Any]]:
    return await rows("SELECT status, amount_due, paid_minor FROM invoices")


def standing(status: str, paid_minor: int, amount_due: int = 4900) -> list[dict[str, Any]]:
    return [{"status": status, "amount_due": amount_due, "paid_minor": paid_minor}]


async def test_a_part_leaves_the_rest_to_be_paid(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    await shop.post(ADDRESS, json=PART)
    answer = await shop.post(ADDRESS, json=PART)
    body: dict[str, Any] = answer.json()
    told = (answer.status_code, body["status"], body["amount_due"], body["owed"]["amount"])
    assert told == (200, invoice["status"], 4900, 2900)
    part = {"amount": 2000, "currency": "USD", "source": "api"}
    (received_at,) = (payment.pop("received_at") for payment in body["payments"])
    assert received_at == "2026-03-02T09:00:00Z"
    assert body["payments"] == [{**part, "reference": "bank 17", "counted": True}]
    assert await rows("SELECT name FROM events") == []
    await shop.post(ADDRESS, json={"amount": 2900, "currency": "USD"})
    assert await paid(rows) == standing("paid", 4900)
    assert await rows("SELECT name FROM events") == [{"name": "invoice.paid"}]


@pytest.mark.usefixtures("invoice")
async def test_without_a_reference_the_key_of_repetition_counts_it_once(
    shop: httpx.AsyncClient, rows: Rows
) -> None:
    part = {"amount": 1000, "currency": "USD"}
    for key in ("a", "a", "b", None, None):
        headers = {} if key is None else {"Idempotency-Key": key}
        assert (await shop.post(ADDRESS, json=part, headers=headers)).status_code == 200
    assert await paid(rows) == standing("open", 4000)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize("body", [None, {}])
async def test_without_an_amount_all_is_paid(
    shop: httpx.AsyncClient, rows: Rows, body: dict[str, Any] | None
) -> None:
    assert (await shop.post(ADDRESS, json=body)).json()["status"] == "paid"
    assert await paid(rows) == standing("paid", 0)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"amount": 0}, "amount", "greater than or equal to 1"),
        ({"amount": -1}, "amount", "greater than or equal to 1"),
        ({"amount": 10**12 + 1}, "amount", "less than or equal to 1000000000000"),
        ({"amount": 10**30}, "amount", ""),
        ({"amount": "2000"}, "amount", "valid integer"),
        ({"amount": 20.0}, "amount", "valid integer"),
        ({"amount": True}, "amount", "valid integer"),
        ({"amount": None}, "body", "give both, or neither"),
        ({"currency": None}, "body", "give both, or neither"),
        ({"amount": None, "currency": None}, "body", "reference names a payment"),
        ({"currency": "usd"}, "currency", CODE),
        ({"currency": "XXQ"}, "currency", CODE),
        ({"currency": ""}, "currency", CODE),
        ({"currency": "840"}, "currency", CODE),
        ({"currency": 840}, "currency", "valid string"),
        ({"reference": ""}, "reference", "at least 1"),
        ({"note": "by cheque"}, "note", "not a field"),
    ],
)
async def test_what_is_no_payment_changes_nothing(
    shop: httpx.AsyncClient, rows: Rows, change: dict[str, Any], field: str, problem: str
) -> None:
    answer = await shop.post(ADDRESS, json=PART | change)
    assert answer.status_code == 422, answer.text
    (found,) = answer.json()["errors"]
    assert (found["field"], problem in found["problem"]) == (field, True), found
    assert await paid(rows) == standing("open", 0)


@pytest.mark.usefixtures("invoice")
@pytest.mark.parametrize(
    ("change", "field", "figures"),
    [
        ({"currency": "EUR", "reference": "x"}, "currency", ("20.00 EUR", "29.00 USD")),
        ({"amount": 2100}, "reference", ("20.00 USD", "21.00 USD")),
    ],
)
async def test_what_contradicts_is_refused_with_both_figures(
    shop: httpx.AsyncClient,
    rows: Rows,
    change: dict[str, Any],
    field: str,
    figures: tuple[str, str],
) -> None:
    await shop.post(ADDRESS, json=PART)
    answer = await shop.post(ADDRESS, json=PART | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, field)
    assert all(figure in answer.json()["detail"] for figure in figures)
    assert await paid(rows) == standing("open", 2000)


async def test_an_unknown_invoice_has_no_payments(shop: httpx.AsyncClient) -> None:
    assert (await shop.post("/v1/invoices/none/paid", json=PART)).status_code == 404


@pytest.mark.parametrize("currency", ["XXQ", "usd", "", "840", "XTS"])
async def test_an_invoice_in_no_currency_is_not_registered(
    shop: httpx.AsyncClient, rows: Rows, currency: str
) -> None:
    answer = await shop.put("/v1/invoices/INV-1", json=INVOICE | {"currency": currency})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "currency", "problem": CODE}],
    )
    assert await paid(rows) == []


async def test_an_invoice_that_is_about_nothing_any_more_ends_its_case(
    shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows
) -> None:
    for _ in range(2):
        answer = await shop.put("/v1/invoices/INV-1", json={"amount_due": 0})
        assert (answer.status_code, answer.json()["status"]) == (200, invoice["status"])
    assert await rows("SELECT name FROM events") == [{"name": "invoice.voided"}]


@pytest.mark.usefixtures("invoice")
async def test_a_reviewer_sees_what_waits_and_takes_it_as_a_part(
    shop: httpx.AsyncClient, world: World, show: Show, rows: Rows
) -> None:
    await rows("""
        INSERT INTO payments (invoice_id, amount, currency, source, reference, received_at)
        VALUES ('INV-1', 1000, 'USD', 'revtain', 't1', now()),
            ('INV-1', 1500, 'USD', 'revtain', 't2', now()),
            ('INV-1', 700, 'EUR', 'revtain', 't3', now())
        RETURNING id
    """)
    await show(State.REVIEW, review_reason=ReviewReason.AMOUNT_DIFFERS, review_round=1)
    file = (await shop.get("/v1/cases/INV-1")).json()
    assert (file["owed"], file["waiting"]) == (
        {"amount": 4900, "currency": "USD"},
        [{"amount": 700, "currency": "EUR"}, {"amount": 2500, "currency": "USD"}],
    )
    answer = await shop.post("/v1/cases/INV-1/decide", json={"decision": "resume"})
    assert answer.status_code == 200
    assert await paid(rows) == standing("open", 2500)
    assert len(world.runs.orders) == 1


@pytest.mark.usefixtures("invoice")
async def test_what_covers_the_debt_is_not_resumed_but_marked_as_paid(
    shop: httpx.AsyncClient, world: World, show: Show, rows: Rows
) -> None:
    await rows("""
        INSERT INTO payments (invoice_id, amount, currency, source, reference, received_at)
        VALUES ('INV-1', 5000, 'USD', 'revtain', 't1', now()) RETURNING id
    """)
    await show(State.REVIEW, review_reason=ReviewReason.AMOUNT_DIFFERS, review_round=1)
    refused = await shop.post("/v1/cases/INV-1/decide", json={"decision": "resume"})
    assert (refused.status_code, world.runs.orders) == (409, [])
    assert "Decide mark_paid" in refused.json()["detail"]
    await shop.post("/v1/cases/INV-1/decide", json={"decision": "mark_paid"})
    assert await paid(rows) == standing("paid", 5000)
    assert await rows("SELECT kind, subject FROM alerts WHERE kind = 'overpaid'") == [
        {"kind": "overpaid", "subject": "INV-1"}
    ]
