"""What do the tests of the store have in common? A database and the nouns on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from dunning.registration import InvoiceRegistration
from store.cases import Cases
from store.database import Database
from store.inbox import Inbox
from store.ledger import Ledger
from store.registry import Registry
from store.reports import Reports
from store.suppressions import Suppressions
from tests.store.reported import reserved

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from store.registration import PutResult

TOKEN_KEY = b"a key of the tests"


class Register(Protocol):
    """Registers an invoice of 49 dollars; keywords overwrite."""

    async def __call__(self, invoice_id: str = "INV-1", **fields: Any) -> PutResult: ...


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    database = Database.connect(database_url, pool_size=10)
    yield database
    await database.aclose()


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database, TOKEN_KEY)


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, TOKEN_KEY)


@pytest.fixture
def suppressions(database: Database) -> Suppressions:
    return Suppressions(database, TOKEN_KEY)


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def register(registry: Registry) -> Register:
    async def put(invoice_id: str = "INV-1", **fields: Any) -> PutResult:
        body = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}} | fields
        return await registry.put_invoice(invoice_id, InvoiceRegistration.model_validate(body))

    return put


@pytest.fixture
def reports(database: Database, suppressions: Suppressions) -> Reports:
    return Reports(database, suppressions)


@pytest.fixture
async def message_id(ledger: Ledger, now: datetime) -> str:
    """An email that is on its way to Ada."""
    return await reserved(ledger, now)
