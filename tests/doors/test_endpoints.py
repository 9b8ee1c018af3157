"""Can the merchant's systems manage endpoints, and see and repeat what went out?"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dunning.outgoing import Kind
from store.database import Database
from store.endpoints import Endpoints
from store.outgoing import Outgoing
from tests.doors.conftest import TOKEN_KEY
from tests.doors.test_invoices import problem

if TYPE_CHECKING:
    import httpx

    from tests.doors.conftest import Show, World

URL = "https://shop.example/hooks"
READ, WRITE = "endpoints:read", "endpoints:write"


async def test_an_endpoint_is_made_shown_and_removed(
    shop: httpx.AsyncClient, database: Database
) -> None:
    body = {"url": URL, "kinds": ["case.review", "case.closed"], "note": "the CRM"}
    made = await shop.post("/v1/endpoints", json=body)
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    secret = document.pop("secret")
    assert document == {
        **body,
        "id": document["id"],
        "created_at": document["created_at"],
        "disabled_at": None,
        "disabled_why": None,
    }
    assert await Endpoints(database, TOKEN_KEY).secrets(document["id"]) == [secret]
    plain = (await shop.post("/v1/endpoints", json={"url": URL})).json()
    assert plain["kinds"] is None
    listed = await shop.get("/v1/endpoints")
    assert [one["id"] for one in listed.json()["endpoints"]] == [document["id"], plain["id"]]
    assert "secret" not in listed.text
    gone = await shop.delete(f"/v1/endpoints/{document['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    again = await shop.delete(f"/v1/endpoints/{document['id']}")
    assert problem(again) == (404, "not-found", [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"url": "https://ada:pw@shop.example"}, "url"),
        ({"url": URL, "kinds": []}, "kinds"),
        ({"url": URL, "kinds": ["case.imagined"]}, "kinds.0"),
        ({"url": URL, "note": ""}, "note"),
        ({"url": URL, "note": "a\x00b"}, "note"),
        ({"url": URL, "note": "a\ud800b"}, "note"),
        ({"url": URL, "secret": "mine"}, "secret"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_field(
    shop: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await shop.post("/v1/endpoints", content=json.dumps(body), headers=headers)
    status, kind, errors = problem(answer)
    assert (status, kind, [name for name, _ in errors]) == (422, "invalid", [field])
    assert "pw" not in answer.text
    assert (await shop.get("/v1/endpoints")).json() == {"endpoints": []}


async def test_events_are_listed_and_replayed(
    shop: httpx.AsyncClient, database: Database, invoice: dict[str, Any], show: Show
) -> None:
    del invoice
    made = (await shop.post("/v1/endpoints", json={"url": URL})).json()
    await show()
    outgoing, endpoints = Outgoing(database), Endpoints(database, TOKEN_KEY)
    page = (await shop.get("/v1/outgoing", params={"limit": 1})).json()
    rest = (await shop.get("/v1/outgoing", params={"before": page["next"]})).json()
    assert [one["kind"] for one in page["outgoing"] + rest["outgoing"]] == [
        "case.waiting",
        "case.opened",
    ]
    (one,) = rest["outgoing"]
    assert one == {
        **one,
        "invoice_id": "INV-1",
        "endpoint_id": made["id"],
        "status": "due",
        "attempts": 0,
        "last_status": None,
        "last_fault": None,
        "delivered_at": None,
    }
    (claimed,) = await outgoing.claim(9, timedelta(minutes=1), each=9)
    busy = await shop.post(f"/v1/outgoing/{one['id']}/replay")
    assert problem(busy) == (409, "order-refused", [])
    await outgoing.failed(claimed, status=500, fault="no", pause=None)
    dead = (await shop.get("/v1/outgoing", params={"status": "dead", "invoice_id": "INV-1"})).json()
    assert [one["id"] for one in dead["outgoing"]] == [claimed.webhook_id]
    again = await shop.post(f"/v1/outgoing/{claimed.webhook_id}/replay")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "due", 0)
    await endpoints.disable(made["id"], "gone")
    disabled = await shop.post(f"/v1/outgoing/{claimed.webhook_id}/replay")
    assert problem(disabled) == (409, "order-refused", [])
    assert "enable" in disabled.json()["detail"]
    unknown = await shop.post("/v1/outgoing/msg_unknown/replay")
    assert problem(unknown) == (404, "not-found", [])


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/endpoints", READ),
        ("POST", "/v1/endpoints", WRITE),
        ("DELETE", "/v1/endpoints/ep_1", WRITE),
        ("GET", "/v1/outgoing", READ),
        ("POST", "/v1/outgoing/msg_1/replay", WRITE),
    ],
)
async def test_each_call_needs_its_own_scope(
    browser: httpx.AsyncClient, world: World, method: str, path: str, scope: str
) -> None:
    others = {"invoices:write", "cases:write", READ, WRITE} - {scope}
    key = await world.keys.add("some", sorted(others))
    browser.headers["Authorization"] = f"Bearer {key}"
    answer = await browser.request(method, path, json={"url": URL} if method == "POST" else None)
    assert problem(answer) == (403, "forbidden", [])
    assert f'scope="{scope}"' in answer.headers["www-authenticate"]


async def test_the_description_names_every_kind(world: World) -> None:
    schema = world.application.openapi()["components"]["schemas"]
    assert schema["Kind"]["enum"] == [kind.value for kind in Kind]
