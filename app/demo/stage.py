"""How is a month played in seconds? The whole product on one stage, with a clock that moves.

Everything is real: PostgreSQL, Temporal, HTTP, the vendors' own libraries. Only the vendors are
stand-ins, and only the cases' clocks are moved, all of them together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import JsonValue
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from app import clock, running, temporal, wiring
from app.demo.case_clock import SkippingClock
from app.embedded.process import free_port
from app.settings import Settings, load
from app.wiring import Stores
from app.worker import workers
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from store.cases import CaseRecord
from store.inbox import EventStatus
from workflows.client import CaseClient

SECRET = "whsec_stage_0123456789abcdef"  # noqa: S105 (a stage has no secrets)
_TWILIO_TOKEN = "stage"  # noqa: S105 (nor has its Twilio)
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.02
# Between an event and its case there is a moment in which neither is busy.
_QUIET_LOOKS = 2
# Time skipping tells that an instant was reached, not that the work due then is done.
_OVERSHOOT = timedelta(seconds=1)
_OFFERED = SandboxSettings(
    webhook_secret=SECRET,
    twilio_auth_token=_TWILIO_TOKEN,
    twilio_reports=False,
    time_factor=0.01,
)
_SCOPES = ("invoices:read", "invoices:write", "cases:read", "cases:write")
_GONE = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION})


class NotSettledError(Exception):
    """Work did not come to rest in time; the text says what was still under way."""


def settings_for(database_url: str, sandbox: Sandbox, **more: str) -> Settings:
    """Settings of a program whose vendors are the sandbox."""
    port = str(free_port())
    return load(
        {
            "DUNNING_DATABASE_URL": database_url,
            "DUNNING_SECRET_KEY": "stage-secret-key-0123456789abcdef",
            "DUNNING_EMAIL_FROM": "billing@example.com",
            "DUNNING_PORT": port,
            "DUNNING_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "REVTAIN_WEBHOOK_SECRET": SECRET,
            "REVTAIN_BASE_URL": sandbox.revtain_url,
            "SENDGRID_API_KEY": "SG.stage",
            "SENDGRID_BASE_URL": sandbox.sendgrid_url,
            "SENDGRID_WEBHOOK_PUBLIC_KEY": sandbox.sendgrid.event_public_key,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": _TWILIO_TOKEN,
            "TWILIO_FROM": "+15005550006",
            "TWILIO_BASE_URL": sandbox.twilio_url,
            **more,
        }
    )


@dataclass(slots=True, kw_only=True)
class Stage:
    """The running product, seen as its users see it, and a clock to move."""

    url: str
    sandbox: Sandbox
    settings: Settings
    stores: Stores
    client: Client
    cases: CaseClient
    skipper: TimeSkipper
    http: aiohttp.ClientSession
    temporal_ui: str | None
    now: datetime
    _retries: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _ended: set[str] = field(default_factory=set[str])

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database_url: str,
        temporal_address: str,
        *,
        temporal_ui: str | None = None,
        work: bool = True,
        reports: bool = False,
        **more: str,
    ) -> AsyncGenerator[Stage]:
        """Start sandbox, web and worker on a migrated database and a dev server.

        With `reports`, the vendors say by themselves what becomes of each message.
        """
        async with AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(Sandbox.start(_OFFERED))
            settings = settings_for(database_url, sandbox, **more)
            stores = wiring.stores(settings)
            stack.push_async_callback(stores.database.aclose)
            client = await temporal.connect(temporal_address)
            await temporal.set_up(client)
            skipping = await temporal.connect(temporal_address)
            serving = running.web(settings, stores, client, case_clock=SkippingClock(skipping))
            url = await stack.enter_async_context(serving)
            sandbox.revtain.send_to(f"{url}/webhooks/revtain", SECRET)
            sandbox.serve_at(settings.public_url, url)
            sandbox.twilio.send_replies_to(f"{settings.public_url}/webhooks/twilio/inbound")
            key = await stores.keys.add("stage", _SCOPES)
            http = aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"})
            await stack.enter_async_context(http)
            stage = cls(
                url=url,
                sandbox=sandbox,
                settings=settings,
                stores=stores,
                client=client,
                cases=CaseClient(client),
                skipper=TimeSkipper(skipping),
                http=http,
                temporal_ui=temporal_ui,
                now=clock.now(),
            )
            if reports:
                stage.hear_reports()
            if work:
                await stack.enter_async_context(stage.working())
            yield stage

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """A worker process of its own, in this program."""
        async with (
            wiring.desks(self.settings, self.stores) as desks,
            workers(self.client, desks),
        ):
            yield

    def hear_reports(self) -> None:
        """Let the vendors report by themselves on each message from now on; `settle` awaits it."""
        self.sandbox.sendgrid.send_events_to(f"{self.settings.public_url}/webhooks/sendgrid")
        self.sandbox.twilio.report_statuses()

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Speak to the HTTP interface as the merchant does; status and JSON."""
        async with self.http.request(method, path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def register(self, invoice_id: str, **fields: object) -> None:
        """Register an invoice; anything but success is an error of the script."""
        status, body = await self.call("PUT", f"/v1/invoices/{invoice_id}", fields)
        if status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise NotSettledError(f"PUT {invoice_id} was answered {status}: {body}")

    async def order(self, invoice_id: str, order: str, **fields: object) -> Any:
        """Give an operator's order; anything but success is an error of the script."""
        status, body = await self.call("POST", f"/v1/cases/{invoice_id}/{order}", fields)
        if status != HTTPStatus.OK:
            raise NotSettledError(f"{order} {invoice_id} was answered {status}: {body}")
        return body

    async def fire(self, event: str, transaction_id: str, **fields: JsonValue) -> None:
        """Let the recovery service send an event, and wait until all is at rest again."""
        given = {name: value for name, value in fields.items() if value is not None}
        body = {"event": event, "revtainTransactionId": transaction_id, **given}
        await self.sandbox.revtain.fire(body)
        await self.settle()

    async def show(self, invoice_id: str) -> Any:
        """The invoice with its case, as the HTTP interface gives it."""
        _, body = await self.call("GET", f"/v1/invoices/{invoice_id}")
        return body

    async def advance(self, by: timedelta) -> None:
        """Let time pass for all open cases together, stopping wherever one of them is due."""
        await self.advance_to(self.now + by)

    async def advance_to(self, end: datetime) -> None:
        """Move every open case to `end`, in the order in which their instants come."""
        await self.settle()
        while self.now < end:
            wakes = {c.workflow_id: c.next_at for c in await self._going_on()} | self._retries
            ahead = [at for at in wakes.values() if at is not None and at > self.now]
            target = min([end, *(at + _OVERSHOOT for at in ahead)])
            self.sandbox.clock.set(target)
            # Who is not due sleeps on until the end: nothing happens to them on the way.
            moved = {w for w, at in wakes.items() if target == end or (at and at <= target)}
            async with asyncio.TaskGroup() as group:
                for workflow_id in moved:
                    group.create_task(self._move(workflow_id, target))
            self.now = target
            told = self.sandbox.told
            await self.settle(moved)
            if self.sandbox.told != told:
                # What is reported of one case may concern others of its customer.
                await self.settle()

    async def _move(self, workflow_id: str, target: datetime) -> None:
        handle = self.client.get_workflow_handle(workflow_id)
        try:
            own = await self.skipper.get_current_time(handle)
            if target > own:
                await self.skipper.fast_forward(handle, target - own)
        except RPCError as fault:
            if fault.status not in _GONE and "already completed" not in str(fault):
                raise

    async def _going_on(self) -> list[CaseRecord]:
        """Open cases, and closed ones that still owe a receipt."""
        found = await self.stores.cases.find(limit=1000)
        return [c for c in found if c.closed_at is None or c.next_at is not None]

    async def settle(self, among: Collection[str] | None = None) -> None:
        """Wait until every report and event is dispatched and no case (of these) is busy.

        Work that waits for its next attempt is at rest: `advance_to` moves on to that attempt.
        """
        reason: str | None = "nothing was looked at"
        quiet = 0
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while quiet < _QUIET_LOOKS:
                    reason = await self._unrest(among)
                    quiet = 0 if reason else quiet + 1
                    await asyncio.sleep(_LOOK_SECONDS if reason else 0)
        except TimeoutError:
            raise NotSettledError(f"still under way: {reason}") from None

    async def _unrest(self, among: Collection[str] | None) -> str | None:
        if self.sandbox.untold:
            return f"{self.sandbox.untold} reports"
        counts = await self.stores.inbox.counts()
        if counts.get(EventStatus.PENDING):
            return f"{counts[EventStatus.PENDING]} events"
        if await self.stores.inbox.oldest_due() is not None:
            return "a parked event that may be placed now"
        cases = {c.workflow_id for c in await self.stores.cases.find(limit=1000)} - self._ended
        for workflow_id in cases if among is None else cases.intersection(among):
            if look := await self._busy(workflow_id):
                return look
        return None

    async def _busy(self, workflow_id: str) -> str | None:
        self._retries.pop(workflow_id, None)
        try:
            found = await self.client.get_workflow_handle(workflow_id).describe()
        except RPCError as fault:
            return None if fault.status is RPCStatusCode.NOT_FOUND else str(fault)
        if found.status is not WorkflowExecutionStatus.RUNNING:
            self._ended.add(workflow_id)
            return None
        raw = found.raw_description
        for activity in raw.pending_activities:
            if not activity.HasField("next_attempt_schedule_time"):
                return f"{workflow_id}: {activity.activity_type.name}"
            self._retries[workflow_id] = activity.next_attempt_schedule_time.ToDatetime(UTC)
        if raw.HasField("pending_workflow_task"):
            return f"{workflow_id}: a workflow task"
        return None

    async def end_all(self) -> None:
        """Terminate what still runs, so that the next stage on this server starts clean."""
        for case in await self._going_on():
            try:
                await self.client.get_workflow_handle(case.workflow_id).terminate()
            except RPCError:
                continue
