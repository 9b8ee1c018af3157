"""Does the workflow carry out what the rule book says, whatever its activities do?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError

from dunning.charge import ChargeResult, PutOff
from dunning.events import Deferred, NudgeResult
from dunning.facts import RECEIPT
from dunning.states import Cause, Outcome, State
from tests.rules.builders import TERMS, card_replaced, failed, recovered
from tests.workflows.conftest import Run, Theatre
from tests.workflows.scripted import Script, collected, sent
from workflows.contracts import CaseResult, ChargeInput, NudgeInput, Snapshot

_PAID = CaseResult(outcome=Outcome.RECOVERED, cause=Cause.REVTAIN_RETRY)
_WRITTEN_OFF = CaseResult(outcome=Outcome.WRITTEN_OFF, cause=None)


async def test_a_case_nobody_answers_sends_every_step_and_is_written_off(theatre: Theatre) -> None:
    script = Script()
    async with theatre.plays(script) as run:
        await run.fails()
        await run.passes(days=40)
        assert await run.handle.result() == _WRITTEN_OFF
    assert script.steps == ["first", "text", "final"]
    assert [case.outcome for case in script.closed] == [Outcome.WRITTEN_OFF]


async def test_no_state_is_needed_that_is_not_in_the_history(theatre: Theatre) -> None:
    """Without a cache every task replays the case from its beginning."""
    script = Script()
    async with theatre.plays(script, max_cached_workflows=0) as run:
        await run.fails()
        for _ in range(4):
            await run.passes(days=1, hours=2)
        await run.cases.tell(run.id, recovered())
        assert await run.handle.result() == _PAID
    assert script.steps == ["first", "text", RECEIPT]


async def test_a_success_closes_the_case_within_a_second_while_a_nudge_hangs(
    theatre: Theatre,
) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def hang(asked: NudgeInput) -> NudgeResult:
        begun.set()
        await released.wait()
        return await sent(asked)

    script = Script(nudge=hang)
    async with theatre.plays(script) as run:
        await run.fails()
        passing = asyncio.create_task(run.passes(hours=3))
        await begun.wait()
        await run.cases.tell(run.id, recovered())
        async with asyncio.timeout(1):
            assert await run.handle.result() == _PAID
        released.set()
        await passing
    assert script.steps == ["first"]
    assert [case.outcome for case in script.closed] == [Outcome.RECOVERED]


async def test_a_nudge_that_fails_again_and_again_is_put_off_for_an_hour(theatre: Theatre) -> None:
    tries: list[int] = []

    async def fail_six_times(asked: NudgeInput) -> NudgeResult:
        tries.append(len(tries))
        if len(tries) <= 6:
            raise ApplicationError("a fault of ours")
        return await sent(asked)

    script = Script(nudge=fail_six_times)
    async with theatre.plays(script) as run:
        await run.fails()
        await run.skipper.fast_forward(run.handle, 2 * 3600 + 600)
        await run.rests()
        assert script.steps == ["first"] * 6
        await run.passes(minutes=40)
        assert script.steps == ["first"] * 6
        await run.passes(minutes=20)
        assert script.steps == ["first"] * 7
        assert (await run.handle.query("snapshot", result_type=Snapshot)).next_step == "text"


async def test_a_nudge_that_is_deferred_waits_as_long_as_it_was_asked_to(theatre: Theatre) -> None:
    busy = timedelta(hours=5)

    async def defer_once(asked: NudgeInput) -> NudgeResult:
        if asked.step.deferrals:
            return await sent(asked)
        return Deferred(until=asked.step.due_at + busy, reason="the vendor is busy")

    script = Script(nudge=defer_once)
    async with theatre.plays(script) as run:
        await run.fails()
        await run.passes(hours=6.5)
        assert script.steps == ["first"]
        assert "the vendor is busy" in await _details(run)
        await run.passes(hours=1)
        assert script.steps == ["first", "first"]


async def test_bookkeeping_is_tried_until_it_succeeds(theatre: Theatre) -> None:
    script = Script(faults=[ApplicationError(f"stumble {n}") for n in range(3)])
    async with theatre.plays(script) as run:
        await run.fails()
        await run.cases.tell(run.id, recovered())
        await run.skipper.fast_forward(run.handle, 60)
        assert await run.handle.result() == _PAID
    assert script.faults == []
    assert [case.outcome for case in script.closed] == [Outcome.RECOVERED]


async def test_a_cancelled_run_writes_its_own_end(theatre: Theatre) -> None:
    script = Script()
    async with theatre.plays(script) as run:
        await run.fails()
        await run.handle.cancel()
        assert await run.handle.result() == CaseResult(outcome=Outcome.STOPPED, cause=None)
        assert (await run.handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert [case.state for case in script.closed] == [State.CLOSED]


async def test_a_case_can_be_read_in_temporal_at_its_start_and_at_its_end(
    theatre: Theatre,
) -> None:
    script = Script()
    async with theatre.plays(script) as run:
        await run.fails(failed(code="expired_card"))
        found = await run.handle.describe()
        assert await found.static_summary() == f"Invoice {run.id.split(':')[1]}, cycle 1"
        opening = await _details(run)
        assert "expired_card" in opening
        assert "| first | email | planned |" in opening
        await run.passes(hours=3)
        await run.cases.tell(run.id, recovered())
        assert await run.handle.result() == _PAID
        ending = await _details(run)
        assert "recovered" in ending
        assert "| first | email | sent |" in ending


async def _details(run: Run) -> str:
    metadata: WorkflowMetadata = await run.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details


async def test_a_new_card_is_charged_and_a_charge_that_is_put_off_waits_so_long(
    theatre: Theatre,
) -> None:
    async def put_off_once(asked: ChargeInput) -> ChargeResult:
        if len(script.steps) == 1:
            until = activity.info().started_time + timedelta(hours=5)
            return PutOff(until=until, reason="the service is busy")
        return await collected(asked)

    script = Script(charge=put_off_once, terms=replace(TERMS, charges=True))
    async with theatre.plays(script) as run:
        await run.fails()
        await run.cases.tell(run.id, card_replaced())
        await run.passes(hours=4)
        assert script.steps == [f"{run.id}:charge:1"]
        assert "put off until" in await _details(run)
        await run.passes(hours=2)
        assert await run.handle.result() == CaseResult(
            outcome=Outcome.RECOVERED, cause=Cause.CARD_UPDATE
        )
    assert script.steps == [f"{run.id}:charge:1"] * 2


async def test_a_charge_that_fails_again_and_again_is_ordered_again_after_an_hour(
    theatre: Theatre,
) -> None:
    async def fail_six_times(asked: ChargeInput) -> ChargeResult:
        if len(script.steps) <= 6:
            raise ApplicationError("a fault of ours")
        return await collected(asked)

    script = Script(charge=fail_six_times, terms=replace(TERMS, charges=True))
    async with theatre.plays(script) as run:
        await run.fails()
        await run.cases.tell(run.id, card_replaced())
        await run.passes(hours=2)
        assert (await run.handle.result()).outcome is Outcome.RECOVERED
    assert script.steps == [f"{run.id}:charge:1"] * 7


async def test_a_success_closes_the_case_while_a_charge_hangs(theatre: Theatre) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def hang(asked: ChargeInput) -> ChargeResult:
        begun.set()
        await released.wait()
        return await collected(asked)

    script = Script(charge=hang, terms=replace(TERMS, charges=True))
    async with theatre.plays(script) as run:
        await run.fails()
        await run.cases.tell(run.id, card_replaced())
        await begun.wait()
        await run.cases.tell(run.id, recovered())
        async with asyncio.timeout(1):
            assert await run.handle.result() == _PAID
        released.set()
