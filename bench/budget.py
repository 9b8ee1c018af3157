"""What does one recovered case of four messages cost in Temporal: events of history, and actions?

On a dev server that skips no time, with a policy of seconds. The bare case beside it does the
least that any code could: four activities, four timers and two signals.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from app import doors, temporal, wiring
from app.doors import Door
from app.embedded.temporal import TemporalDevServer
from app.settings import Settings, load
from app.wiring import Desks
from app.worker import workers
from bench import bare_case, events
from bench.rows import Row
from bench.servers import CACHE, SECRET, BenchError, Servers, until
from bench.size import Size
from dunning import ids
from dunning.policy import Policy, parse_policy
from dunning.registration import InvoiceRegistration
from sandbox.control import Sandbox
from store.message_records import MessageStatus
from webhook.intake import Answer
from workflows.client import CaseClient
from workflows.contracts import SEARCH_ATTRIBUTES

MOST_EVENTS, MOST_ACTIONS = 70, 15
_NUDGES = 4
_PAUSES = (1.5, 5.0)
_LONGER_THAN_A_PAUSE = timedelta(minutes=1)
_TEMPLATE = "reminder"
_PATIENCE_SECONDS = 40.0
_QUIET_LOOKS = 5
_ACTION = re.compile(r'^action\{[^}]*namespace="default"[^}]*\} (\d+)', re.MULTILINE)


Case = WorkflowHandle[Any, Any]
Action = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Events in the history of one case, and what Temporal counts as its actions."""

    events: int
    actions: int


async def budget(servers: Servers, size: Size) -> list[Row]:
    """Both costs, on a dev server of their own."""
    del size
    database = await servers.database("budget", 0)
    async with dev_server() as server:
        bare, ours = await of_a_bare_case(server), await of_a_case(server, database.url)
    return [
        _row("events in the history of a recovered case", ours.events, bare.events, MOST_EVENTS),
        _row("Temporal actions of a recovered case", ours.actions, bare.actions, MOST_ACTIONS),
    ]


def _row(what: str, ours: int, bare: int, most: int) -> Row:
    return Row(
        what=what,
        unit="",
        ours=ours,
        yardstick=bare,
        bound="at most",
        limit=most,
        absolute=True,
    )


@asynccontextmanager
async def dev_server() -> AsyncGenerator[TemporalDevServer]:
    """A dev server that skips no time: skipping would add events of its own."""
    async with TemporalDevServer.start(
        CACHE / "bin" / "temporal",
        ui_port=0,
        time_skipping=False,
        search_attributes=SEARCH_ATTRIBUTES,
    ) as server:
        yield server


async def of_a_case(server: TemporalDevServer, database_url: str) -> Cost:
    """A failure, four messages seconds apart, and the money while the fifth timer runs.

    On a machine so busy that a message is overtaken by the next, once more with longer pauses.
    """
    for number, pause in enumerate(_PAUSES):
        cost = await _of_a_case(server, database_url, number, pause)
        if cost is not None:
            return cost
    raise BenchError(f"this machine is too busy to send messages {_PAUSES[-1]:.0f} seconds apart")


async def _of_a_case(
    server: TemporalDevServer, database_url: str, number: int, pause: float
) -> Cost | None:
    async with Sandbox.start() as sandbox:
        settings = _settings(database_url, sandbox)
        stores = wiring.stores(settings)
        client = await temporal.connect(server.address)
        door = doors.door(settings, stores, CaseClient(client))
        invoice_id = events.invoice_id(number)
        await stores.registry.put_invoice(invoice_id, _invoice(number))
        async with wiring.desks(settings, stores) as desks, workers(client, _hasty(desks, pause)):
            dispatching = asyncio.create_task(door.dispatcher.run())
            case = client.get_workflow_handle(ids.workflow_id(invoice_id, 1))
            cost = await _measured(
                server,
                case,
                fail=lambda: _deliver(door, events.failure(number)),
                recover=lambda: _deliver(door, events.success(number)),
            )
            door.dispatcher.stop()
            await dispatching
            messages = await stores.ledger.messages(case.id)
        await stores.database.aclose()
    sent = [m for m in messages if m.status is MessageStatus.SENT and m.template == _TEMPLATE]
    return cost if len(sent) == _NUDGES else None


