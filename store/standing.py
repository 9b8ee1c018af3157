"""How does an invoice stand at this moment: owed, paid, paid oddly, or about to be charged anew?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.errors import RegistryError
from dunning.states import Cause
from store import invoices
from store.digest import token_digest

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row

    from dunning.directory import Invoice
    from dunning.lookup import Doubt
    from store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An invoice with what the store knows of its payment and its card.

    `replaced_card` is the digest of the present card, if it took the place of another. `known_at`
    is when a directory said how the invoice stands, or when it was registered; `doubt` why none
    confirms it now.
    """

    invoice: Invoice
    paid_cause: Cause | None
    amount_differs: bool
    replaced_card: str | None
    known_at: datetime
    doubt: Doubt | None = None


class Standings:
    """Reads invoices afresh."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def of(self, invoice_id: str) -> Standing:
        """The standing of a registered invoice; RegistryError for another."""
        async with self._database.single() as connection:
            row = await invoices.fetch(connection, invoice_id)
        if row is None:
            raise RegistryError(f"Invoice {invoice_id} is not registered.", field="id")
        return Standing(
            invoice=invoices.of_row(row),
            paid_cause=None if row.paid_cause is None else Cause(row.paid_cause),
            amount_differs=row.differs_at is not None,
            replaced_card=self._replaced_card(row),
            known_at=row.refreshed_at or row.created_at,
        )

    def _replaced_card(self, row: Row[Any]) -> str | None:
        if row.card_changed_at is None or row.payment_method_token is None:
            return None
        return token_digest(self._token_key, row.payment_method_token)
