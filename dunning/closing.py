"""How does a case end?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dunning.channel import Channel
from dunning.facts import RECEIPT, Case
from dunning.promise import Promised, PromiseStatus
from dunning.states import Cause, Outcome, State
from dunning.steps import Step


def close(case: Case, outcome: Outcome, cause: Cause | None, now: datetime) -> Case:
    """The case at its end; a customer who was written to gets a receipt, if the policy has it."""
    steps = case.steps
    owed = outcome is Outcome.RECOVERED and case.terms is not None and case.terms.receipt
    if owed and any(s.reached for s in steps):
        receipt = Step(id=RECEIPT, channel=Channel.EMAIL, template="payment_received", due_at=now)
        steps = (*steps, receipt)
    return replace(
        case,
        state=State.CLOSED,
        outcome=outcome,
        cause=cause,
        closed_at=now,
        until=None,
        steps=steps,
        promises=_ended(case, outcome),
    )


def _ended(case: Case, outcome: Outcome) -> tuple[Promised, ...]:
    """An open promise is kept by any payment."""
    if case.open_promise is None:
        return case.promises
    kept = outcome is Outcome.RECOVERED
    status = PromiseStatus.KEPT if kept else PromiseStatus.ENDED
    return (*case.promises[:-1], replace(case.open_promise, status=status))
