"""How do web and command line speak to cases? A typed door to Temporal; nobody else opens it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError as UpdateTimeoutError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from dunning.events import (
    AmountDiffers,
    CardReplaced,
    Failed,
    MessageSettled,
    ReachChanged,
    Recovered,
    Reopened,
    Voided,
)
from dunning.orders import Order
from dunning.states import State
from workflows import contracts
from workflows.contracts import BulkOrder, CaseInput, OrderInput, Snapshot
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

_RPC_TIMEOUT = timedelta(seconds=10)
# The SDK waits without end for a connection that is taken and never answered.
_ANSWER_TIMEOUT = timedelta(seconds=2)
_NO_RUN = frozenset({RPCStatusCode.NOT_FOUND})

Fact = (
    Failed
    | Recovered
    | AmountDiffers
    | CardReplaced
    | Voided
    | Reopened
    | ReachChanged
    | MessageSettled
)
_SIGNALS: dict[type[Fact], str] = {
    Failed: contracts.PAYMENT_FAILED,
    Recovered: contracts.PAYMENT_RECOVERED,
    AmountDiffers: contracts.AMOUNT_DIFFERS,
    CardReplaced: contracts.CARD_REPLACED,
    Voided: contracts.INVOICE_VOIDED,
    Reopened: contracts.CASE_REOPENED,
    ReachChanged: contracts.REACH_CHANGED,
    MessageSettled: contracts.MESSAGE_SETTLED,
}


class Opened(StrEnum):
    """What a signal-with-start met."""

    RUNNING = "running"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CaseClient:
    """Starts, tells, orders and asks cases. Bound to the event loop of its Temporal client."""

    temporal: Client

    async def open(self, workflow_id: str, start: CaseInput, event: Failed) -> Opened:
        """Signal the case with a failure, starting its run if there is none.

        CLOSED means that the run of this id has ended, by itself or by hand.
        Raise TemporalDownError when Temporal does not answer.
        """
        try:
            async with _faults(workflow_id):
                await self.temporal.start_workflow(
                    contracts.WORKFLOW,
                    start,
                    id=workflow_id,
                    task_queue=contracts.QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    start_signal=contracts.PAYMENT_FAILED,
                    start_signal_args=[event],
                    search_attributes=_attributes(start),
                    static_summary=f"Invoice {start.invoice_id}, cycle {start.cycle}",
                    static_details=_DETAILS,
                    rpc_timeout=_RPC_TIMEOUT,
                )
        except WorkflowAlreadyStartedError:
            return Opened.CLOSED
        return Opened.RUNNING

    async def tell(self, workflow_id: str, fact: Fact) -> bool:
        """Signal a fact; False when no run of this id is going on."""
        try:
            async with _faults(workflow_id):
                handle = self.temporal.get_workflow_handle(workflow_id)
                await handle.signal(_SIGNALS[type(fact)], fact, rpc_timeout=_RPC_TIMEOUT)
        except NoRunError:
            return False
        return True

    async def order_in_bulk(self, workflow_id: str, order: Order, *, order_id: str) -> bool:
        """Give an order without waiting for an answer; False when no run is going on.

        The same `order_id` counts once, and where the order is not possible it changes nothing.
        """
        bulk = BulkOrder(id=order_id, order=order)
        try:
            async with _faults(workflow_id):
                handle = self.temporal.get_workflow_handle(workflow_id)
                await handle.signal(contracts.ORDER_IN_BULK, bulk, rpc_timeout=_RPC_TIMEOUT)
        except NoRunError:
            return False
        return True

    async def order(self, workflow_id: str, order: Order, *, request_id: str | None) -> Snapshot:
        """Carry out an operator's order; the same `request_id` counts once.

        A person waits for the answer, and the SDK tries a call for ten seconds while Temporal is
        away, whatever its timeout: so Temporal is asked first whether it answers, once.

        Raise OrderRefusedError, NoRunError, or TemporalDownError (also when no worker answers in
        time: the order is then carried out as soon as one does).
        """
        await self.ready()
        handle = self.temporal.get_workflow_handle(workflow_id)
        try:
            async with _faults(workflow_id):
                snapshot: Snapshot = await handle.execute_update(
                    contracts.ORDER,
                    OrderInput(order=order),
                    id=request_id,
                    result_type=Snapshot,
                    rpc_timeout=_RPC_TIMEOUT,
                )
                return snapshot
        except WorkflowUpdateFailedError as fault:
            raise OrderRefusedError(getattr(fault.cause, "message", str(fault.cause))) from fault

    async def running(self, workflow_id: str) -> bool:
        """Whether a run of this id is going on."""
        try:
            async with _faults(workflow_id):
                handle = self.temporal.get_workflow_handle(workflow_id)
                found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except NoRunError:
            return False
        return found.status is WorkflowExecutionStatus.RUNNING

    async def ready(self) -> None:
        """Raise TemporalDownError, in words for who gives an order, unless Temporal answers."""
        try:
            await self.check()
        except TemporalDownError as fault:
            raise TemporalDownError(
                "Temporal does not answer, so the case was not told. Try again in a few seconds."
            ) from fault

    async def check(self) -> None:
        """Raise TemporalDownError unless Temporal answers within two seconds."""
        try:
            async with _faults("health"), asyncio.timeout(_ANSWER_TIMEOUT.total_seconds()):
                await self.temporal.service_client.check_health(timeout=_ANSWER_TIMEOUT)
        except TimeoutError as fault:
            raise TemporalDownError("Temporal does not answer") from fault


@asynccontextmanager
async def _faults(workflow_id: str) -> AsyncGenerator[None]:
    try:
        yield
    except UpdateTimeoutError as fault:
        message = "no worker answered in time; the order is carried out when one does"
        raise TemporalDownError(message) from fault
    except RPCError as fault:
        if fault.status in _NO_RUN:
            raise NoRunError(f"there is no running workflow {workflow_id}") from fault
        raise TemporalDownError(f"Temporal does not answer: {fault.status.name}") from fault
    except RuntimeError as fault:
        # What a lazy client raises while its first connection fails.
        raise TemporalDownError("Temporal cannot be reached") from fault


def _attributes(start: CaseInput) -> TypedSearchAttributes:
    shown = start.shown
    state = SearchAttributePair(contracts.STATE, shown.state if shown else State.OPENING)
    if shown is None or shown.campaign is None:
        return TypedSearchAttributes([state])
    return TypedSearchAttributes([state, SearchAttributePair(contracts.CAMPAIGN, shown.campaign)])


_DETAILS = "Dunning of one invoice. Contact data is looked up at each send and is not kept here."
