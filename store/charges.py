"""Which charges was the recovery service asked for, and what came of each?

A row is committed before its request leaves, so that whoever goes on after a crash looks the
charge up by its key instead of making another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from dunning.advice import Advice
from dunning.charge import NotCharged, Purpose, PutOff
from dunning.charge_pace import MONTH, Pace
from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.money import Money
from store import charge_statements as statements
from store import invoices
from store.digest import token_digest
from store.foreign import storable
from store.questions import learn_within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.charge import ChargeOrder
    from store.database import Database

NO_CARD = "no card of this invoice is known"
REPLACED = "the card that was meant has been replaced"
DIFFERS = "another amount than the one owed was received, and a person looks at it"
NO_CASE = "its case is closed"
ENDED_SINCE = "its case was ended after it was handed over"
NAMED_TWICE = "its key belongs to another invoice"
ANOTHER = "another charge of this invoice has no outcome yet"

_SOON = timedelta(minutes=1)


class ChargeStage(StrEnum):
    """How far a charge has come. `planned`: nothing was asked for yet, or certainly not taken."""

    PLANNED = "planned"
    REQUESTED = "requested"
    ANSWERED = "answered"


class ChargeOutcome(StrEnum):
    """What was answered. `refused`: it was not made, nor will it be."""

    RECOVERED = "recovered"
    FAILED = "failed"
    BLOCKED = "blocked"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    REFUSED = "refused"

    @property
    def final(self) -> bool:
        """Whether no other answer follows."""
        return self not in (ChargeOutcome.QUEUED, ChargeOutcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One charge. Instants are those of the cases; `tries` counts refusals of us in a row."""

    key: str
    invoice_id: str
    purpose: Purpose
    card: str | None
    money: Money
    stage: ChargeStage
    outcome: ChargeOutcome | None
    transaction_id: str | None
    answered_code: str | None
    advice: Advice | None
    reason: str | None
    tries: int
    planned_at: datetime
    not_before: datetime | None
    requested_at: datetime | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The charge is ours to ask for, once. The token is personal: it goes nowhere else."""

    token: str = field(repr=False)
    card: str
    money: Money
    requested_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The debt was settled, or is about to be: look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the recovery service said of a charge; `money` is what it collected, if it said so."""

    outcome: ChargeOutcome
    transaction_id: str | None = None
    code: str | None = None
    advice: Advice | None = None
    reason: str | None = None
    money: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The event that told how a charge has ended. Its body may be deleted by now."""

    key: str
    name: str
    transaction_id: str | None
    body: bytes | None = field(repr=False)


Reservation = Reserved | Charge | Changed | PutOff | NotCharged


class Charges:
    """The charges of all invoices."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def get(self, key: str) -> Charge | None:
        """One charge."""
        async with self._database.single() as connection:
            return await _get(connection, key)

    async def unsettled(self, order: ChargeOrder) -> list[Charge]:
        """Other charges of the invoice of which nobody knows how they end."""
        async with self._database.single() as connection:
            values = {"invoice_id": order.invoice_id, "key": order.key}
            return [_charge(r) for r in await connection.execute(statements.UNSETTLED, values)]

    async def told(self, invoice_id: str | None, limit: int) -> list[Told]:
        """Charges without an outcome, of one invoice or of all, whose end an event has told."""
        async with self._database.single() as connection:
            values = {"invoice_id": invoice_id, "limit": limit}
            found = await connection.execute(statements.TOLD, values)
            return [
                Told(key=r.key, name=r.name, transaction_id=r.transaction_id, body=r.body)
                for r in found
            ]

    async def reserve(
        self, order: ChargeOrder, now: datetime, *, again: datetime | None = None
    ) -> Reservation:
        """Take the charge, and write down that its request leaves now; or say why it does not.

        `again` is the instant of an earlier request of which nothing is known. The key is known
        as one of the invoice's in the same moment.
        """
        async with self._database.begin() as connection:
            row = await invoices.lock(connection, order.invoice_id)
            if row is None:
                raise RegistryError(f"Invoice {order.invoice_id} is not registered.", field="id")
            charge = await _get(connection, order.key)
            if charge is not None and charge.invoice_id != order.invoice_id:
                return NotCharged(reason=NAMED_TWICE)
            if charge is not None and not _free(charge, again):
                return charge
            draft = _Draft(order=order, row=row, token_key=self._token_key, now=now)
            return await draft.reserve(connection, charge)

    async def release(
        self,
        order: ChargeOrder,
        reserved: Reserved,
        until: datetime,
        reason: str,
        *,
        counts: bool = False,
    ) -> bool:
        """Give a charge back that was certainly not taken; False when somebody else has it.

        `counts` when the service could not be asked at all.
        """
        values = {
            "key": order.key,
            "requested_at": reserved.requested_at,
            "until": until,
            "reason": reason,
            "counts": counts,
        }
        async with self._database.single() as connection:
            return bool((await connection.execute(statements.RELEASE, values)).rowcount)

    async def forget(self, charge: Charge) -> None:
        """The service knows nothing of a charge that was requested: it certainly was not taken."""
        values = {
            "key": charge.key,
            "requested_at": charge.requested_at,
            "until": None,
            "reason": "the request never arrived",
            "counts": False,
        }
        async with self._database.single() as connection:
            await connection.execute(statements.RELEASE, values)

    async def answer(self, key: str, answered: Answered, now: datetime) -> Charge | None:
        """Keep what was said; None when a last word was known already.

        The transaction is the invoice's from now on, with the card that was charged.
        """
        transaction_id = storable(answered.transaction_id)
        values = {
            "key": key,
            "outcome": answered.outcome,
            "code": storable(answered.code),
            "advice": answered.advice,
            "reason": answered.reason,
            "transaction_id": transaction_id,
            "amount": None if answered.money is None else answered.money.minor,
            "currency": None if answered.money is None else answered.money.currency,
            "now": now,
        }
        async with self._database.begin() as connection:
            if transaction_id is not None:
                await learn_within(connection, key, transaction_id)
            row = (await connection.execute(statements.ANSWER, values)).one_or_none()
            return None if row is None else _charge(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A charge about to be taken; the invoice's row is held."""

    order: ChargeOrder
    row: Row[Any]
    token_key: bytes
    now: datetime

    async def reserve(self, connection: AsyncConnection, charge: Charge | None) -> Reservation:
        """Write down that it leaves now, or why it does not."""
        values = {"id": self.order.invoice_id, "key": self.order.key}
        standing = (await connection.execute(statements.STANDING, values)).one()
        barred = await self._barred(connection, standing)
        if barred is not None:
            return barred
        token, card = self.row.payment_method_token, self._card
        if token is None or card is None:
            hindrance: PutOff | NotCharged | None = NotCharged(reason=NO_CARD)
        else:
            hindrance = await self._hindrance(connection, card)
        if hindrance is None and not await self._name(connection):
            return NotCharged(reason=NAMED_TWICE)
        await self._write(connection, standing.case_id, hindrance)
        if hindrance is not None or token is None or card is None:
            return hindrance or NotCharged(reason=NO_CARD)
        tries = charge.tries if charge else 0
        return Reserved(
            token=token, card=card, money=self._money, requested_at=self.now, tries=tries
        )

    async def _barred(
        self, connection: AsyncConnection, standing: Row[Any]
    ) -> Charge | Changed | PutOff | NotCharged | None:
        """Why it is not even written down; None when it is."""
        owed = self.row.status == InvoiceStatus.OPEN and self._money.minor > 0
        if not owed or standing.success_pending:
            return Changed()
        closed = standing.case_id is None
        if closed and self.order.purpose is not Purpose.RECOVERY:
            return NotCharged(reason=NO_CASE)
        if closed and standing.ended_since:
            return NotCharged(reason=ENDED_SINCE)
        # Whoever looked before may have waited for a turn to call since.
        if (await connection.execute(statements.UNSETTLED, self._names)).first() is not None:
            return PutOff(until=self.now + _SOON, reason=ANOTHER)
        return await self._declined(connection)

    @property
    def _money(self) -> Money:
        return invoices.owed(self.row)

    @property
    def _card(self) -> str | None:
        token: str | None = self.row.payment_method_token
        return None if token is None else token_digest(self.token_key, token)

    @property
    def _names(self) -> Mapping[str, object]:
        return {
            "key": self.order.key,
            "invoice_id": self.order.invoice_id,
            "card": self._card,
        }

    async def _declined(self, connection: AsyncConnection) -> Charge | None:
        """What came of this new card before."""
        if self.order.purpose is not Purpose.NEW_CARD or self._card is None:
            return None
        row = (await connection.execute(statements.SAME_CARD, self._names)).one_or_none()
        return None if row is None else _charge(row)

    async def _name(self, connection: AsyncConnection) -> bool:
        """Make the key the invoice's, unless it is another's."""
        return bool((await connection.execute(statements.NAME_KEY, self._names)).rowcount)

    async def _hindrance(
        self, connection: AsyncConnection, card: str
    ) -> PutOff | NotCharged | None:
        if self.order.card not in (None, card):
            return NotCharged(reason=REPLACED)
        if self.row.differs_at is not None:
            return NotCharged(reason=DIFFERS)
        await connection.execute(statements.LOCK_CARD, {"digest": card})
        values = {
            "key": self.order.key,
            "card": card,
            "amount": self._money.minor,
            "currency": self._money.currency,
            "since": self.now - MONTH,
        }
        requests = list(await connection.scalars(statements.REQUESTS, values))
        return Pace(requests=requests).hindrance(self.now)

    async def _write(
        self,
        connection: AsyncConnection,
        case_id: int | None,
        hindrance: PutOff | NotCharged | None,
    ) -> None:
        refused = isinstance(hindrance, NotCharged)
        stage = ChargeStage.REQUESTED if hindrance is None else ChargeStage.PLANNED
        values = {
            **self._names,
            "case_id": case_id,
            "purpose": self.order.purpose,
            "amount": self._money.minor,
            "currency": self._money.currency,
            "decline_code": storable(self.order.decline_code),
            "status": ChargeStage.ANSWERED if refused else stage,
            "outcome": ChargeOutcome.REFUSED if refused else None,
            "reason": hindrance.reason if hindrance else None,
            "now": self.now,
            "not_before": hindrance.until if isinstance(hindrance, PutOff) else None,
            "requested_at": self.now if hindrance is None else None,
            "answered_at": self.now if refused else None,
        }
        await connection.execute(statements.WRITE, values)


def _free(charge: Charge, again: datetime | None) -> bool:
    """Whether nobody has asked for it yet, or only by the request that is to be made again."""
    if charge.stage is ChargeStage.PLANNED:
        return True
    return charge.stage is ChargeStage.REQUESTED and charge.requested_at == again


async def _get(connection: AsyncConnection, key: str) -> Charge | None:
    row = (await connection.execute(statements.GET, {"key": key})).one_or_none()
    return None if row is None else _charge(row)


def _charge(row: Row[Any]) -> Charge:
    return Charge(
        key=row.key,
        invoice_id=row.invoice_id,
        purpose=Purpose(row.purpose),
        card=row.card_digest,
        money=Money(minor=row.amount, currency=row.currency),
        stage=ChargeStage(row.status),
        outcome=None if row.outcome is None else ChargeOutcome(row.outcome),
        transaction_id=row.transaction_id,
        answered_code=row.answered_code,
        advice=None if row.advice is None else Advice(row.advice),
        reason=row.reason,
        tries=row.tries,
        planned_at=row.planned_at,
        not_before=row.not_before,
        requested_at=row.requested_at,
        answered_at=row.answered_at,
    )
