"""How many cases of a customer are open at this moment?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from store.database import Database

_COUNT = text("""
    SELECT count(*) FROM cases c JOIN invoices i ON i.id = c.invoice_id
    WHERE i.customer_id = :customer_id AND c.closed_at IS NULL
""")


class OpenCases:
    """Counts them afresh."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, customer_id: str) -> int:
        """How many there are, whatever their state."""
        async with self._database.single() as connection:
            values = {"customer_id": customer_id}
            return int((await connection.execute(_COUNT, values)).scalar_one())
