"""Which invoice is settled by a success, and what was it that brought the money?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from dunning.errors import RegistryError
from dunning.settlement import PaidBy, Payment, Settlement, judge
from dunning.states import Cause
from store import alerts, invoices, payments, received
from store.foreign import storable

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.money import Money
    from dunning.settlement import Account
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
        self,
        invoice_id: str,
        money: Money | None,
        transaction_id: str | None,
        now: datetime,
        *,
        key: str | None = None,
        other: str | None = None,
    ) -> Settled:
        """Judge a success and write what follows from it, in one transaction.

        The same transaction, or where it has no id the same `key`, is the same payment. `other` is
        an invoice that the key names beside this one, for which it does not count.
        """
        reference = storable(transaction_id or key)
        async with self._database.begin() as connection:
            row = await invoices.lock(connection, invoice_id)
            if row is None:
                raise RegistryError(f"Invoice {invoice_id} is not registered.", field="id")
            account = await received.account(connection, row)
            known = account.find(reference, money)
            settlement = judge(account, money, known)
            came = _payment(account, settlement, money, reference)
            if came is not None:
                await received.keep(connection, invoice_id, came, known, now)
            if settlement is Settlement.PAID:
                cause = await _cause(connection, invoice_id, transaction_id)
                await payments.pay(connection, invoice_id, cause, now)
            if settlement not in _NOTHING_NEW:
                differs_at = now if settlement is Settlement.DIFFERS else None
                await payments.receive(connection, invoice_id, money, differs_at=differs_at)
            await _tell(connection, invoice_id, settlement)
            if money is not None and (known is None or known.money != money):
                await _tell_news(connection, invoice_id, settlement, money, known)
            if other is not None:
                await alerts.add_within(connection, _two(invoice_id, other, reference))
            return await _settled(connection, invoice_id, settlement)


_NOTHING_NEW = frozenset({Settlement.ALREADY_PAID, Settlement.COUNTED})


def _payment(
    account: Account, settlement: Settlement, money: Money | None, reference: str | None
) -> Payment | None:
    """What is written down; an amount that was not named is the one that was left."""
    match settlement:
        case Settlement.PAID:
            money = money or account.left
        case Settlement.ALREADY_PAID if reference is None:
            # It may be the payment that settled the invoice, told again without its name.
            return None
        case Settlement.COUNTED:
            return None
        case _:
            pass
    if money is None or money.minor < 1:
        return None
    counted = settlement in (Settlement.PAID, Settlement.ALREADY_PAID)
    return Payment(
        money=money,
        source=PaidBy.REVTAIN,
        counted=counted and money.currency == account.total.currency,
        reference=reference,
    )


async def _tell(connection: AsyncConnection, invoice_id: str, settlement: Settlement) -> None:
    """The team hears of what nobody will come upon otherwise."""
    if settlement is Settlement.DIFFERS:
        await received.tell_late(connection, invoice_id)
    elif settlement is not Settlement.COUNTED:
        await received.tell_overpaid(connection, invoice_id)


async def _tell_news(
    connection: AsyncConnection,
    invoice_id: str,
    settlement: Settlement,
    money: Money,
    known: Payment | None,
) -> None:
    """An amount was named that was not known, and that nobody looks at by itself."""
    if settlement is Settlement.DIFFERS:
        await received.tell_differs(connection, invoice_id)
    elif known is not None and not known.waits:
        await alerts.add_within(connection, _counted_as(invoice_id, known, money))


def _counted_as(invoice_id: str, known: Payment, money: Money) -> Alert:
    said, before = (f"{one.minor} {one.currency}" for one in (money, known.money))
    return Alert(
        kind=AlertKind.AMOUNT_DIFFERS,
        subject=invoice_id,
        detail={"received": said, "counted": before},
        identity=f"{invoice_id} {known.id} {said}",
    )


def _two(invoice_id: str, other: str, reference: str | None) -> Alert:
    return Alert(
        kind=AlertKind.PAID_TWO, subject=invoice_id, detail={"other": other}, identity=reference
    )


async def _cause(connection: AsyncConnection, invoice_id: str, transaction_id: str | None) -> Cause:
    values = {"id": invoice_id, "transaction_id": storable(transaction_id)}
    new_card = await connection.scalar(_NEW_CARD, values)
    return Cause.CARD_UPDATE if new_card else Cause.REVTAIN_RETRY


async def _settled(connection: AsyncConnection, invoice_id: str, settlement: Settlement) -> Settled:
    row = (await connection.execute(_OUTCOME, {"id": invoice_id})).one()
    cause = None if row.paid_cause is None else Cause(row.paid_cause)
    return Settled(settlement=settlement, cause=cause, after_close=row.after_close)
