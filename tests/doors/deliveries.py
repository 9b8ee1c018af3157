"""What do deliveries to the merchant stand on in tests? Cases, endpoints and a deliverer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from dunning.outgoing import Kind
from dunning.registration import InvoiceRegistration
from providers.merchant.receiver import MerchantReceiver
from store.cases import Cases
from store.database import Database
from store.endpoints import Endpoint, Endpoints
from store.outgoing import Outgoing, OutgoingRecord, OutgoingStatus
from store.registry import Registry
from tests.doors.conftest import NOW, TOKEN_KEY
from tests.doors.shop import Shop
from webhook.outgoing import Deliverer

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A database with cases to which things happen, and deliverers on it."""

    database: Database
    endpoints: Endpoints
    outgoing: Outgoing
    receiver: MerchantReceiver

    def deliverer(self, **changes: Any) -> Deliverer:
        given: dict[str, Any] = {
            "outgoing": self.outgoing,
            "endpoints": self.endpoints,
            "receiver": self.receiver,
            "now": lambda: datetime.now(UTC),
        }
        return Deliverer(**{**given, **changes})

    async def listen(self, shop: Shop, *kinds: Kind, query: str = "") -> Endpoint:
        made, secret = await self.endpoints.add(shop.url + query, kinds=kinds)
        shop.secrets.append(secret)
        return made

    async def open(self, *invoices: str) -> None:
        registry = Registry(self.database, TOKEN_KEY)
        for invoice in invoices:
            body = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}}
            await registry.put_invoice(invoice, InvoiceRegistration.model_validate(body))
        await Cases(self.database).open_many(list(invoices), NOW)

    async def happen(self, invoice: str, *kinds: str) -> None:
        append = "SELECT audit_append(id, :kind, '{}') FROM cases WHERE invoice_id = :invoice"
        for kind in kinds:
            await self.execute(append, kind=kind, invoice=invoice)

    async def execute(self, statement: str, **values: object) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement), values)

    async def time_passes(self) -> None:
        """All that waits is due now, and no endpoint is held or at work."""
        await self.execute(
            "UPDATE outgoing SET due_at = clock_timestamp(), leased_until = NULL"
            " WHERE status = 'due'"
        )
        await self.execute("UPDATE endpoints SET held_until = NULL")

    async def pause(self) -> timedelta:
        """How long the only due event waits, to the second."""
        (one,) = await self.outgoing.find(status=OutgoingStatus.DUE)
        async with self.database.single() as connection:
            wait: timedelta | None = await connection.scalar(
                text("SELECT CAST(:due AS timestamptz) - clock_timestamp()"), {"due": one.due_at}
            )
        assert wait is not None
        return round(wait / SECOND) * SECOND

    async def only(self) -> OutgoingRecord:
        (one,) = await self.outgoing.find()
        return one


@asynccontextmanager
async def running(deliverer: Deliverer) -> AsyncGenerator[None]:
    run = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        deliverer.stop()
        await run


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def set_up(database: Database) -> AsyncGenerator[Scene]:
    """The scene on a database, with a receiver of its own."""
    endpoints, outgoing = Endpoints(database, TOKEN_KEY), Outgoing(database)
    async with MerchantReceiver(now=lambda: datetime.now(UTC)) as receiver:
        yield Scene(database, endpoints, outgoing, receiver)
