"""Are orders refused without a trace, and signals counted once?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from dunning.orders import Decide, Decision, Extend, Order, Pause, Resume, SendNow, Skip, Stop
from dunning.states import Outcome
from tests.rules.builders import card_replaced, failed, recovered
from tests.workflows.conftest import Run, Theatre
from tests.workflows.scripted import Script
from workflows import contracts
from workflows.client import Opened
from workflows.contracts import BulkOrder, CaseInput, CaseResult, OrderInput, Snapshot
from workflows.errors import OrderRefusedError

_STOPPED = CaseResult(outcome=Outcome.STOPPED, cause=None)


async def _snapshot(run: Run) -> Snapshot:
    snapshot: Snapshot = await run.handle.query(contracts.SNAPSHOT, result_type=Snapshot)
    return snapshot


async def _events(run: Run) -> int:
    return len((await run.handle.fetch_history()).events)


async def test_an_order_is_answered_with_where_the_case_stands_then(theatre: Theatre) -> None:
    async with theatre.plays(Script()) as run:
        await run.fails()
        paused = await run.cases.order(run.id, Pause(), request_id=None)
        assert (paused.state, paused.next_at) == ("paused", None)
        resumed = await run.cases.order(run.id, Resume(), request_id=None)
        assert (resumed.state, resumed.next_step) == ("waiting", "first")
        skipped = await run.cases.order(run.id, Skip(step="first"), request_id=None)
        assert skipped.next_step == "text"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Resume(), "resume is not possible while the case is waiting"),
        (Decide(decision=Decision.STOP), "decide is not possible while the case is waiting"),
        (Skip(step="none"), "the case has no step none; steps still to come: first, text, final"),
        (SendNow(step="none"), "the case has no step none"),
        (Extend(days=91), "91 days is not possible; give 1 to 90"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_a_refused_order_leaves_no_trace_in_the_history(
    theatre: Theatre, order: Order, words: str
) -> None:
    async with theatre.plays(Script()) as run:
        await run.fails()
        before = await _events(run)
        with pytest.raises(OrderRefusedError, match=words):
            await run.cases.order(run.id, order, request_id=None)
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await run.handle.execute_update(contracts.ORDER, OrderInput(order=order))
        assert isinstance(refusal.value.cause, ApplicationError)
        assert refusal.value.cause.type == "OrderRefused"
        assert await _events(run) == before


async def test_the_same_request_is_carried_out_once(theatre: Theatre) -> None:
    async with theatre.plays(Script()) as run:
        await run.fails()
        first = await run.cases.order(run.id, Extend(days=2), request_id="request-1")
        again = await run.cases.order(run.id, Extend(days=2), request_id="request-1")
        assert again == first
        other = await run.cases.order(run.id, Extend(days=2), request_id="request-2")
        assert first.next_at is not None
        assert other.next_at == first.next_at + timedelta(days=2)


async def test_a_signal_counts_once_by_its_id(theatre: Theatre) -> None:
    script = Script()
    async with theatre.plays(script) as run:
        await run.fails()
        before = await _snapshot(run)
        extend = BulkOrder(id="bulk-1", order=Extend(days=3))
        for _ in range(3):
            await run.handle.signal(contracts.ORDER_IN_BULK, extend)
        await run.rests()
        after = await _snapshot(run)
        assert before.next_at is not None
        assert after.next_at == before.next_at + timedelta(days=3)

        await run.cases.tell(run.id, card_replaced("card-1"))
        await run.cases.tell(run.id, failed(transaction="t2", card="card-1"))
        await run.cases.tell(run.id, card_replaced("card-1"))
        await run.cases.tell(run.id, failed(transaction="t2", card="card-1"))
        await run.passes(hours=30)
        assert script.steps.count("card-failed-card-1") == 1


async def test_an_order_in_bulk_that_cannot_be_carried_out_changes_nothing(
    theatre: Theatre,
) -> None:
    async with theatre.plays(Script()) as run:
        await run.fails()
        before = await _snapshot(run)
        for order in (Resume(), Skip(step="none"), Decide(decision=Decision.WRITE_OFF)):
            bulk = BulkOrder(id=order.kind, order=order)
            await run.handle.signal(contracts.ORDER_IN_BULK, bulk)
        await run.rests()
        assert await _snapshot(run) == before
        await run.handle.signal(contracts.ORDER_IN_BULK, BulkOrder(id="end", order=Stop()))
        assert await run.handle.result() == _STOPPED


async def test_nothing_is_heard_after_the_end(theatre: Theatre) -> None:
    async with theatre.plays(Script()) as run:
        await run.fails()
        await run.cases.order(run.id, Stop(), request_id=None)
        assert await run.handle.result() == _STOPPED
        assert not await run.cases.tell(run.id, recovered())
        assert not await run.cases.running(run.id)
        again = CaseInput(invoice_id=run.id.split(":")[1], cycle=1)
        assert await run.cases.open(run.id, again, failed()) is Opened.CLOSED
