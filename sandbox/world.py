"""What does a running sandbox hold, and what happens to a request that meets a fault?"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request
from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from sandbox.clock import SandboxClock
from sandbox.faults import Call, Fault, FaultKind, Faults, Moment
from sandbox.fcm_tokens import FcmDevices
from sandbox.inbox import Inbox, Message, MessageDraft, TakenRequest
from sandbox.revtain_ledger import RevtainLedger
from sandbox.revtain_webhooks import RevtainWebhooks
from sandbox.settings import SandboxSettings
from sandbox.transport import DroppedConnection
from sandbox.twilio_texts import TwilioTexts

ErrorBody = Callable[[int], Mapping[str, JsonValue]]


class SandboxWorld:
    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = SandboxClock()
        self.inbox = Inbox()
        self.faults = Faults()
        self.texts = TwilioTexts()
        self.devices = FcmDevices()
        self.ledger = RevtainLedger()
        self.webhooks = RevtainWebhooks(settings, self.clock)
        self._closing = asyncio.Event()

    def take(self, draft: MessageDraft) -> Message:
        return self.inbox.add(draft, arrived_at=self.clock.now(), taken_at=self.clock.wall())

    async def log_request(self, vendor: str, request: Request) -> None:
        path = request.url.path.removeprefix(f"/{vendor}")
        self.inbox.requests.append(
            TakenRequest(vendor, request.method, path, request.headers, await request.body())
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
        return await self._strike(fault, error_body) or response

    async def _strike(self, fault: Fault, error_body: ErrorBody) -> Response | None:
        await self._pause(fault.delay_s)
        if fault.kind is FaultKind.DROP:
            return DroppedConnection(reset=fault.reset)
        if fault.kind is FaultKind.STATUS:
            return JSONResponse(error_body(fault.status), fault.status, fault.headers)
        return None

    async def _pause(self, seconds: float) -> None:
        """Wait, but let the server stop at once when it is told to."""
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def reset(self) -> None:
        """Forget everything but the settings."""
        await self.webhooks.reset()
        self.clock.set(None)
        self.inbox.clear()
        self.faults.clear()
        self.texts.clear()
        self.devices.clear()
        self.ledger.clear()

    async def close(self) -> None:
        self._closing.set()
        await self.webhooks.close()


def _world_of(request: Request) -> SandboxWorld:
    world: SandboxWorld = request.app.state.world
    return world


World = Annotated[SandboxWorld, Depends(_world_of)]
