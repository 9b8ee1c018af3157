"""Does money that came in settle an invoice?"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dunning.directory import InvoiceStatus

if TYPE_CHECKING:
    from dunning.money import Money


class Settlement(StrEnum):
    """What a success means for its invoice."""

    PAID = "paid"
    ALREADY_PAID = "already_paid"
    DIFFERS = "differs"
    VOID = "void"


def judge(status: InvoiceStatus, owed: Money, received: Money | None) -> Settlement:
    """What a success means. A success that does not name its money is taken to match."""
    if status is InvoiceStatus.PAID:
        return Settlement.ALREADY_PAID
    if status is InvoiceStatus.VOID:
        return Settlement.VOID
    if received is not None and received != owed:
        return Settlement.DIFFERS
    return Settlement.PAID
