"""How does something happen to a case in tests, and what is queued of it?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from store.outgoing import ClaimedOutgoing, Outgoing

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register


LEASE = timedelta(minutes=1)
OVER = timedelta(0)
URL = "https://shop.example/hooks"


async def happen(database: Database, invoice_id: str, *kinds: str, **detail: Any) -> None:
    """Write to the audit of an invoice's case, each kind in a transaction of its own."""
    statement = text("""
        SELECT audit_append(id, :kind, CAST(:detail AS jsonb)) FROM cases
        WHERE invoice_id = :invoice_id
    """)
    for kind in kinds:
        async with database.begin() as connection:
            values = {"kind": kind, "detail": json.dumps(detail), "invoice_id": invoice_id}
            await connection.execute(statement, values)


async def execute(database: Database, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def queue(outgoing: Outgoing) -> list[tuple[str, str]]:
    return [(one.endpoint_id, one.kind) for one in reversed(await outgoing.find())]


def kinds(claimed: list[ClaimedOutgoing]) -> list[str]:
    return [one.kind.value for one in claimed]


async def opened(cases: Cases, register: Register, *invoices: str) -> None:
    for invoice in invoices:
        await register(invoice)
    await cases.open_many(list(invoices), datetime(2026, 3, 2, 9, tzinfo=UTC))
