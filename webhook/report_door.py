"""Where do vendors report on the messages they took? Verified, written down, then answered.

All events of one delivery are written at once, or none; the vendor then delivers them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dunning.delivery import ReportEntry
from dunning.errors import BadSignatureError, UnreadableBodyError
from dunning.inbound_text import FormSignature
from store.errors import DatabaseDownError
from store.inbox import EventStatus, Inbox, NewEvent
from webhook.body import raw_body
from webhook.form import fields

SENDGRID, TWILIO = "sendgrid", "twilio"
SENDGRID_PATH = "/webhooks/sendgrid"
TWILIO_PATH = "/webhooks/twilio/status"
# Of the query of the address that Twilio is given for a message.
MESSAGE = "message"
# SendGrid collects up to 768 KB of events before it posts them.
LARGEST_BATCH = 1024 * 1024
LARGEST_FORM = 64 * 1024

_log = structlog.get_logger(__name__)
_ANSWERS = Counter(
    "dunning_report_answers_total",
    "Deliveries of reports by sender and answer",
    ["source", "answer"],
)


class Answer(Enum):
    """What the sender hears: status code and body. It names nothing of the delivery."""

    RECEIVED = (200, {"received": True})
    UNREADABLE = (400, {"error": "The body is signed but is not what this door takes."})
    FORGED = (401, {"error": "The signature does not belong to this delivery, or is too old."})
    TOO_LARGE = (413, {"error": "The body is too large."})
    UNAVAILABLE = (503, {"error": "The events could not be stored. Deliver them again."})


class EventSignature(Protocol):
    """Proves that raw bytes come from the vendor, and that they were signed lately."""

    def verify(self, body: bytes, signature: str | None, timestamp: str | None) -> None:
        """Raise `BadSignatureError` otherwise."""
        ...


class EventReader(Protocol):
    """Takes a vendor's batch of events apart."""

    def entries(self, body: bytes) -> Sequence[ReportEntry]:
        """Raise `UnreadableBodyError` when it is no batch of events."""
        ...


class StatusReader(Protocol):
    """Turns a vendor's form into the report that is stored."""

    def entry(self, fields: Mapping[str, str], message_id: str | None) -> ReportEntry:
        """Raise `UnreadableBodyError` when the form names no message."""
        ...


Take = Callable[[Request, bytes], Sequence[ReportEntry]]


def signed_events(signature: EventSignature, reader: EventReader, headers: tuple[str, str]) -> Take:
    """Many events in one body; `headers` are those of signature and timestamp."""
    of_signature, of_timestamp = headers

    def take(request: Request, body: bytes) -> Sequence[ReportEntry]:
        given = request.headers
        signature.verify(body, given.get(of_signature), given.get(of_timestamp))
        return reader.entries(body)

    return take


def signed_form(
    signature: FormSignature, reader: StatusReader, address: str, headers: tuple[str, str]
) -> Take:
    """One report as a form; `headers` are those of signature and algorithm.

    `address` is ours as the vendor was given it: what a request claims as its host is not signed.
    """
    of_signature, of_settings = headers

    def take(request: Request, body: bytes) -> Sequence[ReportEntry]:
        query = request.scope["query_string"].decode("latin-1")
        url, form = f"{address}?{query}" if query else address, fields(body)
        given = request.headers
        signature.verify(url, form, given.get(of_signature), given.get(of_settings))
        return [reader.entry(form, request.query_params.get(MESSAGE))]

    return take


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDoor:
    """The door for one vendor's reports."""

    source: str
    path: str
    largest: int
    take: Take
    inbox: Inbox
    arrived: asyncio.Event

    @property
    def route(self) -> Route:
        """The route of this vendor."""
        return Route(self.path, _endpoint(self), methods=["POST"])

    async def accept(self, request: Request) -> Answer:
        """Take one delivery in; a repetition is answered like the first."""
        body = await raw_body(request, self.largest)
        if body is None:
            return Answer.TOO_LARGE
        try:
            entries = self.take(request, body)
        except BadSignatureError as fault:
            _log.warning("report_refused", source=self.source, reason=str(fault))
            return Answer.FORGED
        except UnreadableBodyError as fault:
            await self._store([_unreadable(self.source, body, str(fault))])
            return Answer.UNREADABLE
        await self._store([_event(self.source, entry) for entry in entries])
        return Answer.RECEIVED

    async def _store(self, events: Sequence[NewEvent]) -> None:
        if events:
            await self.inbox.put_many(events)
            self.arrived.set()


def _endpoint(door: ReportDoor) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        try:
            answer = await door.accept(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except DatabaseDownError as fault:
            _log.error("report_not_stored", source=door.source, reason=str(fault))
            answer = Answer.UNAVAILABLE
        if answer is Answer.UNREADABLE:
            _log.error("report_unreadable", source=door.source)
        _ANSWERS.labels(door.source, answer.name.lower()).inc()
        status, content = answer.value
        again = {"Retry-After": "5"} if answer is Answer.UNAVAILABLE else None
        return JSONResponse(content, status_code=status, headers=again)

    return receive


def _event(source: str, entry: ReportEntry) -> NewEvent:
    return NewEvent(
        source=source,
        name=entry.name,
        body=entry.body,
        identity=entry.identity,
        status=EventStatus.UNREADABLE if entry.problem else EventStatus.PENDING,
        note=entry.problem,
    )


def _unreadable(source: str, body: bytes, problem: str) -> NewEvent:
    return NewEvent(source=source, name="", body=body, status=EventStatus.UNREADABLE, note=problem)
