"""Which messages were meant to go out, and what is known of each?"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dunning.channel import Channel
from dunning.delivery import Delivery
from dunning.facts import CASE_CLOSED
from store import ledger_statements as statements
from store.digest import address_digest
from store.projection import project
from store.resolutions import Resolved, tell_resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping, TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.budget import Limit
    from dunning.view import CaseView
    from store.database import Database


NO_ANSWER = "no answer from the vendor"
# Longer than a nudge with all its attempts takes: who reserved has given up without a word.
_PATIENCE = timedelta(minutes=15)


class MessageStatus(StrEnum):
    """What is known of a message. Nothing changes `sent`."""

    PLANNED = "planned"
    RESERVED = "reserved"
    SENT = "sent"
    WITHHELD = "withheld"
    OVERTAKEN = "overtaken"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ALERTED = "alerted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is about to be sent. `now` is the case's time.

    `after_payment` is for receipts, which follow a payment and do not count. `essential` ones are
    sent in spite of an unsubscribe from reminders. `spacing` is the least
    distance from a message of another invoice that spoke of this one too. `address` is what must
    not be closed when the message is taken. `subject` and `text` are kept for a while.
    """

    step: str
    channel: Channel
    template: str
    due_at: datetime
    now: datetime
    body_digest: str | None = None
    after_payment: bool = False
    essential: bool = False
    spacing: timedelta = timedelta(0)
    address: str | None = None
    subject: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The message is ours to send, once, under this id, while nobody takes it back."""

    message_id: str
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message is not ours to send: something became of it before.

    `merged_into` is the message that speaks of this invoice too, `together_with` the other
    invoices that it speaks of. `stale` when nobody can be busy with it any more. `requested` once a
    request to the vendor was about to leave; before, the vendor certainly has nothing. `begun_at`
    is in the case's time.
    """

    message_id: str
    status: MessageStatus
    provider_id: str | None
    reserved_at: datetime | None
    body_digest: str | None
    occurred_at: datetime | None
    reason: str | None
    merged_into: str | None = None
    together_with: tuple[str, ...] = ()
    stale: bool = False
    requested: bool = True
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is owed any more: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class SuccessPending:
    """A success was received and is about to be settled: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The address was closed: nothing may be sent there."""


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The customer has heard from us often enough on this channel."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The step has left, or may have, over another channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenOf:
    """A message of another invoice spoke of this one, at this instant in the case's time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Apart:
    """One of the companions cannot come along any more: nothing was reserved."""


Hindrance = Settled | SuccessPending | Suppressed | OverBudget | Elsewhere | SpokenOf
Reservation = Reserved | Found | Apart | Hindrance


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A planned message of another invoice of the same customer.

    `last_at` is when the customer was written to about that invoice before.
    """

    message_id: str
    invoice_id: str
    policy_digest: str | None
    next_at: datetime
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message as people look at it."""

    id: str
    step: str
    channel: Channel
    template: str
    status: MessageStatus
    reason: str | None
    provider_id: str | None
    due_at: datetime | None
    reserved_at: datetime | None
    occurred_at: datetime | None
    updated_at: datetime
    merged_into: str | None = None
    together_with: tuple[str, ...] = ()
    delivery: Delivery | None = None
    delivery_code: str | None = None
    delivery_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A message of unknown outcome. `requested_at` is when the vendor may have got it."""

    id: str
    invoice_id: str
    step: str
    channel: Channel
    template: str
    requested_at: datetime | None
    occurred_at: datetime | None
    reason: str | None


class _ApartError(Exception):
    """Undoes a reservation whose companions cannot all come along."""


