"""To which invoice does an event belong?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from store import invoices
from store.foreign import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Row

    from dunning.money import Money
    from store.database import Database

_MATCH = text("""
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:events AS bigint[]), CAST(:transaction_ids AS text[]), CAST(:keys AS text[])
        ) AS g (event_id, transaction_id, key)
    ), matched AS (
        SELECT g.event_id, g.transaction_id, k.card_digest,
            COALESCE(t.invoice_id, k.invoice_id) AS invoice_id,
            CASE WHEN t.invoice_id <> k.invoice_id THEN k.invoice_id END AS other,
            t.transaction_id IS NULL AND g.transaction_id IS NOT NULL AS unknown
        FROM given g
        LEFT JOIN transactions t ON t.transaction_id = g.transaction_id
        LEFT JOIN idempotency_keys k ON k.key = g.key
        WHERE COALESCE(t.invoice_id, k.invoice_id) IS NOT NULL
    ), learned AS (
        INSERT INTO transactions (transaction_id, invoice_id, card_digest)
        SELECT transaction_id, invoice_id, card_digest FROM matched WHERE unknown
        ORDER BY transaction_id, event_id
        ON CONFLICT DO NOTHING
    )
    SELECT m.event_id, m.invoice_id, m.other, COALESCE(t.card_digest, m.card_digest) AS card,
        i.amount_due, i.paid_minor, i.status, i.currency
    FROM matched m JOIN invoices i ON i.id = m.invoice_id
    LEFT JOIN transactions t ON t.transaction_id = m.transaction_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How an event names its payment."""

    event_id: int
    transaction_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The invoice of an event, and the digest of the card it was attempted with, if known.

    `owed` is what is to be paid of the invoice, `other` the invoice that the event's key belongs to
    when that is not the one of its transaction.
    """

    invoice_id: str
    card: str | None
    owed: Money | None = None
    other: str | None = None


class Matching:
    """Finds invoices by the references that the merchant registered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def match_many(self, references: Sequence[Reference]) -> Mapping[int, Match]:
        """Invoice of each event that has one: by transaction, else by key.

        A transaction that came with a known key is known from now on. When the two name different
        invoices the transaction counts.
        """
        values = {
            "events": [reference.event_id for reference in references],
            "transaction_ids": [storable(reference.transaction_id) for reference in references],
            "keys": [storable(reference.idempotency_key) for reference in references],
        }
        async with self._database.single() as connection:
            found = await connection.execute(_MATCH, values)
            return {row.event_id: _match(row) for row in found}


def _match(row: Row[Any]) -> Match:
    return Match(invoice_id=row.invoice_id, card=row.card, owed=invoices.owed(row), other=row.other)
