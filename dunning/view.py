"""What do people and lists see of a case? The projection that is written to the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from dunning.advice import Advice
    from dunning.channel import Channel
    from dunning.promise import PromiseStatus
    from dunning.service import Service, ServiceStatus
    from dunning.states import Cause, Outcome, ReviewReason, State, StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One planned message and what became of it. `at` is when that was, in the case's time.

    `joins` while it may go with a message about another invoice of the customer.
    """

    step: str
    channel: Channel
    template: str
    due_at: datetime
    status: StepStatus
    reason: str | None = None
    at: datetime | None = None
    joins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case at one version. A higher version replaces a lower one, never the reverse.

    `deadline` is that of a review, which may have a message to send before.

    `at` is when it was looked at, in the case's time; the same view at another time is the same.
    """

    workflow_id: str
    version: int
    state: State
    advice: Advice | None = None
    decline_code: str | None = None
    campaign: str | None = None
    campaign_reason: str | None = None
    policy_digest: str | None = None
    outcome: Outcome | None = None
    cause: Cause | None = None
    review_reason: ReviewReason | None = None
    review_round: int = 0
    next_step: str | None = None
    next_at: datetime | None = None
    deadline: datetime | None = None
    closed_at: datetime | None = None
    closed_channels: tuple[str, ...] = ()
    promise_day: date | None = None
    promise_until: datetime | None = None
    promise_status: PromiseStatus | None = None
    service: Service | None = None
    service_status: ServiceStatus | None = None
    service_ends_at: datetime | None = None
    steps: tuple[StepView, ...] = ()
    at: datetime | None = field(default=None, compare=False)
