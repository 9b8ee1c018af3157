"""What do workflow, activities and client agree on? Wire names, queues, inputs and results.

Names are written here once and never derived from a Python name, so that code may be renamed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field
from temporalio import activity
from temporalio.common import SearchAttributeKey

from dunning.channel import Channel
from dunning.charge import ChargeResult
from dunning.events import Closed, NudgeResult, Opened, Settled
from dunning.facts import Case
from dunning.forecast import Shown
from dunning.orders import Order
from dunning.states import Cause, Outcome
from dunning.steps import Step
from dunning.work import Charge, Open

WORKFLOW = "dunning-case"
QUEUE = "dunning"
EMAIL_QUEUE = "dunning-email"
SMS_QUEUE = "dunning-sms"
PUSH_QUEUE = "dunning-push"
NUDGE_QUEUES = {
    Channel.EMAIL: EMAIL_QUEUE,
    Channel.SMS: SMS_QUEUE,
    Channel.PUSH: PUSH_QUEUE,
}

PAYMENT_FAILED = "payment_failed"
PAYMENT_RECOVERED = "payment_recovered"
AMOUNT_DIFFERS = "amount_differs"
CARD_REPLACED = "card_replaced"
INVOICE_VOIDED = "invoice_voided"
CASE_REOPENED = "case_reopened"
REACH_CHANGED = "reach_changed"
MESSAGE_SETTLED = "message_settled"
ORDER_IN_BULK = "order_in_bulk"
ORDER = "order"
SNAPSHOT = "snapshot"

# With the pauses between them, about two minutes; then the case waits, not the activity.
NUDGE_ATTEMPTS = 6
CHARGE_ATTEMPTS = 6

STATE = SearchAttributeKey.for_keyword("DunningState")
OUTCOME = SearchAttributeKey.for_keyword("DunningOutcome")
CAMPAIGN = SearchAttributeKey.for_keyword("DunningCampaign")
SEARCH_ATTRIBUTES = (STATE, OUTCOME, CAMPAIGN)

AnyOrder = Annotated[Order, Field(discriminator="kind")]
AnyResult = Annotated[NudgeResult, Field(discriminator="kind")]
AnyCharge = Annotated[ChargeResult, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseInput:
    """What a run begins with: an invoice to open a case for, or a case to go on with.

    `shown` is what the search attributes say at the start.
    """

    invoice_id: str
    cycle: int
    shown: Shown | None = None
    case: Case | None = None
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How the case ended."""

    outcome: Outcome | None
    cause: Cause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a case stands, in words for a person and for a program."""

    state: str
    version: int
    next_step: str | None
    next_at: datetime | None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInput:
    """One operator's order. `order` is told apart by its `kind`."""

    order: AnyOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOrder:
    """The signal twin of an order, for many cases at once. `id` makes it count once."""

    id: str
    order: AnyOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInput:
    """Look up and plan for a case."""

    invoice_id: str
    case: Case
    work: Open


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgeInput:
    """Send one step of a case."""

    invoice_id: str
    case: Case
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgeOutput:
    """What became of it."""

    result: AnyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeInput:
    """Have the card of a case charged. Which card that is stands in the store alone."""

    invoice_id: str
    case: Case
    work: Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOutput:
    """What came of it."""

    result: AnyCharge


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case to be shown, or to be closed, in the database."""

    invoice_id: str
    case: Case


class CaseActivities(ABC):
    """What a case asks of the world besides sending."""

    @activity.defn(name="open_case")
    @abstractmethod
    async def open_case(self, asked: OpenInput) -> Opened:
        """Look the facts up, plan the campaign, and show the case as it opens."""

    @activity.defn(name="project_case")
    @abstractmethod
    async def project_case(self, record: CaseRecord) -> Settled | None:
        """Show the case in the database, unless a later version is shown already.

        That a service has ended is shown only if that is true; else it says why it is not.
        """

    @activity.defn(name="charge")
    @abstractmethod
    async def charge(self, asked: ChargeInput) -> ChargeOutput:
        """Have the invoice's card charged, at most once for each key."""

    @activity.defn(name="close_case")
    @abstractmethod
    async def close_case(self, record: CaseRecord) -> Closed:
        """Write the end down, then send the receipt if one is owed."""


class NudgeActivities(ABC):
    """What a case asks of one channel's queue."""

    @activity.defn(name="nudge")
    @abstractmethod
    async def nudge(self, asked: NudgeInput) -> NudgeOutput:
        """Send one step, unless the truth at this moment forbids it."""
