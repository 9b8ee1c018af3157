"""Is a message ever sent twice when a worker breaks down between reserving and recording it?"""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from sqlalchemy import text
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.failures import INTERNAL_FAULT
from activities.nudge import Nudger
from app import wiring
from app.demo.stage import SECRET, Stage, settings_for
from app.embedded.temporal import TemporalDevServer
from app.wiring import Stores
from dunning.ports import Accepted, TextMessage, TextSender
from dunning.registration import InvoiceRegistration
from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from store.errors import DatabaseDownError
from store.inbox import EventStatus
from tests.cli.conftest import Role, started
from tests.stories.dying import BrokenDownError, DyingEmail, DyingLedger
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import FIRST, REMINDER, TEXT
from tests.stories.workers import given, working

_ALL = (f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}")
_LOST_EMAIL = "first: unknown, no answer from the vendor"
_LOST_TEXT = "text: unknown, no answer from the vendor"


@dataclass(slots=True)
class _DyingText:
    """Breaks down before its first text is handed over."""

    vendor: TextSender
    died: bool = False

    async def send(self, message: TextMessage) -> Accepted:
        if not self.died:
            self.died = True
            raise BrokenDownError
        return await self.vendor.send(message)

    async def find(self, *, recipient: str, body_digest: str, since: datetime) -> Accepted | None:
        return await self.vendor.find(recipient=recipient, body_digest=body_digest, since=since)


def _dies_before_the_send(nudger: Nudger) -> Nudger:
    assert nudger.postbox.text is not None
    postbox = replace(
        nudger.postbox,
        email=DyingEmail(nudger.postbox.email),
        text=_DyingText(nudger.postbox.text),
    )
    return replace(nudger, postbox=postbox)


