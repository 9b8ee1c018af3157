"""Which messages were meant to go out, and what is known of each?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dunning.channel import Channel
from store import ledger_statements as statements
from store.digest import address_digest
from store.projection import project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping, TextClause

    from dunning.view import CaseView
    from store.database import Database


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The message is ours to send, once, under this id."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message is not ours to send: something became of it before."""

    message_id: str
    status: MessageStatus
    provider_id: str | None
    reserved_at: datetime | None
    body_digest: str | None
    occurred_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is owed any more: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class SuccessPending:
    """A success was received and is about to be settled: nothing may be sent."""


Reservation = Reserved | Found | Settled | SuccessPending


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


class Ledger:
    """Makes sure that each message of a case leaves once at most."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def reserve(
        self,
        workflow_id: str,
        *,
        step: str,
        channel: Channel,
        template: str,
        due_at: datetime,
        body_digest: str | None = None,
        after_payment: bool = False,
    ) -> Reservation:
        """Take a message for sending, if money is still owed and none stands in the inbox.

        `after_payment` is for receipts, which follow a payment. `LookupError` without a case.
        """
        values = {
            "workflow_id": workflow_id,
            "step": step,
            "channel": channel,
            "template": template,
            "due_at": due_at,
            "body_digest": body_digest,
            "after_payment": after_payment,
        }
        while True:
            reservation = await self._reserve({**values, "message_id": secrets.token_urlsafe(12)})
            if reservation is not None:
                return reservation

    async def _reserve(self, values: Mapping[str, object]) -> Reservation | None:
        async with self._database.single() as connection:
            row = (await connection.execute(statements.RESERVE, values)).mappings().one_or_none()
        if row is None:
            raise LookupError(f"There is no case {values['workflow_id']} to send a message for.")
        return _reservation(row)

    async def find(self, workflow_id: str, step: str, channel: Channel) -> Found | None:
        """What is known of a message; None before its row was made."""
        values = {"workflow_id": workflow_id, "step": step, "channel": channel}
        async with self._database.single() as connection:
            row = (await connection.execute(statements.FIND, values)).mappings().one_or_none()
        return None if row is None else _found(row)

    async def release(self, message_id: str) -> bool:
        """Give a message back that was certainly not taken, so that it may be tried again."""
        return await self._change(statements.RELEASE, {"id": message_id}, None)

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

    async def suppress(self, channel: Channel, address: str, reason: str) -> bool:
        """Never write there again; the first reason stays. False if it was so already."""
        digest = address_digest(self._token_key, address)
        values = {"channel": channel, "digest": digest, "reason": reason}
        async with self._database.single() as connection:
            return bool((await connection.execute(statements.SUPPRESS, values)).rowcount)

    async def suppressed(self, channel: Channel, address: str) -> str | None:
        """Why the address may not be written to, if so."""
        values = {"channel": channel, "digest": address_digest(self._token_key, address)}
        async with self._database.single() as connection:
            reason: str | None = await connection.scalar(statements.SUPPRESSED, values)
            return reason

    async def _change(
        self, statement: TextClause, values: Mapping[str, object], view: CaseView | None
    ) -> bool:
        async with self._database.begin() as connection:
            changed = bool((await connection.execute(statement, values)).rowcount)
            if view is not None:
                await project(connection, view, None)
            return changed


def _reservation(row: RowMapping) -> Reservation | None:
    """None when the statement met a row that it could not see yet: ask again."""
    if row["reserved_id"] is not None:
        return Reserved(message_id=row["reserved_id"])
    if row["id"] is not None:
        return _found(row)
    if row["settled"]:
        return Settled()
    return SuccessPending() if row["success_pending"] else None


def _found(row: RowMapping) -> Found:
    return Found(
        message_id=row["id"],
        status=MessageStatus(row["status"]),
        provider_id=row["provider_id"],
        reserved_at=row["reserved_at"],
        body_digest=row["body_digest"],
        occurred_at=row["occurred_at"],
        reason=row["reason"],
    )


def _record(row: RowMapping) -> MessageRecord:
    values: dict[str, Any] = dict(row)
    values["channel"] = Channel(values["channel"])
    values["status"] = MessageStatus(values["status"])
    return MessageRecord(**values)
