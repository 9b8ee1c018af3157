"""What do the tests of the doors stand on? All doors in one application, on a real database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from dunning.channel import Channel
from dunning.pay_page import PayPage
from dunning.policy import Policy, parse_policy
from dunning.states import State
from dunning.view import CaseView, StepView
from messages.links import PayLinks, PreferenceLinks
from store.audit import Audit
from store.cases import Cases
from store.consents import Consents
from store.database import Database
from store.disclosure import Disclosure
from store.endpoints import Endpoints
from store.erasure import Erasure
from store.facts import Facts
from store.inbox import Inbox
from store.keys import ApiKeys
from store.ledger import Ledger
from store.outgoing import Outgoing
from store.preferences import Preferences
from store.references import References
from store.registry import Registry
from store.story import Chronicles
from store.suppressions import Suppressions
from tests.doors.runs import ScriptedRuns
from web.api import app as api
from web.api.customers import CustomerDoor
from web.api.endpoints import EndpointDoor
from web.operations import Operations
from web.personal_data import PersonalData
from web.portal import pages, preferences
from web.portal.paying import Paying
from web.portal.promising import Promises, Promising
from web.portal.scene import Rules
from web.scopes import Scope

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOKEN_KEY = b"a key of the tests"
BRAND = {
    "name": "Example & Sons",
    "support_email": "billing@example.com",
    "website": "https://example.com",
    "logo_url": "https://cdn.example.com/logo.png",
    "color": "#1f4fd8",
}
INVOICE = {
    "amount_due": 4900,
    "currency": "USD",
    "description": "Pro plan, March",
    "payment_url": "https://shop.example/pay/INV-1",
    "payment_method_token": "pm_1",
    "customer": {"id": "cus_1", "name": "Ada", "email": "ada@example.com", "locale": "en-US"},
    "revtain": {"transaction_ids": ["tx_1"]},
}


@dataclass(frozen=True, slots=True)
class StillClock:
    """A clock of cases that stands."""

    now: datetime = NOW

    async def for_case(self, workflow_id: str) -> datetime:
        assert workflow_id.startswith("dunning:")
        return self.now


def behind_pages(policy: Policy, promises: Promises | None = None, **fields: Any) -> pages.Behind:
    """What stands behind the customers' pages: that policy's rules for every case."""

    async def rules(_digest: str | None) -> PayPage:
        return policy.pay_page

    given: dict[str, Any] = {
        "paying": Paying(now=lambda: NOW),
        "rules": Rules(of=rules, clock=StillClock()),
        "promising": Promising(promises=promises),
    }
    return pages.Behind(**{**given, **fields})


class Rows(Protocol):
    """Rows of a query as dictionaries."""

    async def __call__(self, query: str) -> list[dict[str, Any]]: ...


class Show(Protocol):
    """Opens a case, if there is none, and shows it in a state."""

    async def __call__(
        self, state: State = State.WAITING, *steps: StepView, **fields: Any
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The application with what stands behind it."""

    operations: Operations
    runs: ScriptedRuns
    links: PayLinks
    preferences: PreferenceLinks
    suppressions: Suppressions
    application: FastAPI
    keys: ApiKeys


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    database = Database.connect(database_url, pool_size=5)
    yield database
    await database.aclose()


@pytest.fixture
def rows(database: Database) -> Rows:
    async def read(query: str) -> list[dict[str, Any]]:
        async with database.single() as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    return read


@pytest.fixture
def policy() -> Policy:
    step = {"id": "first", "channel": "email", "template": "reminder", "after": "2h"}
    campaign = {"name": "monthly", "length": "27d", "steps": [step]}
    return parse_policy({"version": 1, "brand": BRAND, "campaigns": [campaign]})


@pytest.fixture
def world(database: Database, policy: Policy) -> World:
    runs = ScriptedRuns()
    registry = Registry(database, TOKEN_KEY)
    operations = Operations(
        registry=registry,
        cases=Cases(database),
        ledger=Ledger(database, TOKEN_KEY),
        inbox=Inbox(database),
        facts=Facts(database),
        references=References(database),
        audit=Audit(database),
        chronicles=Chronicles(database, TOKEN_KEY),
        client=runs,
        now=lambda: NOW,
        zone_of=lambda contact: contact.timezone or "UTC",
    )
    links = PayLinks(secret_key="k" * 32, public_url="http://127.0.0.1")
    keys = ApiKeys(database)
    application = FastAPI()
    personal_data = PersonalData(
        erasure=Erasure(database, TOKEN_KEY), disclosure=Disclosure(database, TOKEN_KEY)
    )
    customers = CustomerDoor(personal_data)
    events = EndpointDoor(endpoints=Endpoints(database, TOKEN_KEY), outgoing=Outgoing(database))
    api.install(application, operations=operations, keys=keys, more=[customers, events])
    pages.install(
        application, registry=registry, links=links, policy=policy, behind=behind_pages(policy)
    )
    choosing = PreferenceLinks(secret_key="k" * 32, public_url="http://127.0.0.1")
    suppressions = Suppressions(database, TOKEN_KEY)
    preferences.install(
        application,
        registry=registry,
        wishes=Preferences(database, suppressions, Consents(database, TOKEN_KEY)),
        links=choosing,
        policy=policy,
        vendors=set(Channel),
    )
    return World(
        operations=operations,
        runs=runs,
        links=links,
        preferences=choosing,
        suppressions=suppressions,
        application=application,
        keys=keys,
    )


@pytest.fixture
async def browser(world: World) -> AsyncGenerator[httpx.AsyncClient]:
    """A caller without a key."""
    transport = httpx.ASGITransport(world.application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        yield client


@pytest.fixture
async def shop(world: World, browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """The merchant's system, which may do everything."""
    key = await world.keys.add("shop", [scope.value for scope in Scope])
    browser.headers["Authorization"] = f"Bearer {key}"
    return browser


@pytest.fixture
async def invoice(shop: httpx.AsyncClient) -> dict[str, Any]:
    """INV-1 as the merchant registered it."""
    answer = await shop.put("/v1/invoices/INV-1", json=INVOICE)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def show(world: World) -> Show:
    versions = iter(range(1, 100))

    async def write(state: State = State.WAITING, *steps: StepView, **fields: Any) -> None:
        cases = world.operations.cases
        opening = (await cases.open_many(["INV-1"], NOW))["INV-1"]
        view = CaseView(
            workflow_id=opening.workflow_id,
            version=next(versions),
            state=state,
            steps=steps,
            **fields,
        )
        await cases.project(view, NOW)

    return write