async def test_a_worker_that_dies_before_a_send_leaves_it_unknown(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with working(idle, _dies_before_the_send):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(7)
        assert await ada.told() == Told(
            inbox=(f"day 4: {REMINDER}",), held=(_LOST_EMAIL, _LOST_TEXT), standing="waiting"
        )
        case = await ada.case()
        history = await idle.client.get_workflow_handle(case["workflow_id"]).fetch_history()
        assert INTERNAL_FAULT in history.to_json()
        assert ada.email not in history.to_json()


async def test_a_worker_that_dies_after_a_send_finds_the_text_and_gives_the_emails_up(
    idle: Stage,
) -> None:
    tell = Teller.of(idle)
    async with working(idle, lambda nudger: _with_ledger(idle, nudger, BrokenDownError())):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(7)
        assert await ada.told() == Told(
            inbox=_ALL,
            held=(_LOST_EMAIL, "second: unknown, no answer from the vendor"),
            standing="waiting",
        )


async def test_a_database_that_is_away_for_a_moment_costs_no_record(idle: Stage) -> None:
    tell, away = Teller.of(idle), DatabaseDownError("PostgreSQL cannot be reached")
    async with working(idle, lambda nudger: _with_ledger(idle, nudger, away)):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(0)
        assert await ada.told() == Told(inbox=_ALL[:1], standing="waiting")


def _with_ledger(stage: Stage, nudger: Nudger, fault: Exception) -> Nudger:
    ledger = DyingLedger(stage.stores.database, stage.settings.token_key, fault)
    return replace(nudger, ledger=ledger)


async def test_a_worker_process_killed_while_the_vendor_answers_sends_nothing_twice(
    idle: Stage, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    tell = Teller.of(idle)
    ada = await tell.invoice()
    environment = {
        **given(idle.settings),
        "TEMPORAL_ADDRESS": temporal.address,
        "DUNNING_REPORT_WAIT": "0",
    }
    async with started(tmp_path, "worker", **environment) as worker:
        await worker.until('"working"')
        await ada.fails()
        case = await ada.case()
        due = datetime.fromisoformat(case["next_at"])
        hesitates = Fault(kind=FaultKind.DELAY, when=Moment.AFTER, delay_s=30)
        idle.sandbox.faults.plan(Vendor.SENDGRID, hesitates)
        idle.sandbox.clock.set(due)
        handle = idle.client.get_workflow_handle(case["workflow_id"])
        # Time stands still while an activity runs, so the move itself is not waited for.
        moving = asyncio.create_task(idle.skipper.fast_forward(handle, due - idle.now + _LATER))
        await eventually(lambda: _arrived(idle), within=30)
        moving.cancel()
        killed = await worker.end(signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert await rows(idle, "SELECT status FROM messages WHERE step LIKE '%first'") == [
        {"status": "reserved"}
    ]

    async with started(tmp_path, "worker", **environment) as worker:
        await worker.until('"working"')
        lost = "SELECT status FROM messages WHERE status = 'unknown'"
        await eventually(lambda: rows(idle, lost), within=75)
        # Temporal may have handed the next task to the dead worker, which must first be missed.
        await eventually(lambda: _at_rest(handle), within=30)
        await tell.day(5)
        assert await ada.told() == Told(inbox=_ALL[:2], held=(_LOST_EMAIL,), standing="waiting")


async def test_an_event_taken_by_a_web_process_that_is_killed_is_dispatched_by_the_next(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    """The process dies in the middle of dispatching: it waits for a table that we hold."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox.start())
        settings = settings_for(database_url, sandbox)
        environment = {**given(settings), "TEMPORAL_ADDRESS": temporal.address}
        stores = wiring.stores(settings)
        stack.push_async_callback(stores.database.aclose)
        await stores.registry.put_invoice("INV-killed", _INVOICE)
        client = await Client.connect(temporal.address)
        async with started(tmp_path, "web", **environment) as web:
            sandbox.revtain.send_to(await _webhook(web), SECRET)
            async with stores.database.begin() as connection:
                await connection.execute(text("LOCK TABLE cases IN SHARE MODE"))
                (delivery,) = await sandbox.revtain.fire(_FAILED)
                assert [attempt.status for attempt in delivery.attempts] == [200]
                await eventually(lambda: _claimed(stores))
                await web.end(signal.SIGKILL)
        handle = client.get_workflow_handle("dunning:INV-killed:1")
        with pytest.raises(RPCError, match="not found"):
            await handle.describe()
        async with stores.database.single() as connection:
            # What two minutes do: the lease of the dead process ends.
            await connection.execute(text("UPDATE events SET leased_until = now()"))

        async with started(tmp_path, "web", **environment) as web:
            await _webhook(web)
            await eventually(lambda: _done(stores), within=30)
            (event,) = await stores.inbox.find_events()
            assert (event.invoice_id, event.note) == ("INV-killed", "case dunning:INV-killed:1")
            signals = [e async for e in handle.fetch_history_events() if _is_signal(e)]
            assert len(signals) == 1
            await handle.terminate()
            assert (await web.end()).code == 0


_FAILED: dict[str, JsonValue] = {
    "event": "recovery.failed",
    "revtainTransactionId": "txn-killed",
    "recommendedAction": "request_card_update",
}
_INVOICE = InvoiceRegistration.model_validate(
    {
        "amount_due": 4900,
        "currency": "USD",
        "customer": {"id": "cus-killed", "email": "ada@example.com"},
        "revtain": {"transaction_ids": ["txn-killed"]},
    }
)


async def _webhook(web: Role) -> str:
    """Where the process takes events, once it serves."""
    url = json.loads(await web.until('"serving"'))["url"]
    return f"{url}/webhooks/revtain"


async def _claimed(stores: Stores) -> bool:
    query = text("SELECT count(*) FROM events WHERE leased_until IS NOT NULL")
    async with stores.database.single() as connection:
        return bool(await connection.scalar(query))


async def _done(stores: Stores) -> bool:
    return (await stores.inbox.counts())[EventStatus.DONE] == 1


def _is_signal(event: HistoryEvent) -> bool:
    return event.HasField("workflow_execution_signaled_event_attributes")


async def _at_rest(handle: WorkflowHandle[Any, Any]) -> bool:
    raw = (await handle.describe()).raw_description
    return not (raw.pending_activities or raw.HasField("pending_workflow_task"))


_LATER = timedelta(minutes=1)


async def _arrived(stage: Stage) -> bool:
    return len(stage.sandbox.messages) == 1
