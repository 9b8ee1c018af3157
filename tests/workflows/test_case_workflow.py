"""Does the workflow carry out what the rule book says, on a real server?"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from app import temporal
from app.embedded.temporal import TemporalDevServer
from app.worker import runner
from dunning.advice import Advice
from dunning.events import Failed, Recovered
from dunning.orders import Decide, Decision, Extend, Order, Pause, SendNow, Skip
from dunning.states import Cause
from tests.workflows.scripted import ScriptedCase, ScriptedNudges
from workflows import contracts
from workflows.case import CaseWorkflow
from workflows.client import CaseClient, Opened
from workflows.contracts import BulkOrder, CaseInput, CaseResult
from workflows.errors import OrderRefusedError

_numbers = itertools.count(1)
FAILED = Failed(id="e1", advice=Advice.REQUEST_CARD_UPDATE, transaction_id="t1")
PAID = Recovered(id="e2", cause=Cause.REVTAIN_RETRY)


@dataclass(slots=True, kw_only=True)
class Trial:
    """One case on the server, and the script of its world."""

    client: Client
    cases: CaseClient
    skipper: TimeSkipper
    id: str
    desk: ScriptedCase
    nudges: ScriptedNudges

    @property
    def handle(self) -> WorkflowHandle[CaseWorkflow, CaseResult]:
        return self.client.get_workflow_handle_for(CaseWorkflow.run, self.id)

    async def begin(self, failed: Failed = FAILED) -> None:
        assert await self.cases.open(self.id, self.input, failed) is Opened.RUNNING
        await self.until("monthly.first" if failed.advice.writes else None)

    @property
    def input(self) -> CaseInput:
        return CaseInput(invoice_id=self.id.split(":")[1], cycle=1)

    async def until(self, step: str | None) -> None:
        """Wait until the case has been opened and considers this step next."""
        async with asyncio.timeout(10):
            while (snapshot := await self.snapshot()).state == "opening" or (
                snapshot.next_step != step
            ):
                await asyncio.sleep(0.02)

    async def snapshot(self) -> contracts.Snapshot:
        return await self.handle.query(CaseWorkflow.snapshot)

    async def forward(self, **by: float) -> None:
        await self.skipper.fast_forward(self.handle, timedelta(**by))

    async def order(self, order: Order) -> contracts.Snapshot:
        return await self.cases.order(self.id, order, request_id=None)


@asynccontextmanager
async def _trial(server: TemporalDevServer, cached: int) -> AsyncGenerator[Trial]:
    client = await temporal.connect(server.address)
    await temporal.set_up(client)
    desk, nudges = ScriptedCase(), ScriptedNudges()
    cases = Worker(
        client,
        task_queue=contracts.QUEUE,
        workflows=[CaseWorkflow],
        activities=[desk.open_case, desk.project_case, desk.close_case],
        workflow_runner=runner(),
        max_cached_workflows=cached,
    )
    emails = Worker(client, task_queue=contracts.EMAIL_QUEUE, activities=[nudges.nudge])
    trial = Trial(
        client=client,
        cases=CaseClient(client),
        skipper=TimeSkipper(await temporal.connect(server.address)),
        id=f"dunning:TRIAL-{next(_numbers)}:1",
        desk=desk,
        nudges=nudges,
    )
    async with cases, emails:
        yield trial
        if nudges.hanging is not None:
            nudges.hanging.set()


@pytest.fixture
async def trial(temporal: TemporalDevServer) -> AsyncGenerator[Trial]:
    async with _trial(temporal, cached=100) as opened:
        yield opened


async def test_a_success_closes_the_case_while_a_nudge_hangs(trial: Trial) -> None:
    trial.nudges.hanging = asyncio.Event()
    await trial.begin()
    moving = asyncio.create_task(trial.forward(hours=3))
    await asyncio.wait_for(trial.nudges.begun.wait(), 10)

    assert await trial.cases.tell(trial.id, PAID)

    result = await asyncio.wait_for(trial.handle.result(), 1)
    assert (result.outcome, result.cause) == ("recovered", "revtain_retry")
    assert [case.closed_at is not None for case in trial.desk.closed] == [True]
    moving.cancel()


async def test_the_same_event_twice_is_heard_once(trial: Trial) -> None:
    await trial.begin(Failed(id="e1", advice=Advice.MONITOR))
    stronger = Failed(id="e1", advice=Advice.BLOCKED)
    assert await trial.cases.tell(trial.id, stronger)
    assert (await trial.snapshot()).state == "watching"

    other = Failed(id="e3", advice=Advice.BLOCKED)
    assert await trial.cases.tell(trial.id, other)
    assert (await trial.snapshot()).state == "review"


REFUSED: list[tuple[Order, str]] = [
    (Decide(decision=Decision.STOP), "decide is not possible while the case is waiting"),
    (Skip(step="monthly.tenth"), "the case has no step monthly.tenth"),
    (Extend(days=0), "0 days is not possible"),
]


@pytest.mark.parametrize(("order", "reason"), REFUSED)
async def test_an_order_that_cannot_be_carried_out_says_why(
    trial: Trial, order: Order, reason: str
) -> None:
    await trial.begin()
    before = await trial.snapshot()
    with pytest.raises(OrderRefusedError, match=reason):
        await trial.order(order)
    assert await trial.snapshot() == before


async def test_an_order_in_bulk_changes_what_it_can_and_nothing_else(trial: Trial) -> None:
    await trial.begin()
    pause = BulkOrder(id="bulk-1", order=Pause())
    await trial.handle.signal(CaseWorkflow.order_in_bulk, pause)
    assert (await trial.snapshot()).state == "paused"

    send = BulkOrder(id="bulk-2", order=SendNow(step="monthly.first"))
    await trial.handle.signal(CaseWorkflow.order_in_bulk, send)
    assert (await trial.snapshot()).state == "paused"
    assert trial.nudges.sent == []


async def test_a_failure_for_an_ended_run_is_told_so(trial: Trial) -> None:
    await trial.begin()
    assert await trial.cases.tell(trial.id, PAID)
    await trial.handle.result()

    again = Failed(id="e9", advice=Advice.BLOCKED)
    assert await trial.cases.open(trial.id, trial.input, again) is Opened.CLOSED
    assert not await trial.cases.tell(trial.id, again)
    assert not await trial.cases.running(trial.id)


async def test_a_cancelled_run_writes_its_end_down(trial: Trial) -> None:
    await trial.begin()
    await trial.handle.cancel()
    result = await asyncio.wait_for(trial.handle.result(), 10)
    assert (result.outcome, result.cause) == ("stopped", None)
    assert [case.outcome for case in trial.desk.closed] == ["stopped"]


async def test_a_case_that_is_replayed_at_every_step_goes_the_same_way(
    temporal: TemporalDevServer,
) -> None:
    """Without a cache every task replays the whole history: a finder of non-determinism."""
    async with _trial(temporal, cached=0) as trial:
        await trial.begin()
        await trial.forward(days=40)
        result = await asyncio.wait_for(trial.handle.result(), 20)
        assert result.outcome == "written_off"
        assert trial.nudges.sent == [
            "monthly.first",
            "monthly.second",
            "monthly.third",
            "monthly.final",
        ]
