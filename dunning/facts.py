"""What is known of a case, and what of it do people see?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.charge import OwnCharges
from dunning.events import Terms
from dunning.promise import Promised, PromiseStatus
from dunning.service import Service, ServiceStatus
from dunning.states import Cause, Outcome, ReviewReason, State, StepStatus
from dunning.steps import Pace, Step, StepKind, Steps, next_due
from dunning.view import CaseView, StepView

CASE_CLOSED = "case closed"
RECEIPT = "receipt"
CARD_FAILED = "card-failed-"
PROMISE_STEP = "promise-"
SERVICE_ENDING = "service-ending"
SERVICE_ENDED = "service-ended"
# During a promise only what answers the customer goes out.
_ANSWERS = (CARD_FAILED, PROMISE_STEP)


class Doing(StrEnum):
    """The kinds of work that a case gives out."""

    OPEN = "open"
    NUDGE = "nudge"
    CHARGE = "charge"
    PROJECT = "project"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """The work under way, and the version of the case when it was given out."""

    doing: Doing
    version: int
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedChannel:
    """A channel that the customer cannot be reached by, and why, as far as the case heard."""

    channel: Channel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Whether a message certainly was sent, told while its nudge was under way."""

    step: str
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFor:
    """The question that a plan answers."""

    advice: Advice
    decline_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The dunning of one invoice. Instants are UTC in the case's own time.

    `until` is the deadline of the present state. `awaiting` is what a retry waits for: the
    first of `new_cards` (digests of cards without an outcome), or `ORDERED_RETRY`. `cleared` is
    the advice that a reviewer overruled; `forced` that a campaign runs although nobody advised
    one; `moved` that another version of the policy was ordered and is not read yet; `reroute` that
    messages to come are to be given channels that are open (R7), `unreachable` that there is none.
    `service_told` is the end of the service that the customer was told of, while that is not over.
    """

    workflow_id: str
    started_at: datetime
    state: State = State.OPENING
    version: int = 1
    projected: int = 0
    busy: Busy | None = None
    finished: bool = False

    advice: Advice | None = None
    decline_code: str | None = None
    transactions: tuple[str, ...] = ()
    awaiting: str | None = None
    new_cards: tuple[str, ...] = ()
    failed_cards: tuple[str, ...] = ()
    amount_differs: bool = False
    cleared: Advice | None = None
    forced: bool = False

    terms: Terms | None = None
    policy_digest: str | None = None
    campaign: str | None = None
    campaign_reason: str | None = None
    planned_for: PlannedFor | None = None
    anchor: datetime | None = None
    replan: bool = False
    moved: bool = False
    reroute: bool = False
    closed_channels: tuple[ClosedChannel, ...] = ()
    unreachable: bool = False
    steps: Steps = ()
    review_at: datetime | None = None

    promises: tuple[Promised, ...] = ()

    until: datetime | None = None
    review_reason: ReviewReason | None = None
    review_round: int = 0
    outcome: Outcome | None = None
    cause: Cause | None = None
    closed_at: datetime | None = None

    service: Service | None = None
    service_status: ServiceStatus | None = None
    service_ends_at: datetime | None = None
    service_told: datetime | None = None

    charging: OwnCharges = field(default_factory=OwnCharges)
    proven: tuple[Proven, ...] = ()

    @property
    def pace(self) -> Pace:
        """What holds the next message back."""
        reached = [s.at for s in self.steps if s.reached and s.at is not None]
        spacing = self.terms.spacing if self.terms else timedelta(0)
        return Pace(last_at=max(reached, default=None), spacing=spacing)

    @property
    def begun(self) -> bool:
        """Whether anything became of a message; what only the team was told does not count."""
        return any(not s.pending and s.kind is StepKind.MESSAGE for s in self.steps)

    @property
    def campaign_advice(self) -> Advice | None:
        """The advice that a campaign is chosen by; None while nobody is to be written to."""
        if self.advice is not None and self.advice.writes:
            return self.advice
        return Advice.REQUEST_CARD_UPDATE if self.forced else None

    @property
    def question(self) -> PlannedFor | None:
        """What the plan must answer now."""
        advice = self.campaign_advice
        return PlannedFor(advice=advice, decline_code=self.decline_code) if advice else None

    @property
    def promise(self) -> Promised | None:
        """The latest promise to pay, whatever became of it."""
        return self.promises[-1] if self.promises else None

    @property
    def open_promise(self) -> Promised | None:
        """The promise that stands."""
        promise = self.promise
        return promise if promise and promise.status is PromiseStatus.OPEN else None

    @property
    def promises_kept(self) -> int:
        """How many were kept."""
        return sum(one.status is PromiseStatus.KEPT for one in self.promises)

    @property
    def promises_broken(self) -> int:
        """How many were broken."""
        return sum(one.status is PromiseStatus.BROKEN for one in self.promises)

    @property
    def speakable(self) -> Steps:
        """The steps that may go out in the present state, when they are due."""
        match self.state:
            case State.WAITING:
                return tuple(s for s in self.steps if not of_service(s))
            case State.PROMISED:
                return tuple(s for s in self.steps if s.id.startswith(_ANSWERS))
            case State.REVIEW:
                return tuple(s for s in self.steps if of_service(s))
            case _:
                return ()

    @property
    def receipt(self) -> Step | None:
        """The receipt, when one is owed."""
        return next((s for s in self.steps if s.id == RECEIPT), None)

    @property
    def service_notice(self) -> Step | None:
        """The notice that is to tell the customer when the service ends."""
        notices = (s for s in self.steps if of_service(s) and s.id != SERVICE_ENDED)
        return next((s for s in notices if s.pending), None)

    @property
    def last_word(self) -> Step | None:
        """What a closed case has still to say, and is not held back from saying."""
        match self.service_status:
            case ServiceStatus.ENDING:
                return self.service_notice
            case ServiceStatus.ENDED:
                return next((s for s in self.steps if s.id == SERVICE_ENDED and s.pending), None)
            case _:
                return self.receipt if self.receipt and self.receipt.pending else None

    def joins(self, step: Step) -> bool:
        """Whether one message may speak of this step's invoice and of others (R10).

        Plain reminders only: a last notice has a date of its own, an ordered step was asked for
        by itself, and confirming a payment is another errand than looking after a card.
        """
        alone = step.final or step.ordered or self.campaign_advice is Advice.AUTHENTICATE
        planned = step.pending and step.id.startswith(f"{self.campaign}.")
        return planned and not (alone or step.alert)

    def next(self, now: datetime) -> tuple[str | None, datetime | None]:
        """The step considered next, if it is a step, and when the case will wake."""
        match self.state:
            case State.OPENING:
                return None, None
            case State.WAITING:
                due = next_due(self.speakable, self.pace, now)
                step, then = (due[0].id, due[1]) if due else (None, self.review_at or now)
                last = self.until or then
                return (None, last) if last < then else (step, then)
            case State.PROMISED:
                due = next_due(self.speakable, self.pace, now)
                last = self.until or now
                return (due[0].id, due[1]) if due and due[1] <= last else (None, last)
            case State.CLOSED:
                return self._next_after_close()
            case State.REVIEW:
                due, ends_at = next_due(self.speakable, self.pace, now), self._deadline
                first = due is not None and (ends_at is None or due[1] <= ends_at)
                return (due[0].id, due[1]) if due and first else (None, ends_at)
            case _:
                ends = (self._deadline, self.charge_at)
                return None, min((at for at in ends if at is not None), default=None)

    @property
    def charge_at(self) -> datetime | None:
        """When a charge that was put off is to be made."""
        return self.charging.not_before if self.charge_wanted else None

    @property
    def charge_wanted(self) -> bool:
        """Whether what is awaited is a charge of ours that has no answer yet (R4)."""
        ours = self.terms is not None and self.terms.charges
        awaited = self.state is State.RETRYING and self.awaiting is not None
        return ours and awaited and not self.charging.pending

    @property
    def _deadline(self) -> datetime | None:
        promise = self.open_promise
        ends = (self.until, promise.until if promise else None)
        return min((at for at in ends if at is not None), default=None)

    def _next_after_close(self) -> tuple[str | None, datetime | None]:
        step = self.last_word
        if self.service_status is None:
            at = step.not_before if step and self.finished else None
            return (RECEIPT, at) if at else (None, None)
        if step is not None:
            return step.id, step.not_before or step.due_at
        ending = self.service_status is ServiceStatus.ENDING
        return None, self.service_ends_at if ending else None

    def view(self, now: datetime, *, version: int | None = None) -> CaseView:
        """The projection of the case as it stands; what is next in a retry is its deadline."""
        retried = self.state is State.RETRYING
        step, at = (None, self._deadline) if retried else self.next(now)
        promise = self.promise
        return CaseView(
            workflow_id=self.workflow_id,
            version=self.version if version is None else version,
            state=self.state,
            advice=self.advice,
            decline_code=self.decline_code,
            campaign=self.campaign,
            campaign_reason=self.campaign_reason,
            policy_digest=self.policy_digest,
            outcome=self.outcome,
            cause=self.cause,
            review_reason=self.review_reason,
            review_round=self.review_round,
            next_step=step,
            next_at=at,
            deadline=self._deadline if self.state is State.REVIEW else None,
            closed_at=self.closed_at,
            closed_channels=tuple(f"{c.channel}: {c.reason}" for c in self.closed_channels),
            promise_day=promise.day if promise else None,
            promise_until=promise.until if promise else None,
            promise_status=promise.status if promise else None,
            service=self.service,
            service_status=self.service_status,
            service_ends_at=None if self.service_notice else self.service_ends_at,
            steps=tuple(_step_view(self, s) for s in self.steps),
            at=now,
        )


def of_service(step: Step) -> bool:
    """Whether it tells of the end of the service; steps of campaigns have a dot in their ids."""
    return step.id.startswith((SERVICE_ENDING, SERVICE_ENDED)) and "." not in step.id


def _step_view(case: Case, step: Step) -> StepView:
    last = step.id == RECEIPT or (case.service_status is not None and of_service(step))
    dropped = case.state is State.CLOSED and step.pending and not last
    return StepView(
        step=step.id,
        channel=step.channel,
        template=step.template,
        due_at=step.due_at,
        status=StepStatus.SKIPPED if dropped else step.status,
        reason=CASE_CLOSED if dropped else step.reason,
        at=step.at,
        joins=not dropped and case.joins(step),
    )
