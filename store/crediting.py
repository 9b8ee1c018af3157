"""What follows when the merchant tells of a payment, or a person has looked at one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.errors import RegistryError
from dunning.settlement import PaidBy, Payment, Settlement, credit
from dunning.states import Cause
from store import invoices, payments, received
from store.foreign import storable

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.money import Money
    from dunning.settlement import Account


async def receive(
    connection: AsyncConnection, invoice_id: str, money: Money, reference: str | None, at: datetime
) -> Settlement | None:
    """Take money off what is owed; the same reference counts once. None: unknown invoice.

    `RegistryError` for another currency, and for a known payment that was another amount before.
    """
    row = await invoices.lock(connection, invoice_id)
    if row is None:
        return None
    account, reference = await received.account(connection, row), storable(reference)
    _refuse_other_currency(invoice_id, account, money)
    known = _known(invoice_id, account, money, reference)
    settlement = Settlement.COUNTED
    if known is None or not known.counted:
        settlement = credit(account, money)
        came = Payment(money=money, source=PaidBy.API, counted=True, reference=reference)
        await received.keep(connection, invoice_id, came, known, at)
        if known is not None and known.waits:
            await received.looked_at(connection, invoice_id)
    if settlement is Settlement.PAID:
        await payments.pay(connection, invoice_id, Cause.PAID_ELSEWHERE, at)
    await received.tell_overpaid(connection, invoice_id)
    return settlement


async def accept(connection: AsyncConnection, invoice_id: str, at: datetime) -> bool:
    """A person takes what waited for them as part of the debt, and the rest stays owed.

    False, and nothing was done, when there would be no rest.
    """
    row = await invoices.lock(connection, invoice_id)
    if row is None:
        return True
    account = await received.account(connection, row)
    if account.waiting and account.covered:
        return False
    await received.take(connection, invoice_id, at)
    return True


def _refuse_other_currency(invoice_id: str, account: Account, money: Money) -> None:
    if money.currency == account.total.currency:
        return
    raise RegistryError(
        f"{money.figure} is no payment of invoice {invoice_id}, of which {account.left.figure} is "
        "owed. Give what was received in that currency, or mark it as paid without an amount.",
        field="currency",
    )


def _known(
    invoice_id: str, account: Account, money: Money, reference: str | None
) -> Payment | None:
    """Only what has a name can be recognised."""
    known = None if reference is None else account.find(reference, money)
    if known is None or known.reference != reference:
        return None
    if known.money != money:
        raise RegistryError(
            f"Payment {reference} of invoice {invoice_id} came to {known.money.figure} when it was "
            f"told first: it cannot be {money.figure} as well. Give another payment a reference "
            "of its own.",
            field="reference",
        )
    return known
