"""How does a signed event become durable before we answer? Verified, written down, then 200."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from dunning.errors import BadSignatureError, UnreadableBodyError
from dunning.ports import InboundReader, SignatureCheck
from store.digest import token_digest
from store.inbox import EventStatus, Inbox, NewEvent

LARGEST_BODY = 256 * 1024
_BATCH = 200
_BUSY_SECONDS = 0.25


class Answer(Enum):
    """What the sender hears: status code and body."""

    RECEIVED = (200, {"received": True})
    UNREADABLE = (400, {"error": "The body is signed but is not a JSON object with an `event`."})
    FORGED = (401, {"error": "The signature does not belong to this body."})
    TOO_LARGE = (413, {"error": f"The body is larger than {LARGEST_BODY} bytes."})


@dataclass(slots=True)
class Intake:
    """The door for one sender's events.

    Concurrent deliveries share one transaction: while one batch commits, the next collects.
    Raises DatabaseDownError when the event could not be written; the sender then redelivers.
    """

    source: str
    inbox: Inbox
    check: SignatureCheck
    reader: InboundReader
    token_key: bytes
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: list[tuple[NewEvent, asyncio.Future[bool]]] = field(
        default_factory=list[tuple[NewEvent, asyncio.Future[bool]]]
    )
    _last_arrival: float = float("-inf")
    _writer: asyncio.Task[None] | None = None

    async def accept(self, body: bytes, signature: str | None) -> Answer:
        """Take one delivery in; a repetition is answered like the first."""
        if len(body) > LARGEST_BODY:
            return Answer.TOO_LARGE
        try:
            self.check.verify(body, signature)
        except BadSignatureError:
            return Answer.FORGED
        row, answer = self._row(body)
        await self._write(row)
        return answer

    def busy(self) -> bool:
        """Whether deliveries are coming in right now."""
        return asyncio.get_running_loop().time() - self._last_arrival < _BUSY_SECONDS

    def _row(self, body: bytes) -> tuple[NewEvent, Answer]:
        try:
            event = self.reader.read(body)
        except UnreadableBodyError as fault:
            unreadable = NewEvent(
                source=self.source,
                name="",
                body=body,
                status=EventStatus.UNREADABLE,
                note=str(fault),
            )
            return unreadable, Answer.UNREADABLE
        row = NewEvent(
            source=self.source,
            name=event.name,
            body=body,
            transaction_id=event.transaction_id,
            idempotency_key=event.idempotency_key,
            old_token_digest=token_digest(self.token_key, event.old_token)
            if event.old_token
            else None,
        )
        return row, Answer.RECEIVED

    async def _write(self, row: NewEvent) -> None:
        loop = asyncio.get_running_loop()
        self._last_arrival = loop.time()
        written: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((row, written))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._drain())
        await written

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                new = await self.inbox.put_many([row for row, _ in batch])
            except Exception as fault:  # noqa: BLE001 (each delivery hears of it)
                _fail(batch, fault)
            else:
                for (_, written), is_new in zip(batch, new, strict=True):
                    if not written.done():
                        written.set_result(is_new)
                self.arrived.set()


def _fail(batch: list[tuple[NewEvent, asyncio.Future[bool]]], fault: Exception) -> None:
    for _, written in batch:
        if not written.done():
            written.set_exception(fault)
