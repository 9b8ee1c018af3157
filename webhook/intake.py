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
# So quick is good enough; for less no case has to wait.
_GOOD_SECONDS = 0.001
_BUSY_SECONDS = 0.25
_WEIGHT = 0.1
# The best is let go slowly, so that a database that became slower is not taken for a busy one.
_FORGETTING = 1.0002


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
    _waiting: list[_Delivery] = field(default_factory=list["_Delivery"])
    _last_arrival: float = float("-inf")
    _lag: float = 0.0
    _best: float = float("inf")
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

    def busy(self) -> float:
        """How many times longer than at best deliveries take now; nought when none came lately."""
        now = asyncio.get_running_loop().time()
        if now - self._last_arrival >= _BUSY_SECONDS:
            return 0.0
        return self._lag / max(self._best, _GOOD_SECONDS)

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
        delivery = _Delivery(row, loop.create_future(), loop.time())
        self._last_arrival = delivery.arrived_at
        self._waiting.append(delivery)
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._drain())
        await delivery.written

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                await self.inbox.put_many([delivery.row for delivery in batch])
            except Exception as fault:  # noqa: BLE001 (each delivery hears of it)
                _fail(batch, fault)
            else:
                self._succeed(batch)

    def _succeed(self, batch: list[_Delivery]) -> None:
        now = asyncio.get_running_loop().time()
        for delivery in batch:
            self._observe(now - delivery.arrived_at)
            if not delivery.written.done():
                delivery.written.set_result(None)
        self.arrived.set()

    def _observe(self, lag: float) -> None:
        self._best = min(lag, self._best * _FORGETTING)
        self._lag += (lag - self._lag) * _WEIGHT


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A verified event on its way into the inbox, and who waits for that."""

    row: NewEvent
    written: asyncio.Future[None]
    arrived_at: float


def _fail(batch: list[_Delivery], fault: Exception) -> None:
    for delivery in batch:
        if not delivery.written.done():
            delivery.written.set_exception(fault)
