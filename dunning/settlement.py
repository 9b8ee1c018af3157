"""Does money that came in settle an invoice?

The recovery service charges what it was told to charge: a success of another amount or currency is
looked at by a person before it counts (R1). What the merchant says was paid counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dunning.directory import InvoiceStatus
from dunning.money import Money


class Settlement(StrEnum):
    """What money means for its invoice.

    `part`: it took something off what is owed, and a rest is left. `counted`: this very payment was
    known already, and was counted or looked at by a person.
    """

    PAID = "paid"
    ALREADY_PAID = "already_paid"
    DIFFERS = "differs"
    VOID = "void"
    PART = "part"
    COUNTED = "counted"


class PaidBy(StrEnum):
    """Who said that money came in; `review`: a person has looked at it since."""

    API = "api"
    REVTAIN = "revtain"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that came in. `counted` when it was taken off what is owed.

    The same `reference` is the same payment. `id` and `received_at` are those of its row, None
    before it is written down.
    """

    money: Money
    source: PaidBy
    counted: bool
    reference: str | None = None
    id: int | None = None
    received_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether a person has to look at it before it counts."""
        return not self.counted and self.source is not PaidBy.REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an invoice is about, and what came in for it."""

    total: Money
    status: InvoiceStatus
    payments: tuple[Payment, ...] = ()

    @property
    def paid(self) -> int:
        """What the counted payments come to."""
        return sum(p.money.minor for p in self.payments if p.counted and self._fits(p.money))

    @property
    def left(self) -> Money:
        """What is still to be paid; never less than nothing."""
        return replace(self.total, minor=max(self.total.minor - self.paid, 0))

    @property
    def waiting(self) -> tuple[Payment, ...]:
        """What came in and has not been looked at."""
        return tuple(p for p in self.payments if p.waits)

    @property
    def covered(self) -> bool:
        """Whether all that came in, looked at or not, comes to what the invoice is about."""
        came = sum(p.money.minor for p in self.payments if self._fits(p.money))
        return came >= self.total.minor

    def find(self, reference: str | None, money: Money | None) -> Payment | None:
        """The payment if it is known: by its name, else one without a name by its amount.

        The recovery service may tell of one payment first without and then with a name.
        """
        for known in self.payments:
            if reference is not None and known.reference == reference:
                return known
        told = (p for p in self.payments if p.source is not PaidBy.API and p.money == money)
        return next((p for p in told if None in (reference, p.reference)), None)

    def _fits(self, money: Money) -> bool:
        return money.currency == self.total.currency


def judge(account: Account, received: Money | None, known: Payment | None = None) -> Settlement:
    """What a success of the recovery service means; one without an amount is taken to match.

    `known` is the payment that it tells of, when that was told before: then its amount is known.
    """
    if account.status is InvoiceStatus.PAID:
        return Settlement.ALREADY_PAID
    if account.status is InvoiceStatus.VOID:
        return Settlement.VOID
    if known is not None and not known.waits:
        return Settlement.COUNTED
    if received is None and known is not None:
        received = known.money
    if received is not None and received != account.left:
        return Settlement.DIFFERS
    return Settlement.PAID


def credit(account: Account, received: Money) -> Settlement:
    """What a payment means that the merchant tells of, in the currency of the invoice."""
    if account.status is InvoiceStatus.PAID:
        return Settlement.ALREADY_PAID
    if account.status is InvoiceStatus.VOID:
        return Settlement.VOID
    return Settlement.PART if received.minor < account.left.minor else Settlement.PAID
