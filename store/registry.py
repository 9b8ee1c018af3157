"""What did the merchant register, and how does it change?"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.states import Cause
from store import cards, crediting, invoices, pay_pages, payments, received, registration
from store.cards import CardChange
from store.digest import token_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from dunning.directory import Invoice
    from dunning.money import Money
    from dunning.registration import InvoiceRegistration
    from dunning.settlement import Payment, Settlement
    from store.database import Database
    from store.pay_pages import PageRecord
    from store.registration import PutResult

_EXCLUDE = text("""
    UPDATE customers SET
        excluded_at = CASE WHEN CAST(:excluded AS boolean)
            THEN COALESCE(excluded_at, clock_timestamp()) END,
        updated_at = clock_timestamp()
    WHERE id = :id
""")


class Marking(StrEnum):
    """What a word about an invoice's status did."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNKNOWN_INVOICE = "unknown_invoice"


class Registry:
    """The merchant's invoices and customers in our own tables."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def put_invoice(self, invoice_id: str, patch: InvoiceRegistration) -> PutResult:
        """Create or change an invoice, and wake the events that waited for it.

        `RegistryError` says why nothing was changed.
        """
        async with self._database.begin() as connection:
            return await registration.put(connection, self._token_key, invoice_id, patch)

    async def get_invoice(self, invoice_id: str) -> Invoice | None:
        """The invoice with its customer, as committed now."""
        async with self._database.single() as connection:
            return await invoices.read(connection, invoice_id)

    async def get_invoices(self, invoice_ids: Sequence[str]) -> Mapping[str, Invoice]:
        """Those of the invoices that are registered."""
        async with self._database.single() as connection:
            return await invoices.read_many(connection, invoice_ids)

    async def get_invoice_of_link(self, link_id: str) -> Invoice | None:
        """The invoice that a customer's link names."""
        async with self._database.single() as connection:
            row = await invoices.fetch_of_link(connection, link_id)
            return None if row is None else invoices.of_row(row)

    async def get_page_of_link(self, link_id: str) -> PageRecord | None:
        """The same with its latest case."""
        async with self._database.single() as connection:
            return await pay_pages.read(connection, link_id)

    async def mark_paid(self, invoice_id: str, cause: Cause, at: datetime) -> Marking:
        """Paid is final: a second cause or instant changes nothing.

        With MANUAL a person has looked at the money that waited for it.
        """
        async with self._database.begin() as connection:
            if await invoices.lock(connection, invoice_id) is None:
                return Marking.UNKNOWN_INVOICE
            if cause is Cause.MANUAL:
                await received.take(connection, invoice_id, at)
            applied = await payments.pay(connection, invoice_id, cause, at)
            await received.tell_overpaid(connection, invoice_id)
            return Marking.APPLIED if applied else Marking.UNCHANGED

    async def receive_payment(
        self, invoice_id: str, money: Money, reference: str | None, at: datetime
    ) -> Settlement | None:
        """Take what the merchant received off what is owed; None for an unknown invoice.

        The same reference counts once. `RegistryError` says why it cannot be a payment of it.
        """
        async with self._database.begin() as connection:
            return await crediting.receive(connection, invoice_id, money, reference, at)

    async def accept_waiting(self, invoice_id: str, at: datetime) -> bool:
        """A person takes what differed as part of the debt; False when no rest would be owed."""
        async with self._database.begin() as connection:
            return await crediting.accept(connection, invoice_id, at)

    async def payments(self, invoice_id: str) -> Sequence[Payment]:
        """All money that came in for an invoice, in order."""
        async with self._database.single() as connection:
            return await received.of(connection, invoice_id)

    async def mark_void(self, invoice_id: str, at: datetime) -> Marking:
        """Nothing is owed any more; a paid invoice stays paid."""
        async with self._database.begin() as connection:
            if await invoices.lock(connection, invoice_id) is None:
                return Marking.UNKNOWN_INVOICE
            applied = await payments.void(connection, invoice_id, at)
            return Marking.APPLIED if applied else Marking.UNCHANGED

    async def exclude(self, customer_id: str, *, excluded: bool) -> bool:
        """Leave a customer out of all dunning, or not any more; False for an unknown customer."""
        values = {"id": customer_id, "excluded": excluded}
        async with self._database.single() as connection:
            return bool((await connection.execute(_EXCLUDE, values)).rowcount)

    async def replace_card(
        self, invoice_id: str, new_token: str, old_token: str | None = None
    ) -> CardChange:
        """Charge a new card from now on; twice the same is once, an overtaken change is none."""
        async with self._database.begin() as connection:
            result = await cards.replace(
                connection, self._token_key, invoice_id, new_token, old_token
            )
        return CardChange(result=result, card_digest=token_digest(self._token_key, new_token))

    async def invoices_of_card(self, token: str) -> list[str]:
        """Ids of every invoice that ever had the card."""
        async with self._database.single() as connection:
            return await cards.invoices_of(connection, token_digest(self._token_key, token))
