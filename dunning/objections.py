"""Which orders cannot be carried out now, and what should the operator do instead?"""

from __future__ import annotations

from datetime import datetime

from dunning import promises
from dunning.facts import Case, of_service
from dunning.orders import (
    Decide,
    Decision,
    Extend,
    Move,
    Order,
    Pause,
    Promise,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from dunning.states import ReviewReason, State
from dunning.steps import find

_LONGEST_EXTENSION = 90
_LIVE = frozenset(set(State) - {State.OPENING, State.CLOSED})
_ALLOWED: dict[type[Order], frozenset[State]] = {
    Pause: _LIVE - {State.REVIEW},
    Resume: frozenset({State.PAUSED, State.PROMISED}),
    Skip: _LIVE,
    SendNow: frozenset({State.WAITING}),
    Stop: frozenset(set(State) - {State.CLOSED}),
    Extend: _LIVE,
    Replan: frozenset({State.WAITING}),
    Move: _LIVE,
    Promise: _LIVE - {State.PROMISED},
    Decide: frozenset({State.REVIEW}),
}


def objection(case: Case, order: Order, now: datetime) -> str | None:
    """Why this order cannot be carried out now, in one sentence; None when it can."""
    if case.state not in _ALLOWED[type(order)]:
        return _about_state(case, order)
    return _about_order(case, order, now)


def _about_state(case: Case, order: Order) -> str:
    states = ", ".join(sorted(s.value for s in _ALLOWED[type(order)]))
    return (
        f"{order.kind} is not possible while the case is {case.state.value}; "
        f"it is possible in: {states}"
    )


def _about_order(case: Case, order: Order, now: datetime) -> str | None:
    match order:
        case Pause(until=until):
            return _about_pause(until, now)
        case Extend(days=days):
            return _about_extension(case, days)
        case Skip(step=step) | SendNow(step=step):
            return _about_step(case, step)
        case Promise():
            return promises.refusal(case, order, now)
        case Decide(decision=Decision.RESUME):
            return _about_resuming(case)
        case _:
            return None


def _about_pause(until: datetime | None, now: datetime) -> str | None:
    if until is None or until > now:
        return None
    return f"the pause would end at {until.isoformat()}, which is past; give a later instant"


def _about_extension(case: Case, days: int) -> str | None:
    if not 1 <= days <= _LONGEST_EXTENSION:
        return f"{days} days is not possible; give 1 to {_LONGEST_EXTENSION}"
    if case.state is State.PAUSED and case.until is None:
        return "this pause has no end that could be put off; resume the case instead"
    return None


def _about_resuming(case: Case) -> str | None:
    over = case.review_reason is ReviewReason.CAMPAIGN_OVER
    if over and not any(step.pending and not of_service(step) for step in case.steps):
        return "every step of the campaign is done; decide extend to give the customer more days"
    return None


def _about_step(case: Case, step_id: str) -> str | None:
    step = find(case.steps, step_id)
    if step is None:
        known = ", ".join(s.id for s in case.steps if s.pending) or "none"
        return f"the case has no step {step_id}; steps still to come: {known}"
    if not step.pending:
        return f"step {step_id} is {step.status.value} already"
    if case.busy is not None and case.busy.step == step_id:
        return f"step {step_id} is being sent at this moment"
    return None
