"""What of a directory's words becomes what is registered, and what never does?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.alert import AlertKind
from dunning.directory import InvoiceStatus
from dunning.errors import DirectoryError, RegistryError
from dunning.lookup import DirectoryName, Entry, read_document
from dunning.states import Cause
from store.alerts import Alerts
from store.directory_faults import DirectoryFaults
from store.erasure import Erasure
from store.refreshing import Refreshing
from store.standing import Standings
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.directory import Invoice
    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register

HTTP = DirectoryName.HTTP


@pytest.fixture
def refreshing(database: Database) -> Refreshing:
    return Refreshing(database, TOKEN_KEY)


@pytest.fixture
def faults(database: Database) -> DirectoryFaults:
    return DirectoryFaults(database)


def entry(**fields: Any) -> Entry:
    return read_document(fields, "INV-1")


async def invoice(registry: Registry) -> Invoice:
    found = await registry.get_invoice("INV-1")
    assert found is not None
    return found


async def test_what_is_said_overwrites_and_its_instant_only_grows(
    database: Database,
    register: Register,
    registry: Registry,
    refreshing: Refreshing,
    now: datetime,
) -> None:
    await register(plan="pro")
    standings = Standings(database, TOKEN_KEY)
    created = (await standings.of("INV-1")).known_at
    later = created + timedelta(days=1)
    await refreshing.put(HTTP, entry(amount_due=100, customer={"email": "ada@example.com"}), later)
    await refreshing.put(HTTP, entry(status="open"), now)
    found = await invoice(registry)
    assert (found.amount.minor, found.plan, found.contact.email) == (100, "pro", "ada@example.com")
    assert (await standings.of("INV-1")).known_at == later


@pytest.mark.parametrize("ended", ["paid", "void"])
async def test_open_takes_nothing_back(
    register: Register, registry: Registry, refreshing: Refreshing, now: datetime, ended: str
) -> None:
    await register(status=ended)
    await refreshing.put(HTTP, entry(status="open", plan="pro"), now)
    found = await invoice(registry)
    assert (found.status.value, found.plan) == (ended, "pro")


async def test_a_payment_counts_though_the_rest_is_refused(
    database: Database,
    register: Register,
    registry: Registry,
    refreshing: Refreshing,
    now: datetime,
) -> None:
    await register("INV-2", revtain={"transaction_ids": ["01KKZ"]})
    await register()
    said = entry(status="paid", plan="pro", revtain={"transaction_ids": ["01KKZ"]})
    with pytest.raises(DirectoryError, match="01KKZ belongs to invoice INV-2"):
        await refreshing.put(HTTP, said, now)
    found = await invoice(registry)
    assert (found.status, found.plan) == (InvoiceStatus.PAID, None)
    standing = await Standings(database, TOKEN_KEY).of("INV-1")
    assert standing.paid_cause is Cause.PAID_ELSEWHERE


async def test_nothing_personal_comes_back_of_somebody_who_was_erased(
    database: Database,
    register: Register,
    registry: Registry,
    refreshing: Refreshing,
    now: datetime,
) -> None:
    await register(customer={"id": "cus_1", "email": "ada@example.com"})
    await Erasure(database, TOKEN_KEY).erase("cus_1", author="test")
    said = entry(
        status="paid", description="Ada's plan", customer={"id": "cus_1", "email": "ada@x.com"}
    )
    await refreshing.put(HTTP, said, now)
    found = await invoice(registry)
    assert (found.status, found.description) == (InvoiceStatus.PAID, None)
    assert found.contact.email is None


async def test_a_new_invoice_needs_what_every_new_one_needs(
    registry: Registry, refreshing: Refreshing, now: datetime
) -> None:
    with pytest.raises(DirectoryError, match=r"a new invoice needs currency and customer\.id"):
        await refreshing.put(HTTP, entry(amount_due=100, status="paid"), now)
    assert await registry.get_invoice("INV-1") is None


async def test_a_rehearsal_says_what_would_happen_and_leaves_nothing(
    database: Database, register: Register, registry: Registry, refreshing: Refreshing
) -> None:
    whole = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}}
    assert await refreshing.rehearse(entry(**whole))
    assert await registry.get_invoice("INV-1") is None
    await register()
    before = await invoice(registry)
    changes = [await refreshing.rehearse(entry(**whole, **more)) for more in ({}, {"plan": "pro"})]
    assert (changes, await invoice(registry)) == ([False, True], before)
    with pytest.raises(RegistryError):
        await refreshing.rehearse(read_document({"plan": "pro"}, "INV-9"))
    async with database.single() as connection:
        assert await connection.scalar(text("SELECT refreshed_at FROM invoices")) is None


async def test_the_team_is_told_once_when_a_fault_begins_and_when_it_ends(
    database: Database,
    register: Register,
    refreshing: Refreshing,
    faults: DirectoryFaults,
    now: datetime,
) -> None:
    await register()
    later = now + timedelta(hours=1)
    down, odd = DirectoryError("no answer", general=True), DirectoryError("id: is odd")
    assert await faults.begin(HTTP, down, "INV-1", now) == now
    assert await faults.begin(HTTP, down, "INV-2", later) == now
    assert await faults.begin(HTTP, odd, "INV-1", later) == later
    assert await faults.begin(HTTP, odd, "INV-2", later) == later
    await refreshing.put(HTTP, entry(status="open"), later)
    assert [(one.directory, one.invoice_id) for one in await faults.open()] == [("http", "INV-2")]
    told = [(one.kind, one.subject) for one in await Alerts(database).find()]
    assert told == [
        (AlertKind.DIRECTORY_BACK, "http"),
        (AlertKind.DIRECTORY_ENTRY, "INV-2"),
        (AlertKind.DIRECTORY_ENTRY, "INV-1"),
        (AlertKind.DIRECTORY_DOWN, "http"),
    ]
