"""Which facts about an invoice came from the merchant, and how does its case hear of them?

They travel through the inbox like a vendor's events, so that none is lost while Temporal is away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import text

from store.inbox import Inbox, NewEvent

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row

    from store.database import Database

API_SOURCE = "api"
INVOICE_PAID = "invoice.paid"
INVOICE_VOIDED = "invoice.voided"
INVOICE_CARD = "invoice.card"
RECOVERY_PENDING = "recovery.pending"

_READ = text("""
    SELECT paid_cause, voided_at, card_changed_at, updated_at FROM invoices WHERE id = :id
""")


class Facts:
    """Hands committed facts to the dispatcher.

    What tells one change from the next comes from the store, so the same fact is the same bytes
    however often it is told, and a second change of the same kind is another. All answer whether
    the fact is new.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inbox = Inbox(database)

    async def paid(self, invoice_id: str) -> bool:
        """The invoice is marked as paid."""
        row = await self._read(invoice_id)
        return await self._tell(INVOICE_PAID, invoice_id, cause=row.paid_cause)

    async def voided(self, invoice_id: str) -> bool:
        """The invoice is marked as void; it may have been taken back and voided before."""
        row = await self._read(invoice_id)
        return await self._tell(INVOICE_VOIDED, invoice_id, voided_at=_written(row.voided_at))

    async def nothing_owed(self, invoice_id: str) -> bool:
        """The invoice is about nothing any more, though nobody marked it as void."""
        row = await self._read(invoice_id)
        return await self._tell(INVOICE_VOIDED, invoice_id, since=_written(row.updated_at))

    async def card(self, invoice_id: str, card_digest: str) -> bool:
        """The invoice has another card, perhaps one that it had once before."""
        row = await self._read(invoice_id)
        changed_at = _written(row.card_changed_at)
        return await self._tell(INVOICE_CARD, invoice_id, card=card_digest, changed_at=changed_at)

    async def _read(self, invoice_id: str) -> Row[Any]:
        async with self._database.single() as connection:
            return (await connection.execute(_READ, {"id": invoice_id})).one()

    async def _tell(self, name: str, invoice_id: str, **details: str | None) -> bool:
        body = json.dumps({"invoice_id": invoice_id, **details}, separators=(",", ":"))
        event = NewEvent(source=API_SOURCE, name=name, body=body.encode())
        return (await self._inbox.put_many([event]))[0]


def pending(invoice_id: str, key: str) -> NewEvent:
    """A charge of the invoice has no outcome yet; a case without any is to watch for it."""
    body = json.dumps({"invoice_id": invoice_id, "key": key}, separators=(",", ":"))
    return NewEvent(source=API_SOURCE, name=RECOVERY_PENDING, body=body.encode())


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
