"""How does what a directory says become what is registered?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.directory import InvoiceStatus
from dunning.errors import DirectoryError, RegistryError
from dunning.registration import InvoiceRegistration
from store import invoices, registration
from store.directory_faults import clear_within

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.lookup import DirectoryName, Entry
    from store.database import Database

_REFRESHED = text("""
    UPDATE invoices SET
        refreshed_at = GREATEST(refreshed_at, CAST(:now AS timestamptz))
    WHERE id = :id
""")
_ERASED = text("""
    SELECT EXISTS (SELECT FROM customers WHERE id = :id AND erased_at IS NOT NULL)
""")


class Refreshing:
    """Puts entries of directories into the registry."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def put(self, directory: DirectoryName, entry: Entry, now: datetime) -> None:
        """Register what was said, and that it was said.

        When it cannot be, only an end of the debt counts, and `DirectoryError` says why.
        """
        try:
            await self._put(directory, entry.invoice_id, entry.patch, now)
        except RegistryError as fault:
            await self._end(entry)
            raise DirectoryError(fault.reason) from None

    async def rehearse(self, entry: Entry) -> bool:
        """Whether it would change anything; `RegistryError` when it would be refused."""
        async with self._database.begin() as connection, connection.begin_nested() as tried:
            kept = await _registrable(connection, entry.invoice_id, entry.patch)
            done = await registration.put(connection, self._token_key, entry.invoice_id, kept)
            await tried.rollback()
            return done.changed

    async def _put(
        self,
        directory: DirectoryName,
        invoice_id: str,
        patch: InvoiceRegistration,
        now: datetime,
    ) -> None:
        async with self._database.begin() as connection:
            kept = await _registrable(connection, invoice_id, patch)
            await registration.put(connection, self._token_key, invoice_id, kept)
            await connection.execute(_REFRESHED, {"id": invoice_id, "now": now})
            await clear_within(connection, directory, invoice_id, now)

    async def _end(self, entry: Entry) -> None:
        """R6 holds whatever else is wrong with an entry."""
        ended = entry.patch.status in (InvoiceStatus.PAID, InvoiceStatus.VOID)
        async with self._database.begin() as connection:
            if ended and await invoices.fetch(connection, entry.invoice_id) is not None:
                only = _status_only(entry.patch)
                await registration.put(connection, self._token_key, entry.invoice_id, only)


async def _registrable(
    connection: AsyncConnection, invoice_id: str, patch: InvoiceRegistration
) -> InvoiceRegistration:
    """What counts of an entry: nothing personal of somebody who was erased, for one."""
    before = await invoices.fetch(connection, invoice_id)
    kept = _without_reopening(before, patch)
    customer_id = _customer_id(before, patch)
    if customer_id and await connection.scalar(_ERASED, {"id": customer_id}):
        return _status_only(kept)
    return kept


def _without_reopening(before: Row[Any] | None, patch: InvoiceRegistration) -> InvoiceRegistration:
    """A directory that lags behind must not take back what ended the debt (R1)."""
    if before is None or patch.status is not InvoiceStatus.OPEN:
        return patch
    given = {n: getattr(patch, n) for n in patch.model_fields_set if n != "status"}
    return InvoiceRegistration.model_validate(given)


def _status_only(patch: InvoiceRegistration) -> InvoiceRegistration:
    given = {"status": patch.status} if "status" in patch.model_fields_set else {}
    return InvoiceRegistration.model_validate(given)


def _customer_id(before: Row[Any] | None, patch: InvoiceRegistration) -> str | None:
    named = None if patch.customer is None else patch.customer.id
    return named or (None if before is None else str(before.customer_id))
