"""What do the tables say of an invoice now?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.directory import BillingPeriod, Contact, Invoice, InvoiceStatus
from dunning.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_SELECT = """
    SELECT i.*, c.name, c.email, c.phone, c.locale, c.timezone, c.country, c.sms_consent_at,
        c.tags, c.value_tier, c.excluded_at,
        ARRAY(
            SELECT t.token FROM push_tokens t WHERE t.customer_id = c.id
            ORDER BY t.seen_at DESC, t.token
        ) AS push_tokens
    FROM invoices i JOIN customers c ON c.id = i.customer_id
"""
_READ = text(f"{_SELECT} WHERE i.id = :id")
_READ_MANY = text(f"{_SELECT} WHERE i.id = ANY(:ids)")
_READ_OF_LINK = text(f"{_SELECT} WHERE i.link_id = :link_id")

# Not FOR UPDATE: rows that refer to the invoice may be written meanwhile.
_LOCK = text("SELECT * FROM invoices WHERE id = :id FOR NO KEY UPDATE")


async def read(connection: AsyncConnection, invoice_id: str) -> Invoice | None:
    """The invoice with its customer, as committed now."""
    row = await fetch(connection, invoice_id)
    return None if row is None else of_row(row)


async def fetch(connection: AsyncConnection, invoice_id: str) -> Row[Any] | None:
    """All that is known of the invoice and its customer, as one row."""
    return (await connection.execute(_READ, {"id": invoice_id})).one_or_none()


async def read_many(
    connection: AsyncConnection, invoice_ids: Sequence[str]
) -> Mapping[str, Invoice]:
    """Those of the invoices that are registered."""
    rows = await connection.execute(_READ_MANY, {"ids": list(invoice_ids)})
    return {row.id: of_row(row) for row in rows}


async def fetch_of_link(connection: AsyncConnection, link_id: str) -> Row[Any] | None:
    """The same of the invoice that customer links call by this random name."""
    return (await connection.execute(_READ_OF_LINK, {"link_id": link_id})).one_or_none()


async def lock(connection: AsyncConnection, invoice_id: str) -> Row[Any] | None:
    """The invoice's own row, ours until the transaction ends."""
    return (await connection.execute(_LOCK, {"id": invoice_id})).one_or_none()


def owed(row: Row[Any]) -> Money:
    """What is left to be paid of an invoice's row; of a paid one, all that it was about."""
    paid = 0 if row.status == InvoiceStatus.PAID else row.paid_minor
    return Money(minor=max(row.amount_due - paid, 0), currency=row.currency)


def of_row(row: Row[Any]) -> Invoice:
    """The invoice that a fetched row tells of."""
    return Invoice(
        id=row.id,
        amount=owed(row),
        total=Money(minor=row.amount_due, currency=row.currency) if row.paid_minor else None,
        status=InvoiceStatus(row.status),
        contact=_contact(row),
        description=row.description,
        billing_period=None if row.billing_period is None else BillingPeriod(row.billing_period),
        plan=row.plan,
        due_at=row.due_at,
        next_invoice_at=row.next_invoice_at,
        payment_url=row.payment_url,
        link_id=row.link_id,
        received=_received(row),
    )


def _received(row: Row[Any]) -> Money | None:
    """What the last success said was paid."""
    if row.received_minor is None:
        return None
    return Money(minor=row.received_minor, currency=row.received_currency)


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        customer_id=row.customer_id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        locale=row.locale,
        timezone=row.timezone,
        country=row.country,
        sms_consent_at=row.sms_consent_at,
        tags=tuple(row.tags),
        value_tier=row.value_tier,
        excluded=row.excluded_at is not None,
        push_tokens=tuple(row.push_tokens),
    )
