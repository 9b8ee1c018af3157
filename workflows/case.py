"""How does one case live, from the first failure to its end? It waits, asks the rule book, acts.

No rule stands here: `dunning.case.apply` says what follows from every event, and this workflow
carries that out, one thing at a time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityCancellationType, ActivityConfig, ActivityHandle

with workflow.unsafe.imports_passed_through():
    from dunning import ids
    from dunning.case import Event, apply
    from dunning.charge import PutOff
    from dunning.events import (
        AmountDiffers,
        CardReplaced,
        Charged,
        Closed,
        Deferred,
        Failed,
        MessageSettled,
        NudgeEnded,
        Opened,
        Projected,
        ReachChanged,
        Recovered,
        Reopened,
        RunCancelled,
        Settled,
        Voided,
        Woke,
    )
    from dunning.facts import Case
    from dunning.objections import objection
    from dunning.states import State
    from dunning.steps import Step
    from dunning.summary import details
    from dunning.work import Charge, Close, Nudge, Open, Project, Work
    from workflows import contracts
    from workflows.contracts import (
        BulkOrder,
        CaseActivities,
        CaseInput,
        CaseRecord,
        CaseResult,
        ChargeInput,
        ChargeOutput,
        NudgeActivities,
        NudgeInput,
        NudgeOutput,
        OpenInput,
        OrderInput,
        Snapshot,
    )

_REMEMBERED = 1000
# A vendor or the database may be away for days: bookkeeping is tried until it succeeds.
_UNTIL_DONE = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)
)
_A_MINUTE = timedelta(minutes=1)
_FAULT_PAUSE = timedelta(hours=1)
_FAULT = "internal fault, see the worker's log"


@dataclass(frozen=True, slots=True)
class Opening:
    """`open_case` under way."""

    handle: ActivityHandle[Opened]


@dataclass(frozen=True, slots=True)
class Nudging:
    """`nudge` under way."""

    handle: ActivityHandle[NudgeOutput]
    step: str


@dataclass(frozen=True, slots=True)
class Charging:
    """`charge` under way."""

    handle: ActivityHandle[ChargeOutput]


@dataclass(frozen=True, slots=True)
class Projecting:
    """`project_case` under way."""

    handle: ActivityHandle[Settled | None]


@dataclass(frozen=True, slots=True)
class Closing:
    """`close_case` under way."""

    handle: ActivityHandle[Closed]


Running = Opening | Nudging | Charging | Projecting | Closing


@workflow.defn(name=contracts.WORKFLOW)
class CaseWorkflow:
    """The durable case of one invoice and cycle."""

    @workflow.init
    def __init__(self, start: CaseInput) -> None:
        self._start = start
        self._case = start.case or Case(
            workflow_id=ids.workflow_id(start.invoice_id, start.cycle),
            started_at=workflow.now(),
        )
        self._seen = list(start.seen)
        self._running: Running | None = None
        self._news = 0
        # To change them costs an action; so the start says what the case will most likely be.
        told = start.shown or self._case
        self._shown = (told.state, self._case.outcome, told.campaign)

    @workflow.run
    async def run(self, start: CaseInput) -> CaseResult:
        """Wait for what happens until the case is closed and its end is written down."""
        del start
        while not self._over():
            try:
                await self._wait()
            except asyncio.CancelledError:
                self._happen(RunCancelled())
                continue
            self._take_result()
            if workflow.info().is_continue_as_new_suggested() and self._running is None:
                await self._go_on_in_a_new_run()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return CaseResult(outcome=self._case.outcome, cause=self._case.cause)

    def _over(self) -> bool:
        return self._case.finished and self._running is None and self._wake_at() is None

    def _wake_at(self) -> datetime | None:
        return None if self._running else self._case.next(workflow.now())[1]

    async def _wait(self) -> None:
        """Until a result, a signal, an order or the next instant, whichever comes first."""
        wake_at, news = self._wake_at(), self._news
        gap = None if wake_at is None else wake_at - workflow.now()
        if gap is not None and gap <= timedelta(0):
            self._happen(Woke())
            return
        try:
            await workflow.wait_condition(
                lambda: self._news != news or self._has_result(),
                timeout=gap,
                timeout_summary=self._next_words(),
            )
        except TimeoutError:
            self._happen(Woke())

    def _next_words(self) -> str:
        step, _ = self._case.next(workflow.now())
        return f"until step {step}" if step else f"until {self._case.state.value} ends"

    def _has_result(self) -> bool:
        return self._running is not None and self._running.handle.done()

    def _take_result(self) -> None:
        running = self._running
        if running is not None and running.handle.done():
            self._running = None
            self._happen(_result(running, workflow.now()))

    def _happen(self, event: Event) -> None:
        """The one place where the case changes."""
        self._news += 1
        self._case, work = apply(self._case, event, workflow.now())
        if work is not None:
            if self._running is not None:
                _abandon(self._running.handle)
            self._running = self._carry_out(work)
        self._show()

    def _carry_out(self, work: Work) -> Running:
        invoice_id, case = self._start.invoice_id, self._case
        match work:
            case Open():
                asked = OpenInput(invoice_id=invoice_id, case=case, work=work)
                options = _bookkeeping(f"plan for {work.advice.value}")
                opening = workflow.start_activity_method(CaseActivities.open_case, asked, **options)
                return Opening(opening)
            case Nudge(step=step):
                nudge = NudgeInput(invoice_id=invoice_id, case=case, step=step)
                options = _sending(step)
                sending = workflow.start_activity_method(NudgeActivities.nudge, nudge, **options)
                return Nudging(sending, step.id)
            case Charge():
                charge = ChargeInput(invoice_id=invoice_id, case=case, work=work)
                options = _charging(work)
                charging = workflow.start_activity_method(CaseActivities.charge, charge, **options)
                return Charging(charging)
            case Project():
                record = CaseRecord(invoice_id=invoice_id, case=case)
                options = _bookkeeping(f"show: {case.state.value}")
                showing = workflow.start_activity_method(
                    CaseActivities.project_case, record, **options
                )
                return Projecting(showing)
            case Close():
                record = CaseRecord(invoice_id=invoice_id, case=case)
                options = _bookkeeping(f"close: {case.outcome.value if case.outcome else ''}")
                closing = workflow.start_activity_method(
                    CaseActivities.close_case, record, **options
                )
                return Closing(closing)

    def _show(self) -> None:
        workflow.set_current_details(details(self._case, workflow.now()))
        shown = (self._case.state, self._case.outcome, self._case.campaign)
        if shown == self._shown or self._case.state is State.OPENING:
            return
        known, self._shown = self._shown, shown
        state, outcome, campaign = shown
        updates: list[SearchAttributeUpdate[str]] = [contracts.STATE.value_set(state.value)]
        if outcome is not None:
            updates.append(contracts.OUTCOME.value_set(outcome.value))
        if campaign is not None:
            updates.append(contracts.CAMPAIGN.value_set(campaign))
        elif known[2] is not None:
            updates.append(contracts.CAMPAIGN.value_unset())
        workflow.upsert_search_attributes(updates)

    async def _go_on_in_a_new_run(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        go_on = CaseInput(
            invoice_id=self._start.invoice_id,
            cycle=self._start.cycle,
            case=self._case,
            seen=tuple(self._seen),
        )
        workflow.continue_as_new(go_on)

    def _hear(self, event_id: str, event: Event) -> None:
        if event_id in self._seen:
            return
        self._seen = [*self._seen, event_id][-_REMEMBERED:]
        self._take_result()
        self._happen(event)

    @workflow.signal(name=contracts.PAYMENT_FAILED)
    def payment_failed(self, event: Failed) -> None:
        """A transaction of this invoice failed for good or was refused."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.PAYMENT_RECOVERED)
    def payment_recovered(self, event: Recovered) -> None:
        """The invoice is paid."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.AMOUNT_DIFFERS)
    def amount_differs(self, event: AmountDiffers) -> None:
        """Another amount than the one owed was received."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.CARD_REPLACED)
    def card_replaced(self, event: CardReplaced) -> None:
        """The customer gave a new card."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.INVOICE_VOIDED)
    def invoice_voided(self, event: Voided) -> None:
        """Nothing is owed any more."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.CASE_REOPENED)
    def case_reopened(self, event: Reopened) -> None:
        """Another case of the invoice has begun after this one had closed."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.REACH_CHANGED)
    def reach_changed(self, event: ReachChanged) -> None:
        """A channel to the customer is closed, or may be open again."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.MESSAGE_SETTLED)
    def message_settled(self, event: MessageSettled) -> None:
        """What became of a message of unknown outcome is known now."""
        self._hear(event.id, event)

    @workflow.signal(name=contracts.ORDER_IN_BULK)
    def order_in_bulk(self, bulk: BulkOrder) -> None:
        """An order to many cases; where it cannot be carried out it changes nothing."""
        if objection(self._case, bulk.order, workflow.now()) is None:
            self._hear(bulk.id, bulk.order)

    @workflow.update(name=contracts.ORDER)
    def order(self, asked: OrderInput) -> Snapshot:
        """Carry out an operator's order and tell where the case stands then."""
        self._take_result()
        self._happen(asked.order)
        return self.snapshot()

    @order.validator
    def _check_order(self, asked: OrderInput) -> None:
        reason = objection(self._case, asked.order, workflow.now())
        if reason is not None:
            raise ApplicationError(reason, type="OrderRefused")

    @workflow.query(name=contracts.SNAPSHOT)
    def snapshot(self) -> Snapshot:
        """Where the case stands."""
        step, at = self._case.next(workflow.now())
        outcome = self._case.outcome
        return Snapshot(
            state=self._case.state.value,
            version=self._case.version,
            next_step=step,
            next_at=at,
            outcome=outcome.value if outcome else None,
        )


