"""What does the page behind a customer's link have to know?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store import cases, invoices

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.directory import Invoice
    from store.cases import CaseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRecord:
    """An invoice and its latest case. `has_card`: there is a card on file to be replaced."""

    invoice: Invoice
    case: CaseRecord | None = None
    has_card: bool = False


async def read(connection: AsyncConnection, link_id: str) -> PageRecord | None:
    """What is known now of the invoice that customer links call by this random name."""
    row = await invoices.fetch_of_link(connection, link_id)
    if row is None:
        return None
    return PageRecord(
        invoice=invoices.of_row(row),
        case=await cases.latest(connection, row.id),
        has_card=row.payment_method_token is not None,
    )