async def of_a_bare_case(server: TemporalDevServer) -> Cost:
    """The same course of events with the bare SDK."""
    client = await Client.connect(server.address)
    case = client.get_workflow_handle("bare")

    async def fail() -> None:
        pauses = [1.0] * (_NUDGES - 1)
        await client.start_workflow(
            bare_case.WORKFLOW,
            [*pauses, 3600.0],
            id=case.id,
            task_queue=bare_case.QUEUE,
            start_signal=bare_case.FAILED,
        )

    async with Worker(
        client,
        task_queue=bare_case.QUEUE,
        workflows=[bare_case.BareWorkflow],
        activities=[bare_case.nothing],
    ):
        return await _measured(
            server, case, fail=fail, recover=lambda: case.signal(bare_case.RECOVERED)
        )


async def _measured(
    server: TemporalDevServer, case: Case, *, fail: Action, recover: Action
) -> Cost:
    before = await _settled_actions(server)
    await fail()
    await until(lambda: _waits_at_the_end(case), seconds=_PATIENCE_SECONDS)
    await recover()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await case.result()
    history = await case.fetch_history()
    return Cost(events=len(history.events), actions=await _settled_actions(server) - before)


async def _waits_at_the_end(case: Case) -> bool:
    """Whether all messages are sent and the timer after them runs."""
    try:
        history = await case.fetch_history()
    except RPCError:
        return False
    last = history.events[-1]
    started = last.HasField("timer_started_event_attributes")
    timer = last.timer_started_event_attributes.start_to_fire_timeout
    return started and timer.ToTimedelta() > _LONGER_THAN_A_PAUSE


async def _settled_actions(server: TemporalDevServer) -> int:
    """The counter once it moves no more; the server hands it out with a delay."""
    last, quiet = -1, 0

    async def settled() -> bool:
        nonlocal last, quiet
        now = await _actions(server)
        last, quiet = now, quiet + 1 if now == last else 0
        return quiet >= _QUIET_LOOKS

    await until(settled, seconds=_PATIENCE_SECONDS)
    return last


async def _actions(server: TemporalDevServer) -> int:
    async with aiohttp.ClientSession() as http, http.get(server.metrics_url) as answer:
        text = await answer.text()
    return sum(int(found[1]) for found in _ACTION.finditer(text))


async def _deliver(door: Door, body: bytes) -> None:
    answer = await door.intake.accept(body, events.signature(body, SECRET))
    if answer is not Answer.RECEIVED:
        raise BenchError(f"an event was answered with {answer.name}")


def _settings(database_url: str, sandbox: Sandbox) -> Settings:
    return load(
        {
            "DUNNING_DATABASE_URL": database_url,
            "DUNNING_SECRET_KEY": "bench-secret-key-0123456789abcdef",
            "DUNNING_EMAIL_FROM": "billing@merchant.example",
            "REVTAIN_WEBHOOK_SECRET": SECRET,
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_BASE_URL": sandbox.sendgrid_url,
        }
    )


def _hasty(desks: Desks, pause: float) -> Desks:
    """The same activities under a policy of seconds, which no policy file could express."""
    desks.case.opening.policies.current = _policy(pause)
    return desks


def _policy(pause: float) -> Policy:
    always = {"opens": "00:00", "closes": "24:00"}
    steps = [
        {
            "id": f"step-{number}",
            "channel": "email",
            "template": _TEMPLATE,
            "after": timedelta(seconds=number * pause),
        }
        for number in range(1, _NUDGES + 1)
    ]
    return parse_policy(
        {
            "version": 1,
            "brand": {"name": "Bench", "support_email": "billing@merchant.example"},
            "windows": {"email": always, "sms": always},
            "spacing": timedelta(milliseconds=1),
            "campaigns": [{"name": "hasty", "length": "30d", "steps": steps}],
        }
    )


def _invoice(number: int) -> InvoiceRegistration:
    return InvoiceRegistration.model_validate(
        {
            "amount_due": 4900,
            "currency": "USD",
            "customer": {"id": "cus-0", "email": "ada@customer.example"},
            "revtain": {"transaction_ids": [events.transaction_id(number)]},
        }
    )
