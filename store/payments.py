"""How does an invoice stop being owed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.states import Cause

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.money import Money

_PAY = text("""
    UPDATE invoices SET
        status = 'paid', paid_cause = :cause, updated_at = clock_timestamp(),
        paid_at = COALESCE(CAST(:at AS timestamptz), clock_timestamp())
    WHERE id = :id AND status <> 'paid'
""")
_COVERED = text("""
    SELECT paid_minor > 0 AND amount_due <= paid_minor AND status = 'open'
    FROM invoices WHERE id = :id
""")
_VOID = text("""
    UPDATE invoices SET
        status = 'void', updated_at = clock_timestamp(),
        voided_at = COALESCE(CAST(:at AS timestamptz), clock_timestamp())
    WHERE id = :id AND status = 'open'
""")
_KEEP_SERVICE = text("""
    UPDATE cases SET service_status = 'kept', updated_at = clock_timestamp()
    WHERE invoice_id = :id AND service_status = 'ending'
""")
_REOPEN = text("""
    UPDATE invoices SET status = 'open', voided_at = NULL, updated_at = clock_timestamp()
    WHERE id = :id AND status = 'void'
""")
_RECEIVE = text("""
    UPDATE invoices SET
        received_minor = :minor, received_currency = :currency, updated_at = clock_timestamp(),
        differs_at = COALESCE(CAST(:differs_at AS timestamptz), differs_at)
    WHERE id = :id
""")
_NOTE_LATE = text("""
    UPDATE cases SET
        paid_after_close_at = i.paid_at, updated_at = clock_timestamp(),
        service_status = CASE service_status WHEN 'ending' THEN 'kept' ELSE service_status END
    FROM invoices i
    WHERE i.id = :id AND cases.invoice_id = i.id AND i.status = 'paid'
    AND cases.closed_at IS NOT NULL AND cases.outcome <> 'recovered'
    AND cases.paid_after_close_at IS NULL
    AND cases.cycle = (SELECT max(cycle) FROM cases WHERE invoice_id = i.id)
""")


async def pay(
    connection: AsyncConnection, invoice_id: str, cause: Cause, at: datetime | None
) -> bool:
    """Mark as paid, for good, and note it on a case that was closed unpaid; False if it was paid.

    Without an instant it is the database's.
    """
    values = {"id": invoice_id, "cause": cause, "at": at}
    if not (await connection.execute(_PAY, values)).rowcount:
        return False
    await connection.execute(_NOTE_LATE, {"id": invoice_id})
    return True


async def pay_if_covered(
    connection: AsyncConnection, invoice_id: str, at: datetime | None = None
) -> bool:
    """Mark as paid what its counted payments cover; False if they do not, or it was paid."""
    if not await connection.scalar(_COVERED, {"id": invoice_id}):
        return False
    return await pay(connection, invoice_id, Cause.PAID_ELSEWHERE, at)


async def void(connection: AsyncConnection, invoice_id: str, at: datetime | None) -> bool:
    """Mark as no longer owed; False if it was not open, since a paid invoice stays paid."""
    if not (await connection.execute(_VOID, {"id": invoice_id, "at": at})).rowcount:
        return False
    await keep_service(connection, invoice_id)
    return True


async def keep_service(connection: AsyncConnection, invoice_id: str) -> None:
    """The service of a case that was given up goes on, unless it has ended already."""
    await connection.execute(_KEEP_SERVICE, {"id": invoice_id})


async def reopen(connection: AsyncConnection, invoice_id: str) -> bool:
    """Take a void back; False if the invoice was not void."""
    return bool((await connection.execute(_REOPEN, {"id": invoice_id})).rowcount)


async def receive(
    connection: AsyncConnection,
    invoice_id: str,
    money: Money | None,
    *,
    differs_at: datetime | None = None,
) -> None:
    """Keep what a success said was paid, beside what is owed."""
    if money is None:
        return
    values = {
        "id": invoice_id,
        "minor": money.minor,
        "currency": money.currency,
        "differs_at": differs_at,
    }
    await connection.execute(_RECEIVE, values)
