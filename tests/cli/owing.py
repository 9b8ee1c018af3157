"""What is owed when an operator types a command about Revtain?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.registration import InvoiceRegistration
from store.database import Database
from store.registry import Registry
from tests.cli.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping


@asynccontextmanager
async def owing(
    database_url: str, invoices: Mapping[str, Mapping[str, object]]
) -> AsyncGenerator[Database]:
    """Unpaid invoices of a customer, each with more fields, and no limit in anybody's way."""
    database = Database.connect(database_url, pool_size=1)
    registry = Registry(database, KEY.encode())
    for invoice_id, more in invoices.items():
        body = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}, **more}
        await registry.put_invoice(invoice_id, InvoiceRegistration.model_validate(body))
    async with database.single() as connection:
        await connection.execute(text("UPDATE revtain_calls SET tokens = 10"))
    yield database
    await database.aclose()
