"""What do an operator's orders change in a case (R12)? Cells of the table in `dunning/case.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dunning import review
from dunning.facts import Case
from dunning.orders import Extend, Move, Pause, SendNow, Skip
from dunning.states import State, StepStatus
from dunning.steps import Step, change, find, settle


def pause(case: Case, event: Pause, _now: datetime) -> Case:
    """Write to nobody."""
    return replace(case, state=State.PAUSED, until=event.until)


def resume(case: Case, _event: object, now: datetime) -> Case:
    """Go on where the facts lead; overdue steps collapse into the latest (R8)."""
    return review.route(case, now)


def skip(case: Case, event: Skip, now: datetime) -> Case:
    """Do not send this step."""
    step = find(case.steps, event.step)
    if step is None or not step.pending or _under_way(case, step):
        return case
    skipped = settle(case.steps, step.id, StepStatus.SKIPPED, "skipped by an operator", now)
    return replace(case, steps=skipped)


def send_now(case: Case, event: SendNow, now: datetime) -> Case:
    """Send this step as soon as its window allows."""
    step = find(case.steps, event.step)
    if step is None or not step.pending or _under_way(case, step):
        return case
    sooner = change(
        case.steps, step.id, lambda s: replace(s, ordered=True, due_at=now, not_before=now)
    )
    return replace(case, steps=sooner)


def _under_way(case: Case, step: Step) -> bool:
    return case.busy is not None and case.busy.step == step.id


def extend_campaign(case: Case, event: Extend, now: datetime) -> Case:
    """More days for what is to come, or for a review."""
    return review.extend(case, timedelta(days=event.days), now)


def extend_deadline(case: Case, event: Extend, _now: datetime) -> Case:
    """More days before the deadline of the present state."""
    if case.until is None:
        return case
    return replace(case, until=case.until + timedelta(days=event.days))


def replan(case: Case, _event: object, _now: datetime) -> Case:
    """Plan what is left again."""
    return replace(case, replan=True)


def move(case: Case, event: Move, _now: datetime) -> Case:
    """Take the terms of another policy, and what its plan has still to come (R9)."""
    if event.policy == case.policy_digest:
        return case
    return replace(case, policy_digest=event.policy, replan=True, moved=True)
