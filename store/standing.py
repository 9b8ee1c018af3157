"""How does an invoice stand at this moment: owed, paid, paid oddly, or about to be charged anew?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.errors import RegistryError
from dunning.states import Cause
from store import invoices
from store.digest import token_digest

if TYPE_CHECKING:
    from dunning.directory import Invoice
    from store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An invoice with what the store knows of its payment and its card.

    `replaced_card` is the digest of the present card, if it took the place of another.
    """

    invoice: Invoice
    paid_cause: Cause | None
    amount_differs: bool
    replaced_card: str | None


_FLAGS = text("""
    SELECT paid_cause, differs_at IS NOT NULL AS differs,
        CASE WHEN card_changed_at IS NOT NULL THEN payment_method_token END AS new_token
    FROM invoices WHERE id = :id
""")


class Standings:
    """Reads invoices afresh."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def of(self, invoice_id: str) -> Standing:
        """The standing of a registered invoice; RegistryError for another."""
        async with self._database.begin() as connection:
            flags = (await connection.execute(_FLAGS, {"id": invoice_id})).one_or_none()
            invoice = await invoices.read(connection, invoice_id)
        if flags is None or invoice is None:
            raise RegistryError(f"Invoice {invoice_id} is not registered.", field="id")
        card = flags.new_token and token_digest(self._token_key, flags.new_token)
        return Standing(
            invoice=invoice,
            paid_cause=None if flags.paid_cause is None else Cause(flags.paid_cause),
            amount_differs=flags.differs,
            replaced_card=card,
        )
