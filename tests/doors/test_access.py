"""Who gets through the door of the merchant's interface?"""

from __future__ import annotations

import httpx
import pytest

from dunning.errors import DunningError
from store.errors import DatabaseDownError
from store.keys import KeyInfo
from tests.doors.conftest import INVOICE, World
from tests.doors.test_invoices import problem
from web.api.access import KeyRing
from web.api.problems import FaultError


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic c2hvcDpr", "dk_x", "Bearer dk_unknown"]
)
async def test_without_a_known_key_nothing_is_told(
    browser: httpx.AsyncClient, world: World, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await browser.put("/v1/invoices/INV-1", content=b"{", headers=headers)
    assert problem(answer) == (401, "unauthenticated", [])
    assert answer.headers["www-authenticate"].startswith('Bearer realm="dunning"')
    assert await world.operations.registry.get_invoice("INV-1") is None


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/invoices/INV-1", "invoices:read"),
        ("PUT", "/v1/invoices/INV-1", "invoices:write"),
        ("POST", "/v1/invoices/INV-1/paid", "invoices:write"),
        ("GET", "/v1/cases", "cases:read"),
        ("GET", "/v1/cases/INV-1", "cases:read"),
        ("GET", "/v1/cases/INV-1/story", "cases:read"),
        ("GET", "/v1/events", "cases:read"),
        ("POST", "/v1/cases/INV-1/stop", "cases:write"),
        ("PUT", "/v1/customers/cus_1/exclusion", "cases:write"),
    ],
)
async def test_each_call_needs_its_own_scope(
    browser: httpx.AsyncClient, world: World, method: str, path: str, scope: str
) -> None:
    others = {"invoices:read", "invoices:write", "cases:read", "cases:write"} - {scope}
    key = await world.keys.add("some", sorted(others))
    browser.headers["Authorization"] = f"Bearer {key}"
    body = INVOICE if method == "PUT" and "invoices" in path else None
    answer = await browser.request(method, path, json=body)
    assert problem(answer) == (403, "forbidden", [])
    assert answer.json()["detail"] == f"The API key some lacks the scope {scope}."
    assert f'scope="{scope}"' in answer.headers["www-authenticate"]
    assert await world.operations.registry.get_invoice("INV-1") is None


class CountingBook:
    """Knows one key, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def verify(self, key: str) -> KeyInfo | None:
        self.asked += 1
        return KeyInfo(id=1, name="shop", scopes=()) if key == "dk_known" else None


async def test_a_known_key_is_looked_up_once_in_a_while() -> None:
    book = CountingBook()
    ring = KeyRing(book)
    assert [(await ring.holder("bearer dk_known")).name for _ in range(3)] == ["shop"] * 3
    assert book.asked == 1
    for _ in range(2):
        with pytest.raises(FaultError):
            await ring.holder("Bearer dk_other")
    assert book.asked == 3


async def test_what_the_key_opens_is_forgotten_in_time() -> None:
    book = CountingBook()
    ring = KeyRing(book, remembered=0.0)
    for _ in range(2):
        await ring.holder("Bearer dk_known")
    assert book.asked == 2


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (DatabaseDownError("away"), 503, "database-unavailable"),
        (DunningError("?"), 500, "internal"),
    ],
)
async def test_a_fault_of_ours_is_a_problem_too(
    browser: httpx.AsyncClient,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    fault: DunningError,
    status: int,
    kind: str,
) -> None:
    async def failing(self: object, key: str) -> None:
        raise fault

    monkeypatch.setattr(type(world.keys), "verify", failing)
    answer = await browser.get("/v1/cases", headers={"Authorization": "Bearer dk_x"})
    assert problem(answer) == (status, kind, [])


async def test_the_description_names_every_call(browser: httpx.AsyncClient) -> None:
    described = (await browser.get("/openapi.json")).json()
    calls = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    orders = ["pause", "resume", "skip", "send-now", "stop", "extend", "replan", "decide"]
    orders += ["reopen", "note", "assign"]
    assert calls == {
        "PUT /v1/invoices/{invoice_id}",
        "GET /v1/invoices/{invoice_id}",
        "POST /v1/invoices/{invoice_id}/paid",
        "POST /v1/invoices/{invoice_id}/void",
        "POST /v1/invoices/{invoice_id}/card",
        "PUT /v1/customers/{customer_id}/exclusion",
        "DELETE /v1/customers/{customer_id}/exclusion",
        "GET /v1/cases",
        "GET /v1/cases/{invoice_id}",
        "GET /v1/cases/{invoice_id}/story",
        "GET /v1/events",
        "GET /v1/messages/unresolved",
        "POST /v1/messages/{message_id}/resolve",
        "GET /v1/customers/{customer_id}/personal-data",
        "DELETE /v1/customers/{customer_id}/personal-data",
        "GET /v1/endpoints",
        "POST /v1/endpoints",
        "DELETE /v1/endpoints/{endpoint_id}",
        "GET /v1/outgoing",
        "POST /v1/outgoing/{webhook_id}/replay",
        *(f"POST /v1/cases/{{invoice_id}}/{order}" for order in orders),
    }
    put = described["paths"]["/v1/invoices/{invoice_id}"]["put"]
    assert put["security"] == [{"ApiKey": ["invoices:write"]}]
    assert put["responses"]["422"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert {"Problem", "FieldProblem"} <= set(described["components"]["schemas"])
    assert "HTTPValidationError" not in described["components"]["schemas"]