class Ledger:
    """Makes sure that each message of a case leaves once at most."""

    def __init__(self, database: Database, token_key: bytes, *, keep_texts: bool = True) -> None:
        self._database = database
        self._token_key = token_key
        self._keep_texts = keep_texts

    async def reserve(
        self,
        workflow_id: str,
        draft: Draft,
        *,
        limit: Limit | None = None,
        companions: Sequence[str] = (),
    ) -> Reservation:
        """Take a message for sending, if money is still owed and none stands in the inbox.

        All of it in one transaction in which nobody else takes a message of the same customer:
        the count against `limit`, over the case's time up to now, and the `companions`, whose
        messages this one stands for. All of them come along, or nothing is reserved.
        `LookupError` without a case.
        """
        values = {
            **asdict(draft),
            "workflow_id": workflow_id,
            "most": limit and limit.most,
            "since": limit and draft.now - limit.per,
            "patience": _PATIENCE,
            "address_digest": draft.address and address_digest(self._token_key, draft.address),
            "text": draft.text if self._keep_texts else None,
        }
        while True:
            asked = {**values, "message_id": secrets.token_urlsafe(12)}
            reservation = await self._reserve(asked, companions)
            if reservation is not None:
                return reservation

    async def _reserve(
        self, values: Mapping[str, object], companions: Sequence[str]
    ) -> Reservation | None:
        try:
            async with self._database.begin() as connection:
                return await _take(connection, values, companions)
        except _ApartError:
            return Apart()

    async def companions(
        self, workflow_id: str, channel: Channel, *, until: datetime, most: int
    ) -> list[Companion]:
        """What the customer's other cases would send on this channel next, up to an instant."""
        values = {"workflow_id": workflow_id, "channel": channel, "until": until, "most": most}
        async with self._database.single() as connection:
            found = await connection.execute(statements.COMPANIONS, values)
            return [Companion(**row) for row in found.mappings()]

    async def find(self, workflow_id: str, step: str, channel: Channel) -> Found | None:
        """What is known of a message; None before its row was made."""
        return (await self.of_step(workflow_id, step)).get(channel)

    async def of_step(self, workflow_id: str, step: str) -> dict[Channel, Found]:
        """What is known of a step, over each channel for which it has a row."""
        values = {"workflow_id": workflow_id, "step": step, "patience": _PATIENCE}
        async with self._database.single() as connection:
            found = (await connection.execute(statements.OF_STEP, values)).mappings()
            return {Channel(row["channel"]): _found(row) for row in found}

    async def release(self, message_id: str) -> bool:
        """Give a message back that was certainly not taken, so that it may be tried again.

        That of a case which is closed by now is not.
        It goes with its companions, here as in all `record_` calls.
        """
        values = {"id": message_id, "closed": CASE_CLOSED}
        return await self._change(statements.RELEASE, values, None)

    async def take_back(self, found: Found) -> bool:
        """Release a message whose holder died before any request; False if it did not."""
        values = {"id": found.message_id, "reserved_at": found.reserved_at}
        async with self._database.begin() as connection:
            if not (await connection.execute(statements.TAKE_BACK, values)).rowcount:
                return False
            released = {"id": found.message_id, "closed": CASE_CLOSED}
            await connection.execute(statements.RELEASE, released)
            return True

    async def request(self, reserved: Reserved) -> bool:
        """Say that the request is about to leave; False when the message was taken back."""
        values = {"id": reserved.message_id, "reserved_at": reserved.reserved_at}
        return await self._change(statements.REQUEST, values, None)

    async def resolve(self, message_id: str, *, sent: bool) -> list[Resolved]:
        """Settle a message of unknown outcome by what a person found out at the vendor.

        Each invoice that it spoke of; none when its outcome is not unknown. One that was not sent
        is planned again. The cases hear of it through the inbox, in the same transaction.
        """
        async with self._database.begin() as connection:
            carrier = await connection.scalar(statements.CARRIER, {"id": message_id})
            values = {"carrier": carrier, "sent": sent, "closed": CASE_CLOSED}
            rows = (await connection.execute(statements.RESOLVE, values)).all()
            found = [Resolved(invoice_id=r.invoice_id, step=r.step, at=r.updated_at) for r in rows]
            await tell_resolved(connection, found, sent=sent)
            return found

    async def give_up(self, patience: timedelta) -> int:
        """Decide what a closed case left on its way for longer than that; how many messages.

        What was requested is in doubt, and what was not never left.
        """
        values = {"closed": CASE_CLOSED, "reason": NO_ANSWER, "patience": patience}
        async with self._database.begin() as connection:
            given_up = (await connection.execute(statements.GIVE_UP, values)).rowcount
            if given_up:
                await connection.execute(statements.FOLLOW)
            return given_up

    async def unresolved(self, limit: int = 100) -> list[Unresolved]:
        """Messages that may or may not have left, the latest first."""
        async with self._database.single() as connection:
            found = await connection.execute(statements.UNRESOLVED, {"limit": limit})
            return [Unresolved(**row) for row in found.mappings()]

    async def status(self, message_id: str) -> MessageStatus | None:
        """What is known of a message; None when there is no such message."""
        async with self._database.single() as connection:
            found: str | None = await connection.scalar(statements.STATUS, {"id": message_id})
            return None if found is None else MessageStatus(found)

    async def record_sent(
        self,
        message_id: str,
        *,
        provider_id: str,
        occurred_at: datetime,
        view: CaseView | None = None,
    ) -> bool:
        """The vendor took it. All `record_` calls answer False when the status forbids it.

        They write the view, if given, in the same transaction and in any case.
        """
        values = {"id": message_id, "provider_id": provider_id, "occurred_at": occurred_at}
        return await self._change(statements.SENT, values, view)

    async def record_refused(
        self, message_id: str, *, reason: str, occurred_at: datetime, view: CaseView | None = None
    ) -> bool:
        """The vendor will never take it."""
        values = {"id": message_id, "reason": reason, "occurred_at": occurred_at}
        return await self._change(statements.REFUSED, values, view)

    async def record_unknown(
        self, message_id: str, *, reason: str, occurred_at: datetime, view: CaseView | None = None
    ) -> bool:
        """Nobody can tell whether the vendor took it; a later proof may still say so."""
        values = {"id": message_id, "reason": reason, "occurred_at": occurred_at}
        return await self._change(statements.UNKNOWN, values, view)

    async def record_withheld(
        self,
        workflow_id: str,
        *,
        step: str,
        channel: Channel,
        template: str,
        reason: str,
        occurred_at: datetime,
        view: CaseView | None = None,
    ) -> bool:
        """We did not send it, on purpose."""
        values = {
            "message_id": secrets.token_urlsafe(12),
            "workflow_id": workflow_id,
            "step": step,
            "channel": channel,
            "template": template,
            "reason": reason,
            "occurred_at": occurred_at,
        }
        return await self._change(statements.WITHHELD, values, view)

    async def messages(self, workflow_id: str) -> list[MessageRecord]:
        """All messages of a case in the order in which they are due."""
        async with self._database.single() as connection:
            found = await connection.execute(statements.MESSAGES, {"workflow_id": workflow_id})
            return [_record(row) for row in found.mappings()]

    async def _change(
        self, statement: TextClause, values: Mapping[str, object], view: CaseView | None
    ) -> bool:
        async with self._database.begin() as connection:
            changed = bool((await connection.execute(statement, values)).rowcount)
            if view is not None:
                await project(connection, view, None)
            return changed


