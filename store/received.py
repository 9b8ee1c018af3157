"""Which money came in for an invoice, part by part, and what of it counts?

All callers hold the invoice's row, so that one payment is judged after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.directory import InvoiceStatus
from dunning.money import Money
from dunning.settlement import Account, PaidBy, Payment
from store.foreign import storable

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_READ = text("SELECT * FROM payments WHERE invoice_id = :id ORDER BY id")
_ADD = text("""
    INSERT INTO payments
        (invoice_id, amount, currency, source, reference, received_at, counted_at)
    VALUES (:id, :amount, :currency, :source, :reference, CAST(:at AS timestamptz),
        CASE WHEN CAST(:counted AS boolean) THEN CAST(:at AS timestamptz) END)
""")
_CORRECT = text("""
    UPDATE payments SET
        amount = CASE WHEN counted_at IS NULL THEN :amount ELSE amount END,
        currency = CASE WHEN counted_at IS NULL THEN :currency ELSE currency END,
        reference = COALESCE(reference, :reference),
        counted_at = CASE WHEN CAST(:counted AS boolean)
            THEN COALESCE(counted_at, CAST(:at AS timestamptz)) ELSE counted_at END
    WHERE id = :payment
""")
_TAKE = text("""
    UPDATE payments p SET
        source = 'review',
        counted_at = CASE WHEN p.currency = i.currency THEN CAST(:at AS timestamptz) END
    FROM invoices i
    WHERE i.id = :id AND p.invoice_id = i.id AND p.counted_at IS NULL AND p.source <> 'review'
""")
# What no column can hold is no sum of money either.
_SUM_UP = text("""
    UPDATE invoices i SET
        updated_at = clock_timestamp(),
        paid_minor = LEAST(9223372036854775807, (
            SELECT COALESCE(sum(p.amount), 0) FROM payments p
            WHERE p.invoice_id = i.id AND p.currency = i.currency AND p.counted_at IS NOT NULL))
    WHERE i.id = :id
""")
_NO_DIFFERENCE = text("""
    UPDATE invoices SET differs_at = NULL
    WHERE id = :id AND differs_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM payments
        WHERE invoice_id = :id AND counted_at IS NULL AND source <> 'review')
""")
# While it is open a person looks at it (R1); money in another currency was no payment of it.
_TELL_OVERPAID = text("""
    SELECT alerts_raise('overpaid', i.id, jsonb_build_object(
        'owed', CASE i.status WHEN 'void' THEN 0 ELSE i.amount_due END || ' ' || i.currency,
        'received', payments_figures(i.id, false)), i.id || ' ' || g.all_in_all || ' ' || g.odd)
    FROM invoices i CROSS JOIN LATERAL (
        SELECT COALESCE(sum(p.amount) FILTER (WHERE p.currency = i.currency), 0) AS all_in_all,
            count(*) FILTER (WHERE p.currency <> i.currency AND p.source <> 'review') AS odd
        FROM payments p WHERE p.invoice_id = i.id
    ) AS g
    WHERE i.id = :id AND i.status <> 'open' AND (g.odd > 0 OR g.all_in_all > CASE i.status
        WHEN 'void' THEN 0 ELSE i.amount_due END)
""")
_TELL_LATE = text("""
    SELECT alerts_raise('paid_after_close', c.invoice_id, jsonb_build_object(
        'outcome', c.outcome, 'owed', (i.amount_due - i.paid_minor) || ' ' || i.currency,
        'received', payments_figures(i.id, true)),
        c.id || ' ' || payments_figures(i.id, true))
    FROM cases c JOIN invoices i ON i.id = c.invoice_id
    WHERE i.id = :id AND c.cycle = (SELECT max(cycle) FROM cases WHERE invoice_id = i.id)
    AND c.closed_at IS NOT NULL AND c.outcome <> 'recovered'
