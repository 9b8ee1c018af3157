"""Can the merchant's system show a customer what is held about them, and have it erased?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from store.inbox import NewEvent
from tests.doors.conftest import INVOICE

if TYPE_CHECKING:
    import httpx

    from tests.doors.conftest import Rows, Show, World

HELD = "/v1/customers/cus_1/personal-data"

pytestmark = pytest.mark.usefixtures("invoice")


async def test_everything_is_shown_and_no_cache_keeps_it(
    shop: httpx.AsyncClient, show: Show
) -> None:
    await show()
    await shop.post("/v1/cases/INV-1/note", json={"note": "She is in hospital."})
    answer = await shop.get(HELD)
    found = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (found["customer"]["email"], found["invoices"][0]["id"]) == ("ada@example.com", "INV-1")
    assert [note["text"] for note in found["cases"][0]["notes"]] == ["She is in hospital."]


async def test_an_erasure_says_what_it_removed_and_stops_the_case(
    shop: httpx.AsyncClient, show: Show, rows: Rows
) -> None:
    await show()
    answer = await shop.delete(HELD)
    found = answer.json()
    assert (answer.status_code, found["customer_id"], found["stopping"]) == (200, "cus_1", 1)
    assert found["removed"]["customers"] == found["removed"]["invoices"] == 1
    (customer,) = await rows("SELECT name, email, erased_at IS NOT NULL AS erased FROM customers")
    assert customer == {"name": None, "email": None, "erased": True}
    assert await rows("SELECT source, name FROM events WHERE source = 'erasure'") == [
        {"source": "erasure", "name": "customer.erased"}
    ]
    assert await rows("SELECT author, text FROM notes") == [
        {"author": "api:shop", "text": "customer erased"}
    ]


async def test_a_repetition_is_answered_alike(shop: httpx.AsyncClient) -> None:
    first, second = await shop.delete(HELD), await shop.delete(HELD)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["erased_at"] == first.json()["erased_at"]
    assert set(second.json()["removed"].values()) == {0}


async def test_a_merchants_nightly_sync_is_told_that_the_person_is_gone(
    shop: httpx.AsyncClient,
) -> None:
    await shop.delete(HELD)
    refused = await shop.put("/v1/invoices/INV-1", json=INVOICE)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:dunning:problem:conflict")
    assert refused.json()["detail"] == (
        "Customer cus_1 was erased: customer.email is personal data and cannot be registered for "
        "them again. Leave it out, or register the customer under a new id."
    )
    bare: dict[str, Any] = {"amount_due": 5000, "currency": "USD", "customer": {"id": "cus_1"}}
    taken = await shop.put("/v1/invoices/INV-1", json=bare)
    assert (taken.status_code, taken.json()["amount_due"]) == (200, 5000)


async def test_an_erasure_waits_for_what_is_being_handled(
    shop: httpx.AsyncClient, world: World
) -> None:
    event = NewEvent(source="revtain", name="recovery.failed", body=b"{}", transaction_id="tx_1")
    await world.operations.inbox.put_many([event])
    answer = await shop.delete(HELD)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dunning:problem:order-refused")
    assert "Try again in a few seconds" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_customer_is_named(shop: httpx.AsyncClient, method: str) -> None:
    answer = await shop.request(method, "/v1/customers/nobody/personal-data")
    assert (answer.status_code, "Customer nobody" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("method", "scopes", "missing"),
    [
        ("GET", ["invoices:read"], "cases:read"),
        ("GET", ["cases:read"], "invoices:read"),
        ("DELETE", ["invoices:read", "cases:read", "cases:write"], "invoices:write"),
        ("DELETE", ["invoices:write"], "cases:write"),
    ],
)
async def test_a_key_needs_both_scopes(
    shop: httpx.AsyncClient, world: World, rows: Rows, method: str, scopes: list[str], missing: str
) -> None:
    key = await world.keys.add("half", scopes)
    answer = await shop.request(method, HELD, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, missing in answer.json()["detail"]) == (403, True)
    assert await rows("SELECT id FROM customers WHERE erased_at IS NOT NULL") == []


async def test_an_id_may_hold_slashes(shop: httpx.AsyncClient) -> None:
    body = {**INVOICE, "customer": {"id": "a/b", "name": "Grace"}, "revtain": {}}
    assert (await shop.put("/v1/invoices/INV-2", json=body)).status_code == 201
    assert (await shop.delete("/v1/customers/a%2Fb/personal-data")).status_code == 200
    held = (await shop.get("/v1/customers/a%2Fb/personal-data")).json()
    assert (held["customer"]["id"], held["customer"]["name"]) == ("a/b", None)
