"""Does a case survive a history that became too long for one run?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.testing import WorkflowEnvironment

from app.converter import DATA_CONVERTER
from app.embedded.temporal import TIME_SKIPPING_SETTINGS
from dunning.events import Deferred, NudgeResult, Sent
from dunning.orders import Extend, Skip
from dunning.states import Cause, Outcome
from tests.rules.builders import failed, recovered
from tests.workflows.conftest import Theatre
from tests.workflows.scripted import Script
from workflows import contracts
from workflows.contracts import BulkOrder, CaseResult, NudgeInput, Snapshot

_MANY_RUNS = 3
_LONGEST = {"limit.historyCount.suggestContinueAsNew": "40"}


@pytest.fixture
async def impatient(temporal_cli: Path) -> AsyncGenerator[Theatre]:
    """A server that finds forty events a long history."""
    settings = TIME_SKIPPING_SETTINGS | _LONGEST
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=str(temporal_cli),
        dev_server_log_level="error",
        dev_server_extra_args=[
            part
            for name, value in settings.items()
            for part in ("--dynamic-config-value", f"{name}={value}")
        ],
        search_attributes=contracts.SEARCH_ATTRIBUTES,
    ) as server:
        yield Theatre(server.client)


async def test_a_long_case_goes_on_in_a_new_run_with_everything_it_knows(
    impatient: Theatre,
) -> None:
    script = Script()
    async with impatient.plays(script) as run:
        await run.fails()
        first_run = (await run.handle.describe()).run_id
        skip = BulkOrder(id="skip-text", order=Skip(step="text"))
        await run.handle.signal(contracts.ORDER_IN_BULK, skip)
        extend = BulkOrder(id="extend", order=Extend(days=1))
        await run.handle.signal(contracts.ORDER_IN_BULK, extend)
        for number in range(40):
            await run.cases.tell(run.id, failed(transaction=f"t{number}"))
        await run.passes(hours=27)
        assert (await run.handle.describe()).run_id != first_run
        assert script.steps == ["first"]

        await run.handle.signal(contracts.ORDER_IN_BULK, extend)
        await run.passes(days=6)
        snapshot = await run.handle.query(contracts.SNAPSHOT, result_type=Snapshot)
        assert (snapshot.state, snapshot.next_step) == ("waiting", "final")
        attributes = (await run.handle.describe()).typed_search_attributes
        assert attributes[contracts.STATE] == "waiting"
        await run.passes(days=4)
        assert script.steps == ["first", "final"]

        await run.cases.tell(run.id, recovered())
        assert await run.handle.result() == CaseResult(
            outcome=Outcome.RECOVERED, cause=Cause.REVTAIN_RETRY
        )


async def test_a_case_that_is_put_off_for_days_goes_on_through_many_runs(
    impatient: Theatre,
) -> None:
    taken = asyncio.Event()

    async def refuses(_: NudgeInput) -> NudgeResult:
        now = activity.info().started_time
        if taken.is_set():
            return Sent(at=now)
        return Deferred(until=now + timedelta(minutes=30), reason="refused", counts=False)

    script = Script(nudge=refuses)
    async with impatient.plays(script) as run:
        await run.fails()
        runs = set[str]()
        for _ in range(60):
            await run.passes(minutes=30)
            runs.add((await run.handle.describe()).run_id or "")
        assert len(runs) > _MANY_RUNS
        tried = len(script.steps)
        taken.set()
        await run.passes(minutes=31)
        assert script.steps[tried:] == ["first"]
        assert (
            await run.handle.query(contracts.SNAPSHOT, result_type=Snapshot)
        ).next_step == "text"
