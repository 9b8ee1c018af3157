"""By which references do a vendor's events mention an invoice?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from store.database import Database

_READ = text("""
    SELECT payment_method_token,
        ARRAY(SELECT transaction_id FROM transactions
            WHERE invoice_id = i.id ORDER BY registered_at, transaction_id) AS transaction_ids,
        ARRAY(SELECT key FROM idempotency_keys
            WHERE invoice_id = i.id ORDER BY registered_at, key) AS idempotency_keys
    FROM invoices i WHERE id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceReferences:
    """What the merchant registered, oldest first."""

    payment_method_token: str | None = None
    transaction_ids: tuple[str, ...] = ()
    idempotency_keys: tuple[str, ...] = ()


class References:
    """Reads the references of invoices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, invoice_id: str) -> InvoiceReferences:
        """All references of an invoice; none for an unknown one."""
        async with self._database.single() as connection:
            row = (await connection.execute(_READ, {"id": invoice_id})).one_or_none()
        if row is None:
            return InvoiceReferences()
        return InvoiceReferences(
            payment_method_token=row.payment_method_token,
            transaction_ids=tuple(row.transaction_ids),
            idempotency_keys=tuple(row.idempotency_keys),
        )