""")
# Where a review begins by it, that is what is told; one that had begun before says nothing more.
_TELL_DIFFERS = text("""
    SELECT alerts_raise(
        CASE WHEN c.id IS NULL THEN 'amount_differs' ELSE 'review' END, i.id,
        jsonb_build_object(
            'reason', CASE WHEN c.id IS NOT NULL THEN 'amount_differs' END,
            'round', c.review_round::text,
            'owed', (i.amount_due - i.paid_minor) || ' ' || i.currency,
            'received', payments_figures(i.id, true)),
        concat_ws(' ', i.id, c.id, payments_figures(i.id, true)))
    FROM invoices i LEFT JOIN cases c ON c.invoice_id = i.id AND c.closed_at IS NULL
    WHERE i.id = :id AND (c.state = 'review'
        OR NOT EXISTS (SELECT FROM cases WHERE invoice_id = i.id))
""")
_RESTS = text("""
    SELECT COALESCE(bool_or(i.amount_due - g.so_far = :minor), false)
    FROM invoices i, (
        SELECT sum(p.amount) OVER (ORDER BY p.counted_at, p.id) AS so_far
        FROM payments p JOIN invoices o ON o.id = p.invoice_id
        WHERE p.invoice_id = :id AND p.counted_at IS NOT NULL AND p.currency = o.currency
    ) AS g
    WHERE i.id = :id
""")


async def account(connection: AsyncConnection, row: Row[Any]) -> Account:
    """What the invoice of a row is about, and what came in for it."""
    return Account(
        total=Money(minor=row.amount_due, currency=row.currency),
        status=InvoiceStatus(row.status),
        payments=await of(connection, row.id),
    )


async def of(connection: AsyncConnection, invoice_id: str) -> tuple[Payment, ...]:
    """All payments of an invoice, in the order in which they were told."""
    found = await connection.execute(_READ, {"id": invoice_id})
    return tuple(
        Payment(
            id=row.id,
            money=Money(minor=row.amount, currency=row.currency),
            source=PaidBy(row.source),
            counted=row.counted_at is not None,
            reference=row.reference,
            received_at=row.received_at,
        )
        for row in found
    )


async def keep(
    connection: AsyncConnection,
    invoice_id: str,
    payment: Payment,
    known: Payment | None,
    at: datetime,
) -> None:
    """Write a payment down, once; what is told of a `known` one again can only add to it."""
    values = {
        "amount": payment.money.minor,
        "currency": payment.money.currency,
        "reference": storable(payment.reference),
        "counted": payment.counted,
        "at": at,
    }
    if known is None:
        added = {"id": invoice_id, "source": payment.source}
        await connection.execute(_ADD, values | added)
    else:
        await connection.execute(_CORRECT, values | {"payment": known.id})
    await connection.execute(_SUM_UP, {"id": invoice_id})


async def take(connection: AsyncConnection, invoice_id: str, at: datetime) -> int:
    """A person has looked at what waited: it counts, but for money in another currency."""
    values = {"id": invoice_id, "at": at}
    taken = (await connection.execute(_TAKE, values)).rowcount
    await connection.execute(_SUM_UP, {"id": invoice_id})
    await looked_at(connection, invoice_id)
    return taken


async def looked_at(connection: AsyncConnection, invoice_id: str) -> None:
    """Nothing differs any more once nothing waits for a person."""
    await connection.execute(_NO_DIFFERENCE, {"id": invoice_id})


async def tell_overpaid(connection: AsyncConnection, invoice_id: str) -> None:
    """The team hears, once for each sum, that more came in than was owed."""
    await connection.execute(_TELL_OVERPAID, {"id": invoice_id})


async def tell_late(connection: AsyncConnection, invoice_id: str) -> None:
    """The team hears of money that no case looks at, since it had ended unpaid."""
    await connection.execute(_TELL_LATE, {"id": invoice_id})


async def tell_differs(connection: AsyncConnection, invoice_id: str) -> None:
    """The team hears of money that begins no review: there is one already, or no case at all."""
    await connection.execute(_TELL_DIFFERS, {"id": invoice_id})


async def was_left(connection: AsyncConnection, invoice_id: str, minor: int) -> bool:
    """Whether this is what one of the payments had left of the invoice."""
    return bool(await connection.scalar(_RESTS, {"id": invoice_id, "minor": minor}))
