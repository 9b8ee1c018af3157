"""What becomes of a text on its way, and how does Twilio report each step?"""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter

from sandbox.clock import SandboxClock
from sandbox.courier import Attempt, DeliveryState, Post
from sandbox.inbox import Inbox
from sandbox.manner import ORDINARY, Manner
from sandbox.settings import SandboxSettings
from sandbox.twilio_post import TwilioPost
from sandbox.twilio_texts import Text

_SENT = ("queued", "sending", "sent")
_WAYS = {
    "queued": ("queued",),
    "sending": ("queued", "sending"),
    "sent": _SENT,
    "delivered": (*_SENT, "delivered"),
    "undelivered": (*_SENT, "undelivered"),
    "failed": ("queued", "failed"),
}
_USUAL_CODES = {"undelivered": 30003, "failed": 30008}
_WITH_RECEIPT = {"delivered", "undelivered"}


class TextFate(BaseModel):
    """The last status of a text, with the vendor's code, and whether it is reported at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: str = "delivered"
    error_code: int | None = None
    reports: bool = True

    @property
    def code(self) -> int | None:
        return self.error_code or _USUAL_CODES.get(self.status)

    @property
    def way(self) -> tuple[str, ...]:
        """All statuses up to the last."""
        return _WAYS.get(self.status, (*_SENT, self.status))


def _in_full(given: object) -> object:
    """`undelivered:30005` for short; `silent` arrives and is never reported."""
    if given == "silent":
        return {"reports": False}
    if not isinstance(given, str):
        return given
    status, _, code = given.partition(":")
    return {"status": status, "error_code": code or None}


Fate = Annotated[TextFate, BeforeValidator(_in_full)]
_FATE: TypeAdapter[TextFate] = TypeAdapter(Fate)


def fate_of(given: TextFate | str) -> TextFate:
    return _FATE.validate_python(given)


class TwilioCallbacks:
    """Reports to the address that the sender of a text asked for."""

    def __init__(
        self, settings: SandboxSettings, clock: SandboxClock, inbox: Inbox, post: TwilioPost
    ) -> None:
        self.on = settings.twilio_reports
        self.fates: dict[str, TextFate] = {}
        """Number to what becomes of texts to it."""
        self._settings = settings
        self._clock = clock
        self._inbox = inbox
        self._post = post

    def set_fate(self, number: str, fate: TextFate | str) -> None:
        self.fates[number] = fate_of(fate)

    def accepted(self, text: Text) -> None:
        """Let a text go its way by itself, if it has a fate or somebody wants to hear of it."""
        told = self.on and bool(text.callback)
        if not told and text.to not in self.fates:
            return
        fate = self.fates.get(text.to, TextFate())
        text.pinned = True
        start = ("accepted",) if text.service else ()
        self._post.courier.start(self._go(text, (*start, *fate.way), fate, told=told))

    async def report(
        self,
        text: Text,
        *statuses: str,
        error_code: int | None = None,
        manner: Manner = ORDINARY,
    ) -> list[Post]:
        """Report by hand; returns when each was tried, or at once when it is delayed."""
        if manner.delay_s:
            self._post.courier.start(self._report_later(text, statuses, error_code, manner))
            return []
        for status in statuses:
            self._reach(text, status, error_code)
        shown = statuses[::-1] if manner.reordered else statuses
        told = [status for status in shown for _ in range(manner.repeat)]
        return [await self._tell(text, status, error_code, manner) for status in told]

    def clear(self) -> None:
        self.fates.clear()
        self._post.deliveries.clear()

    async def _go(self, text: Text, way: Sequence[str], fate: TextFate, *, told: bool) -> None:
        await asyncio.sleep(self._settings.reports_after_s * self._settings.time_factor)
        for status in way:
            code = fate.code if status == fate.status else None
            self._reach(text, status, code)
            if told and fate.reports:
                await self._tell(text, status, code, ORDINARY)

    async def _report_later(
        self, text: Text, statuses: Sequence[str], error_code: int | None, manner: Manner
    ) -> None:
        await asyncio.sleep(manner.delay_s)
        now = manner.model_copy(update={"delay_s": 0.0})
        await self.report(text, *statuses, error_code=error_code, manner=now)

    def _reach(self, text: Text, status: str, code: int | None) -> None:
        text.status, text.error_code, text.pinned = status, code, True
        self._inbox.report_of(text.sid, f"{status} {code}" if code else status)

    async def _tell(self, text: Text, status: str, code: int | None, manner: Manner) -> Post:
        url = text.callback
        if urlsplit(url).hostname in self._settings.callback_hosts or self._has_detour(url):
            form = self._form(text, status, code)
            return await self._post.send(text.account_sid, url, form, manner)
        missed = Attempt(at=self._clock.now(), error="not called: it is not on this machine")
        post = Post(
            number=len(self._post.deliveries) + 1,
            url=url,
            body="",
            state=DeliveryState.GIVEN_UP,
            attempts=[missed],
        )
        self._post.deliveries.append(post)
        return post

    def _has_detour(self, url: str) -> bool:
        return any(url.startswith(start) for start in self._post.courier.detours)

    def _form(self, text: Text, status: str, code: int | None) -> dict[str, str]:
        form = {
            "AccountSid": text.account_sid,
            "ApiVersion": "2010-04-01",
            "From": text.sender or self._settings.twilio_number,
            "MessageSid": text.sid,
            "MessageStatus": status,
            "SmsSid": text.sid,
            "SmsStatus": status,
            "To": text.to,
        }
        if text.service:
            form["MessagingServiceSid"] = text.service
        if code is not None:
            form["ErrorCode"] = str(code)
        if status in _WITH_RECEIPT:
            form["RawDlrDoneDate"] = f"{self._clock.now():%y%m%d%H%M}"
        return form