def _abandon(handle: ActivityHandle[Any]) -> None:
    """Ask work to end and look at its result no more."""
    handle.add_done_callback(lambda done: done.cancelled() or done.exception())
    handle.cancel()


def _bookkeeping(summary: str) -> ActivityConfig:
    return ActivityConfig(
        start_to_close_timeout=_A_MINUTE,
        retry_policy=_UNTIL_DONE,
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
        summary=summary,
    )


def _charging(charge: Charge) -> ActivityConfig:
    return ActivityConfig(
        start_to_close_timeout=_A_MINUTE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=2),
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=contracts.CHARGE_ATTEMPTS,
        ),
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
        summary=f"charge: {charge.purpose.value}",
    )


def _sending(step: Step) -> ActivityConfig:
    return ActivityConfig(
        task_queue=contracts.NUDGE_QUEUES[step.channel],
        start_to_close_timeout=_A_MINUTE,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=2),
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=contracts.NUDGE_ATTEMPTS,
        ),
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
        summary=f"{step.channel.value}: {step.id}",
    )


def _result(running: Running, now: datetime) -> Event:
    """What the finished work means to the case."""
    match running:
        case Opening(handle=handle):
            return handle.result()
        case Nudging(handle=handle, step=step):
            return _nudged(handle, step, now)
        case Charging(handle=handle):
            return _charged(handle, now)
        case Projecting(handle=handle):
            return Projected(settled=handle.result())
        case Closing(handle=handle):
            return handle.result()


def _nudged(handle: ActivityHandle[NudgeOutput], step: str, now: datetime) -> NudgeEnded:
    try:
        return NudgeEnded(step=step, result=handle.result().result)
    except ActivityError:
        # The activity says by itself when it is to be tried again; this is for faults of ours.
        later = Deferred(until=now + _FAULT_PAUSE, reason=_FAULT)
        return NudgeEnded(step=step, result=later, shown=False)


def _charged(handle: ActivityHandle[ChargeOutput], now: datetime) -> Charged:
    try:
        return Charged(result=handle.result().result)
    except ActivityError:
        # The same order finds out what came of it.
        later = PutOff(until=now + _FAULT_PAUSE, reason=_FAULT)
        return Charged(result=later, shown=False)
