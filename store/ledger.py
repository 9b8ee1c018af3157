"""Which messages were meant to go out, and what is known of each?"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.facts import CASE_CLOSED
from store import ledger_statements as statements
from store.digest import address_digest
from store.message_records import MessageRecord, MessageStatus, Unresolved, record_of
from store.projection import project
from store.reservations import (
    Apart,
    Companion,
    Draft,
    Found,
    Reservation,
    Reserved,
    found_of,
    reservation_of,
)
from store.resolutions import Resolved, tell_resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.budget import Limit
    from dunning.view import CaseView
    from store.database import Database


NO_ANSWER = "no answer from the vendor"
# Longer than a nudge with all its attempts takes: who reserved has given up without a word.
_PATIENCE = timedelta(minutes=15)


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
            return {Channel(row["channel"]): found_of(row) for row in found}

    async def release(self, message_id: str) -> bool:
        """Give a message back that was certainly not taken, so that it may be tried again.

        That of a case which is closed by now is not.
        It goes with its companions, here as in all `record_` calls.
        """
        values = {"id": message_id, "closed": CASE_CLOSED}
        return await self._change(statements.RELEASE, values, None)

    async def take_back(self, found: Found) -> bool:
        """Release a message whose holder died before any request; False if it did not.

        What came along with the message of another case is released with that.
        """
        values = {"id": found.message_id, "reserved_at": found.reserved_at}
        async with self._database.begin() as connection:
            carrier = await connection.scalar(statements.TAKE_BACK, values)
            if carrier is None:
                return False
            released = {"id": carrier, "closed": CASE_CLOSED}
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

        What was requested is in doubt, and what was not never left: then the companions of an
        open case are still to be told.
        """
        values = {"closed": CASE_CLOSED, "reason": NO_ANSWER, "patience": patience}
        async with self._database.begin() as connection:
            given_up = (await connection.execute(statements.GIVE_UP, values)).rowcount
            if given_up:
                await connection.execute(statements.FOLLOW)
                await connection.execute(statements.PART, {"closed": CASE_CLOSED})
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
            return [record_of(row) for row in found.mappings()]

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
    reservation = reservation_of(row)
    if isinstance(reservation, Reserved) and companions:
        asked = {**values, "message_id": reservation.message_id, "companions": list(companions)}
        joined = (await connection.execute(statements.JOIN, asked)).rowcount
        if joined != len(companions):
            raise _ApartError
    return reservation
