"""What does a running sandbox hold, and what happens to a request that meets a fault?"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request
from pydantic import JsonValue
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.clock import SandboxClock
from sandbox.courier import Courier
from sandbox.faults import Call, Fault, FaultKind, Faults, Moment
from sandbox.fcm_tokens import FcmDevices
from sandbox.inbox import Inbox, Message, MessageDraft, TakenRequest
from sandbox.rates import SendGridRate, TwilioRate
from sandbox.revtain_card_pages import CardPages
from sandbox.revtain_ledger import RevtainLedger
from sandbox.revtain_webhooks import RevtainWebhooks
from sandbox.sendgrid_webhook import SendGridWebhook
from sandbox.settings import SandboxSettings
from sandbox.transport import DroppedConnection, TruncatedAnswer
from sandbox.twilio_callbacks import TwilioCallbacks
from sandbox.twilio_post import TwilioPost
from sandbox.twilio_replies import TwilioReplies
from sandbox.twilio_texts import TwilioTexts

ErrorBody = Callable[[int], Mapping[str, JsonValue]]
_PAGE = "<!doctype html><title>Just a moment</title><h1>We will be back shortly</h1>"
_BAD_JSON = '{"sid": "SM0", "errors": [{"message'


class SandboxWorld:
    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = SandboxClock()
        self.inbox = Inbox()
        self.faults = Faults()
        self.texts = TwilioTexts()
        self.devices = FcmDevices()
        self.ledger = RevtainLedger()
        self.card_pages = CardPages(active=settings.revtain_vault)
        self.webhooks = RevtainWebhooks(settings, self.clock, self.ledger)
        self.courier = Courier(settings, self.clock)
        self.mail_events = SendGridWebhook(settings, self.clock, self.inbox, self.courier)
        self.twilio_post = TwilioPost(settings, self.courier)
        self.callbacks = TwilioCallbacks(settings, self.clock, self.inbox, self.twilio_post)
        self.replies = TwilioReplies(settings, self.clock, self.inbox, self.texts, self.twilio_post)
        self.mail_rate = SendGridRate(settings.sendgrid_limit, self.clock)
        self.text_rate = TwilioRate(settings.twilio_limit)
        self._closing = asyncio.Event()

    def take(self, draft: MessageDraft) -> Message:
        return self.inbox.add(draft, arrived_at=self.clock.now(), taken_at=self.clock.wall())

    async def log_request(self, vendor: str, request: Request) -> None:
        path = request.url.path.removeprefix(f"/{vendor}")
        self.inbox.requests.append(
            TakenRequest(
                vendor,
                request.method,
                path,
                request.headers,
                await request.body(),
                request.url.query,
            )
        )

    async def through_faults(
        self, call: Call, error_body: ErrorBody, handle: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Answer by `handle`, unless a planned fault strikes before or after it."""
        fault = self.faults.take(call)
        if fault is None:
            return await handle()
        if fault.when is Moment.BEFORE:
            return await self._strike(fault, error_body) or await handle()
        response = await handle()
        return await self._strike(fault, error_body, response) or response

    async def _strike(
        self, fault: Fault, error_body: ErrorBody, made: Response | None = None
    ) -> Response | None:
        """What the client gets instead of `made`, the vendor's own answer if it acted already."""
        await self._pause(fault.delay_s)
        match fault.kind:
            case FaultKind.DELAY:
                return None
            case FaultKind.DROP:
                return DroppedConnection(reset=fault.reset)
            case FaultKind.STATUS:
                return JSONResponse(error_body(fault.status), fault.status, fault.headers)
            case FaultKind.HTML:
                return HTMLResponse(_PAGE, fault.status, fault.headers)
            case FaultKind.BAD_JSON:
                return Response(_BAD_JSON, fault.status, fault.headers, "application/json")
            case FaultKind.TRUNCATED:
                whole = made or JSONResponse(error_body(fault.status), fault.status)
                return TruncatedAnswer(whole)

    async def _pause(self, seconds: float) -> None:
        """Wait, but let the server stop at once when it is told to."""
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def reset(self) -> None:
        """Forget everything but the settings."""
        await self.webhooks.reset()
        await self.courier.reset()
        self.mail_events.clear()
        self.callbacks.clear()
        self.mail_rate.set(self.settings.sendgrid_limit)
        self.text_rate.limit = self.settings.twilio_limit
        self.clock.set(None)
        self.inbox.clear()
        self.faults.clear()
        self.texts.clear()
        self.devices.clear()
        self.ledger.clear()
        self.card_pages = CardPages(active=self.settings.revtain_vault)

    async def close(self) -> None:
        self._closing.set()
        await self.webhooks.close()
        await self.courier.close()


def _world_of(request: Request) -> SandboxWorld:
    world: SandboxWorld = request.app.state.world
    return world


World = Annotated[SandboxWorld, Depends(_world_of)]
