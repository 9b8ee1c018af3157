"""Can a merchant's system tell of a payment that needed no recovery?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from providers.revtain.api import RevtainApi
from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Moment, Operation, Vendor
from sandbox.settings import SandboxSettings
from store.call_budget import CallBudget
from store.database import Database
from tests.doors.conftest import NOW
from web.api import app as api
from web.api.payments import PaymentDoor
from web.payment_log import PaymentDesk

if TYPE_CHECKING:
    from tests.doors.conftest import World

PAYMENT = {"amount": 4900, "currency": "EUR", "reference": "ORDER-1"}


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_good",))) as started:
        yield started


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A system with a key."""

    client: httpx.AsyncClient
    budget: CallBudget

    async def tells(self, body: object) -> httpx.Response:
        return await self.client.post("/v1/payments", json=body)


@pytest.fixture
async def opened(world: World, database: Database, sandbox: Sandbox) -> AsyncGenerator[Any]:
    """`await opened("rev_good")`: a merchant's system at an application with that key."""
    async with database.single() as connection:
        await connection.execute(
            text("UPDATE revtain_calls SET tokens = 10, held_until = '-infinity'")
        )
    budget, clients, vendors = CallBudget(database), list[Any](), list[RevtainApi]()

    async def start(key: str | None = "rev_good", scope: str = "invoices:write") -> Merchant:
        log = None
        if key is not None:
            log = RevtainApi(key, now=lambda: NOW, base_url=sandbox.revtain_url)
            vendors.append(log)
        desk = PaymentDesk(log=log, limit=budget, patience=timedelta(seconds=1))
        application = FastAPI()
        api.install(
            application, operations=world.operations, keys=world.keys, more=[PaymentDoor(desk)]
        )
        ours = await world.keys.add(f"merchant {len(clients)}", [scope])
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False),
            base_url="http://dunning.test",
            headers={"Authorization": f"Bearer {ours}"},
        )
        clients.append(client)
        return Merchant(client=client, budget=budget)

    yield start
    for each in clients + vendors:
        await each.aclose()


async def test_a_payment_reaches_revtain(opened: Any, sandbox: Sandbox) -> None:
    merchant = await opened()
    answer = await merchant.tells(PAYMENT)
    assert (answer.status_code, len(answer.json()["transaction_id"])) == (201, 36)
    assert (await merchant.tells({"amount": 50, "currency": "USD"})).status_code == 201
    assert sandbox.revtain.ledger.pulses == [
        {"amount": 4900, "currency": "EUR", "transactionId": "ORDER-1"},
        {"amount": 50, "currency": "USD"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"amount": 4900},
        {**PAYMENT, "amount": "4900"},
        {**PAYMENT, "amount": 49.5},
        {**PAYMENT, "amount": 0},
        {**PAYMENT, "amount": -4900},
        {**PAYMENT, "amount": 10**30},
        {**PAYMENT, "amount": True},
        {**PAYMENT, "currency": "eur"},
        {**PAYMENT, "currency": "ZZZ"},
        {**PAYMENT, "reference": ""},
        {**PAYMENT, "reference": "a\nb"},
        {**PAYMENT, "reference": "x" * 129},
        {**PAYMENT, "card": "pm_1"},
        # Revtain itself refuses it.
        {**PAYMENT, "amount": 49},
    ],
)
async def test_rubbish_is_refused(opened: Any, sandbox: Sandbox, body: object) -> None:
    answer = await (await opened()).tells(body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dunning:problem:invalid")
    assert sandbox.revtain.ledger.pulses == []


async def test_the_key_needs_the_scope(opened: Any, sandbox: Sandbox) -> None:
    answer = await (await opened(scope="invoices:read")).tells(PAYMENT)
    assert (answer.status_code, sandbox.revtain.ledger.pulses) == (403, [])


async def told_later(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["type"], answer.headers["Retry-After"]


async def test_a_revtain_that_is_away_is_tried_later(opened: Any, sandbox: Sandbox) -> None:
    merchant = await opened()
    full = Fault(kind=FaultKind.STATUS, status=429)
    sandbox.faults.plan(Vendor.REVTAIN, full, operation=Operation.PULSE)
    answer = await merchant.tells(PAYMENT)
    assert await told_later(answer) == (503, "urn:dunning:problem:revtain-unavailable", "60")
    # The pause holds for everybody, and Revtain is left alone.
    again = await merchant.tells(PAYMENT)
    assert (again.status_code, 55 < int(again.headers["Retry-After"]) <= 60) == (503, True)
    assert timedelta(seconds=55) < await merchant.budget.take() <= timedelta(seconds=60)
    assert sandbox.revtain.ledger.pulses == []


@pytest.mark.parametrize(("key", "seconds"), [("rev_bad", "900"), (None, "5")])
async def test_what_the_operator_mends_is_told(opened: Any, key: str | None, seconds: str) -> None:
    answer = await (await opened(key)).tells(PAYMENT)
    assert await told_later(answer) == (503, "urn:dunning:problem:revtain-unavailable", seconds)
    assert "REVTAIN_API_KEY" in answer.json()["detail"]


async def tokens(database: Database, left: int | None = None) -> float:
    async with database.single() as connection:
        if left is not None:
            await connection.execute(text("UPDATE revtain_calls SET tokens = :n"), {"n": left})
        found = await connection.execute(text("SELECT tokens FROM revtain_calls"))
        return float(found.scalar_one())


async def test_every_call_counts(opened: Any, sandbox: Sandbox, database: Database) -> None:
    merchant = await opened()
    assert (await merchant.tells(PAYMENT)).status_code == 201
    assert await tokens(database) == 9
    # The next would have to wait for longer than the caller does.
    await tokens(database, -1000)
    answer = await merchant.tells(PAYMENT)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 60) == (503, True)
    assert len(sandbox.revtain.ledger.pulses) == 1


async def test_a_doubt_is_told_as_one(opened: Any, sandbox: Sandbox) -> None:
    lost = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.REVTAIN, lost, operation=Operation.PULSE)
    answer = await (await opened()).tells(PAYMENT)
    assert (answer.status_code, answer.json()["type"]) == (
        502,
        "urn:dunning:problem:revtain-outcome-unknown",
    )
    assert ("Retry-After" in answer.headers, len(sandbox.revtain.ledger.pulses)) == (False, 1)
    assert "another call counts again" in answer.json()["detail"]
