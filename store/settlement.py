"""Which invoice is settled by a success, and what was it that brought the money?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.settlement import Settlement, judge
from dunning.states import Cause
from store import invoices, payments
from store.foreign import storable

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.money import Money
    from store.database import Database

_NEW_CARD = text("""
    SELECT i.card_changed_at IS NOT NULL OR EXISTS (
        SELECT FROM transactions t
        WHERE t.transaction_id = :transaction_id AND t.invoice_id = i.id
        AND t.card_digest <> (
            SELECT digest FROM cards WHERE invoice_id = i.id ORDER BY since, digest LIMIT 1))
    FROM invoices i WHERE i.id = :id
""")
_OUTCOME = text("""
    SELECT i.paid_cause, EXISTS (
        SELECT FROM cases WHERE invoice_id = i.id AND paid_after_close_at IS NOT NULL
    ) AS after_close
    FROM invoices i WHERE i.id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a success did; the same again when the same success is settled a second time.

    `cause` is that of the invoice when it is paid, `after_close` that a case had ended unpaid.
    """

    settlement: Settlement
    cause: Cause | None
    after_close: bool


class Settlements:
    """Commits successes to their invoices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(
        self, invoice_id: str, money: Money | None, transaction_id: str | None, now: datetime
    ) -> Settled:
        """Judge a success and write what follows from it, in one transaction."""
        async with self._database.begin() as connection:
            row = await invoices.lock(connection, invoice_id)
            if row is None:
                raise RegistryError(f"Invoice {invoice_id} is not registered.", field="id")
            settlement = judge(InvoiceStatus(row.status), invoices.owed(row), money)
            if settlement is Settlement.PAID:
                cause = await _cause(connection, invoice_id, transaction_id)
                await payments.pay(connection, invoice_id, cause, now)
            if settlement is not Settlement.ALREADY_PAID:
                differs_at = now if settlement is Settlement.DIFFERS else None
                await payments.receive(connection, invoice_id, money, differs_at=differs_at)
            return await _settled(connection, invoice_id, settlement)


async def _cause(connection: AsyncConnection, invoice_id: str, transaction_id: str | None) -> Cause:
    values = {"id": invoice_id, "transaction_id": storable(transaction_id)}
    new_card = await connection.scalar(_NEW_CARD, values)
    return Cause.CARD_UPDATE if new_card else Cause.REVTAIN_RETRY


async def _settled(connection: AsyncConnection, invoice_id: str, settlement: Settlement) -> Settled:
    row = (await connection.execute(_OUTCOME, {"id": invoice_id})).one()
    cause = None if row.paid_cause is None else Cause(row.paid_cause)
    return Settled(settlement=settlement, cause=cause, after_close=row.after_close)
