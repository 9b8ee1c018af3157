"""What does a case do with the proof that a message of unknown outcome was sent, or was not?

The proof may come before the case heard of the doubt: then it is kept until the nudge has ended.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dunning.events import MessageSettled
from dunning.facts import Case, Doing, Proven
from dunning.states import StepStatus
from dunning.steps import Step, change, find

_NEVER_LEFT = "it certainly did not leave before"


def settle(case: Case, event: MessageSettled, now: datetime) -> Case:
    """A message of unknown outcome was sent after all, or waits for its turn again."""
    proof = Proven(step=event.step, sent=event.sent)
    if case.busy is not None and (case.busy.doing, case.busy.step) == (Doing.NUDGE, event.step):
        return replace(case, proven=(*_others(case, event.step), proof))
    return _follow(case, proof, now)


def recall(case: Case, step_id: str, now: datetime) -> Case:
    """The case after the nudge of a step, of which a proof may have come meanwhile."""
    proof = next((one for one in case.proven if one.step == step_id), None)
    if proof is None:
        return case
    return _follow(replace(case, proven=_others(case, step_id)), proof, now)


def _follow(case: Case, proof: Proven, now: datetime) -> Case:
    step = find(case.steps, proof.step)
    if step is None:
        return case
    known = _known(step, proof, now)
    return (
        case if known is step else replace(case, steps=change(case.steps, step.id, lambda _: known))
    )


def _known(step: Step, proof: Proven, now: datetime) -> Step:
    if step.pending and step.not_before is not None:
        # It waits for this word.
        return replace(step, not_before=now)
    if step.status is not StepStatus.UNKNOWN:
        return step
    if proof.sent:
        return replace(step, status=StepStatus.SENT, reason=None)
    planned = StepStatus.PLANNED
    return replace(step, status=planned, reason=_NEVER_LEFT, at=None, not_before=now)


def _others(case: Case, step_id: str) -> tuple[Proven, ...]:
    return tuple(one for one in case.proven if one.step != step_id)
