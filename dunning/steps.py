"""Which planned message is next, and what becomes of those it leaves behind?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dunning.channel import Channel
from dunning.states import StepStatus

ALERT_TEMPLATE = "team_alert"


class StepKind(StrEnum):
    """Whom a step speaks to. An alert is for the team, and holds no message back."""

    MESSAGE = "message"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One planned message, or an alert to the team. Instants are UTC.

    `fallback` are the channels to try, in order, when `channel` cannot be used. `moved_from` is the
    channel that it was planned for, if that is dead.
    `not_before` is set when a send was put off (window closed, vendor busy); `ordered` when an
    operator asked for it, so that spacing does not hold it back; `at` is when `status` was
    reached, in the case's time.
    """

    id: str
    channel: Channel
    template: str
    due_at: datetime
    final: bool = False
    status: StepStatus = StepStatus.PLANNED
    reason: str | None = None
    at: datetime | None = None
    not_before: datetime | None = None
    ordered: bool = False
    deferrals: int = 0
    fallback: tuple[Channel, ...] = ()
    moved_from: Channel | None = None
    kind: StepKind = StepKind.MESSAGE

    @property
    def alert(self) -> bool:
        """Whether the team is told, and not the customer."""
        return self.kind is StepKind.ALERT

    @property
    def pending(self) -> bool:
        """Whether it may still be sent."""
        return self.status is StepStatus.PLANNED

    @property
    def reached(self) -> bool:
        """Whether the customer has it, or may have it."""
        return self.status in (StepStatus.SENT, StepStatus.UNKNOWN)


Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What holds the next message back: the last one and the least distance from it."""

    last_at: datetime | None
    spacing: timedelta

    def earliest(self, step: Step) -> datetime:
        """First instant at which this step may go, its own due time aside."""
        bounds = [step.due_at, step.not_before or step.due_at]
        if self.last_at is not None and not (step.ordered or step.alert):
            bounds.append(self.last_at + self.spacing)
        return max(bounds)


def pending(steps: Steps) -> Steps:
    """Steps that may still be sent, in order of their due time."""
    return tuple(sorted((s for s in steps if s.pending), key=lambda s: s.due_at))


def sendable(steps: Steps, pace: Pace, now: datetime) -> Step | None:
    """The step to carry out now: an ordered one or an alert, else the latest overdue one (R8)."""
    open_steps = pending(steps)
    first = [s for s in open_steps if (s.ordered or s.alert) and pace.earliest(s) <= now]
    overdue = [s for s in open_steps if s.due_at <= now and not s.alert]
    choice = first[0] if first else overdue[-1] if overdue else None
    return choice if choice is not None and pace.earliest(choice) <= now else None


def next_due(steps: Steps, pace: Pace, now: datetime) -> tuple[Step, datetime] | None:
    """The step that will be considered next, and when. None when nothing is left to send."""
    open_steps = pending(steps)
    overdue = [s for s in open_steps if s.due_at <= now and not s.alert]
    others = (s for s in open_steps if s.due_at > now or s.ordered or s.alert)
    considered = [*overdue[-1:], *others]
    instants = [(pace.earliest(s), s) for s in considered]
    if not instants:
        return None
    at, step = min(instants, key=lambda pair: (pair[0], pair[1].due_at))
    return step, at


def settle(
    steps: Steps, step_id: str, status: StepStatus, reason: str | None, at: datetime
) -> Steps:
    """Steps after one of them ended; what it overtook is said so (R8)."""

    def after(step: Step) -> Step:
        if step.id == step_id:
            return replace(step, status=status, reason=reason, at=at)
        passed = step.pending and not (step.ordered or step.alert) and step.due_at <= at
        if overtakes and passed:
            return replace(
                step, status=StepStatus.OVERTAKEN, reason=f"overtaken by {step_id}", at=at
            )
        return step

    overtakes = status in (StepStatus.SENT, StepStatus.UNKNOWN)
    return tuple(after(step) for step in steps)


def change(steps: Steps, step_id: str, edit: Callable[[Step], Step]) -> Steps:
    """Steps with one of them edited."""
    return tuple(edit(s) if s.id == step_id else s for s in steps)


def over(step: Step, road: Step) -> Step:
    """The step over the channel of another version of it."""
    if road.channel is step.channel:
        return step
    return replace(
        step,
        channel=road.channel,
        fallback=road.fallback,
        moved_from=road.moved_from,
        reason=road.reason,
        not_before=None,
        deferrals=0,
    )


def shift(steps: Steps, by: timedelta) -> Steps:
    """Steps with everything that is still to come put off."""

    def later(step: Step) -> Step:
        not_before = step.not_before + by if step.not_before else None
        return replace(step, due_at=step.due_at + by, not_before=not_before)

    return tuple(later(s) if s.pending else s for s in steps)


def merge(steps: Steps, more: Steps) -> Steps:
    """All of them in order of their due time, whichever came first (R2)."""
    return tuple(sorted((*steps, *more), key=lambda s: (s.due_at, s.id)))


def find(steps: Steps, step_id: str) -> Step | None:
    """The step of that id."""
    return next((s for s in steps if s.id == step_id), None)
