"""What can the merchant's systems ask and change of a customer's consent?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from store.closed_addresses import ClosedAddresses
from store.consents import Consents
from store.contacts import Contacts
from store.database import Database
from tests.doors.conftest import INVOICE, NOW, TOKEN_KEY, World
from web.api import app as api
from web.api.consents import ConsentDoor
from web.consents import ConsentDesk
from web.scopes import Scope

CUSTOMER = {
    "id": "cus/1",
    "phone": "+12125550123",
    "email": "ada@example.com",
    "sms_consent_at": "2026-01-05T10:00:00Z",
    "sms_consent_proof": "ticked at checkout",
}
PATH = "/v1/customers/cus/1"
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
async def merchant(world: World, database: Database) -> AsyncGenerator[httpx.AsyncClient]:
    """The merchant's system, with Ada registered."""
    consents = Consents(database, TOKEN_KEY)
    desk = ConsentDesk(
        contacts=Contacts(database),
        consents=consents,
        closed=ClosedAddresses(database, world.suppressions, consents),
        now=lambda: NOW,
    )
    application = FastAPI()
    door = ConsentDoor(desk)
    api.install(application, operations=world.operations, keys=world.keys, more=[door])
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    key = await world.keys.add("shop", [scope.value for scope in Scope])
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://dunning.test", headers=headers
    ) as client:
        answer = await client.put("/v1/invoices/INV-1", json={**INVOICE, "customer": CUSTOMER})
        assert answer.status_code == 201, answer.text
        yield client


async def consents(merchant: httpx.AsyncClient) -> Any:
    answer = await merchant.get(f"{PATH}/consents")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_proof_of_a_registered_consent_is_shown(merchant: httpx.AsyncClient) -> None:
    shown = await consents(merchant)
    (entry,) = shown["consents"]
    entry.pop("recorded_at")
    assert entry == {
        "channel": "sms",
        "kind": "given",
        "at": "2026-01-05T10:00:00Z",
        "source": "registration",
        "proof": "ticked at checkout",
    }
    assert shown["suppressions"] == []


async def test_a_channel_is_closed_and_opened_as_often_as_asked(
    merchant: httpx.AsyncClient,
) -> None:
    body = {"scope": "reminders", "expires_at": LATER, "note": "by letter"}
    first = await merchant.put(f"{PATH}/suppressions/email", json=body)
    again = await merchant.put(f"{PATH}/suppressions/email", json=body)
    (closed,), (renewed,) = first.json(), again.json()
    assert closed.pop("created_at") < renewed.pop("created_at")
    assert (first.status_code, renewed) == (200, closed)
    assert closed == {
        "channel": "email",
        "reason": "opted_out",
        "scope": "reminders",
        "source": "api",
        "expires_at": LATER,
    }
    for _ in range(2):
        assert (await merchant.delete(f"{PATH}/suppressions/email")).status_code == 204
    shown = await consents(merchant)
    kinds = [(c["channel"], c["kind"], c["proof"]) for c in shown["consents"]]
    assert kinds[1:] == [("email", "withdrawn", "by letter"), ("email", "restored", None)]
    assert shown["suppressions"] == []


@pytest.mark.parametrize(
    ("channel", "body", "status", "told"),
    [
        ("sms", {"reason": "bored"}, 422, "reason"),
        ("sms", {"reason": "bad_address", "note": "a call"}, 422, "note is kept"),
        ("sms", {"note": "x" * 501}, 422, "note"),
        ("sms", {"expires_at": "2020-01-01T00:00:00Z"}, 409, "has passed"),
        ("sms", {"expires_at": "soon"}, 422, "RFC 3339"),
        ("sms", {"until": LATER}, 422, "until"),
        ("fax", {}, 422, "channel"),
        ("push", {}, 409, "no address for push"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    merchant: httpx.AsyncClient, channel: str, body: Any, status: int, told: str
) -> None:
    answer = await merchant.put(f"{PATH}/suppressions/{channel}", json=body)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert (await consents(merchant))["suppressions"] == []


async def test_an_unknown_customer_is_named(merchant: httpx.AsyncClient) -> None:
    for answer in (
        await merchant.get("/v1/customers/nobody/consents"),
        await merchant.put("/v1/customers/nobody/suppressions/sms", json={}),
        await merchant.delete("/v1/customers/nobody/suppressions/sms"),
    ):
        assert (answer.status_code, "nobody" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("proof", ["x" * 501, "a\x00b", 7])
async def test_a_proof_is_a_short_text(merchant: httpx.AsyncClient, proof: object) -> None:
    body = {"customer": {**CUSTOMER, "sms_consent_proof": proof}}
    assert (await merchant.put("/v1/invoices/INV-1", json=body)).status_code == 422


async def test_only_keys_of_that_scope_may_do_so(merchant: httpx.AsyncClient, world: World) -> None:
    key = await world.keys.add("reader", [Scope.INVOICES_READ])
    headers = {"Authorization": f"Bearer {key}"}
    closed = await merchant.put(f"{PATH}/suppressions/sms", json={}, headers=headers)
    read = await merchant.get(f"{PATH}/consents", headers=headers)
    assert (closed.status_code, read.status_code) == (403, 403)