async def _take(
    connection: AsyncConnection, values: Mapping[str, object], companions: Sequence[str]
) -> Reservation | None:
    """A statement of its own follows the lock, so that it sees what the others did before."""
    await connection.execute(statements.LOCK_CUSTOMER, values)
    row = (await connection.execute(statements.RESERVE, values)).mappings().one_or_none()
    if row is None:
        raise LookupError(f"There is no case {values['workflow_id']} to send a message for.")
    reservation = _reservation(row)
    if isinstance(reservation, Reserved) and companions:
        asked = {**values, "message_id": reservation.message_id, "companions": list(companions)}
        joined = (await connection.execute(statements.JOIN, asked)).rowcount
        if joined != len(companions):
            raise _ApartError
    return reservation


def _reservation(row: RowMapping) -> Reservation | None:
    """None when the statement met a row that it could not see yet: ask again."""
    if row["reserved_id"] is not None:
        return Reserved(message_id=row["reserved_id"], reserved_at=row["taken_at"])
    if row["id"] is not None:
        return _found(row)
    hindrance = next((answer for name, answer in _HINDRANCES.items() if row[name]), None)
    if hindrance is None and row["spoken_of_at"] is not None:
        return SpokenOf(at=row["spoken_of_at"])
    return hindrance or (OverBudget() if row["over_budget"] else None)


# In the order of their weight, which is above that of spacing and budget.
_HINDRANCES: dict[str, Hindrance] = {
    "settled": Settled(),
    "success_pending": SuccessPending(),
    "suppressed": Suppressed(),
    "elsewhere": Elsewhere(),
}


def _found(row: RowMapping) -> Found:
    return Found(
        message_id=row["id"],
        status=MessageStatus(row["status"]),
        provider_id=row["provider_id"],
        reserved_at=row["reserved_at"],
        body_digest=row["body_digest"],
        occurred_at=row["occurred_at"],
        reason=row["reason"],
        merged_into=row["merged_into"],
        together_with=tuple(row["together_with"] or ()),
        stale=bool(row["stale"]),
        requested=row["requested_at"] is not None,
        begun_at=row["begun_at"],
    )


def _record(row: RowMapping) -> MessageRecord:
    values: dict[str, Any] = dict(row)
    values["channel"] = Channel(values["channel"])
    values["status"] = MessageStatus(values["status"])
    values["delivery"] = values["delivery"] and Delivery(values["delivery"])
    values["together_with"] = tuple(values["together_with"] or ())
    return MessageRecord(**values)
