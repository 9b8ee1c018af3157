"""Where do customers' replies come in? Signed, written down, obeyed, and only then answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dunning.errors import BadSignatureError, UnreadableBodyError
from dunning.inbound_text import FormSignature, InboundText
from messages.reply_answers import ReplyAnswers
from store.errors import DatabaseDownError
from store.inbox import EventStatus, Inbox, NewEvent
from webhook.form import fields
from webhook.replies import ReplyHandler, answer

NAME = "reply"
LARGEST_BODY = 64 * 1024

_log = structlog.get_logger(__name__)
_ANSWERS = Counter(
    "dunning_reply_answers_total",
    "Deliveries of replies by sender and answer",
    ["source", "answer"],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundDoor:
    """The door for texts of customers. `url` is the address that the vendor was given."""

    url: str
    signature_header: str
    settings_header: str
    signature: FormSignature
    handler: ReplyHandler
    inbox: Inbox
    answers: ReplyAnswers
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def route(self, path: str) -> Route:
        """The door at its path."""
        return Route(path, self._receive, methods=["POST"])

    async def _receive(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return self._refuse("too_large", 413, f"The body is larger than {LARGEST_BODY} bytes.")
        form = fields(body)
        given = request.headers
        try:
            self.signature.verify(
                self.url, form, given.get(self.signature_header), given.get(self.settings_header)
            )
        except BadSignatureError as fault:
            _log.warning("reply_forged", reason=str(fault))
            return self._refuse("forged", 401, "The signature does not belong to this form.")
        try:
            return await self._accept(body, form)
        except DatabaseDownError as fault:
            _log.error("reply_not_stored", reason=str(fault))
            told = "The text could not be stored. Deliver it again."
            return self._refuse("unavailable", 503, told, {"Retry-After": "5"})

    async def _accept(self, body: bytes, form: dict[str, str]) -> Response:
        """A genuine form. A text that is stored is obeyed even if we fall now."""
        try:
            text = self.handler.vendor.read(form)
        except UnreadableBodyError as fault:
            await self._store(body, None, note=str(fault))
            _log.error("reply_unreadable", source=self.handler.source)
            return self._refuse("unreadable", 400, f"Signed, but {fault}.")
        await self._store(body, text)
        taken, reading = await self.handler.take(text)
        self.arrived.set()
        _ANSWERS.labels(self.handler.source, taken.meaning).inc()
        words = answer(self.answers, text, taken, reading)
        vendor = self.handler.vendor
        return Response(vendor.write(words), media_type=vendor.media_type)

    async def _store(self, body: bytes, text: InboundText | None, note: str | None = None) -> None:
        row = NewEvent(
            source=self.handler.source,
            name="" if text is None else NAME,
            body=body,
            status=EventStatus.UNREADABLE if text is None else EventStatus.PENDING,
            note=note,
            identity=None if text is None else text.vendor_id.encode(),
        )
        await self.inbox.put_many([row])

    def _refuse(
        self, name: str, status: int, told: str, headers: dict[str, str] | None = None
    ) -> Response:
        _ANSWERS.labels(self.handler.source, name).inc()
        return JSONResponse({"error": told}, status_code=status, headers=headers)


async def _body(request: Request) -> bytes | None:
    """The raw body; None as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)
