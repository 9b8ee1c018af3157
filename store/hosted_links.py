"""How often was a customer led to a page for a new card, and may it be once more?

The addresses of these pages are kept nowhere: whoever holds one can replace a card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database

MOST_AN_HOUR = 10

# Two presses of one customer wait for each other, so that each counts the other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:invoice_id, 16))")
_RESERVE = text("""
    INSERT INTO hosted_links (invoice_id)
    SELECT id FROM invoices
    WHERE id = :invoice_id AND status = 'open' AND payment_method_token IS NOT NULL
    AND :most > (
        SELECT count(*) FROM hosted_links
        WHERE invoice_id = :invoice_id AND minted_at > clock_timestamp() - interval '1 hour')
    RETURNING id, (SELECT payment_method_token FROM invoices WHERE id = :invoice_id) AS token
""")
_MINTED = text("UPDATE hosted_links SET expires_at = :expires_at WHERE id = :id")
_DROP = text("DELETE FROM hosted_links WHERE id = :id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Leave to make one link, and the token of the card that it is to replace."""

    id: int
    token: str = field(repr=False)


class HostedLinks:
    """Counts links over all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, invoice_id: str) -> Reserved | None:
        """Leave for one link; None while there were enough of them, or without a card on file."""
        values = {"invoice_id": invoice_id, "most": MOST_AN_HOUR}
        async with self._database.begin() as connection:
            await connection.execute(_LOCK, {"invoice_id": invoice_id})
            row = (await connection.execute(_RESERVE, values)).one_or_none()
            return None if row is None else Reserved(id=row.id, token=row.token)

    async def minted(self, reserved: Reserved, expires_at: datetime) -> None:
        """The link was made and is good until then."""
        async with self._database.single() as connection:
            await connection.execute(_MINTED, {"id": reserved.id, "expires_at": expires_at})

    async def drop(self, reserved: Reserved) -> None:
        """There is no link after all, and it does not count."""
        async with self._database.single() as connection:
            await connection.execute(_DROP, {"id": reserved.id})
