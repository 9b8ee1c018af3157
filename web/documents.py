"""How are invoices, cases and events shown to programs and people outside?"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.delivery import Delivery
from dunning.directory import BillingPeriod, InvoiceStatus
from dunning.handover import HandoverStatus
from dunning.promise import PromiseStatus
from dunning.service import Service, ServiceStatus
from dunning.settlement import PaidBy
from dunning.states import Cause, Outcome, ReviewReason, State
from store.inbox import EventStatus
from store.message_records import MessageStatus


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, extra="ignore")


class MoneyDocument(_Document):
    """An amount of money."""

    amount: int = Field(description="In the currency's minor unit: 4900 USD is $49.00.")
    currency: str


class PaymentDocument(MoneyDocument):
    """Money that came in for an invoice."""

    source: PaidBy = Field(
        description="Who said so: `api`, `revtain`, or `review` when a person has looked at it."
    )
    reference: str | None
    counted: bool = Field(
        description="Whether it was taken off what is owed. Money of Revtain that is not what is "
        "owed waits for a person."
    )
    received_at: datetime


class MessageDocument(_Document):
    """One message of a case, planned or past."""

    id: str
    step: str
    channel: Channel
    template: str
    status: MessageStatus
    reason: str | None = Field(description="Why it was withheld, refused or left unknown.")
    provider_id: str | None = Field(description="The vendor's own id of the message.")
    delivery: Delivery | None = Field(
        description="How far it has come since the vendor took it, as the vendor reported."
    )
    delivery_code: str | None = Field(description="The vendor's own code of that report.")
    delivery_at: datetime | None = Field(description="When, by the vendor's clock.")
    due_at: datetime | None
    occurred_at: datetime | None
    merged_into: str | None = Field(
        description="Id of the message, of another invoice, that spoke of this one too."
    )
    together_with: list[str] = Field(
        description="The other invoices that the customer read of in the same message."
    )


class NoteDocument(_Document):
    """What a person or a program wrote about a case."""

    id: int
    author: str
    text: str
    created_at: datetime


class CaseSummary(_Document):
    """The dunning of one invoice, as it was shown last."""

    id: int
    invoice_id: str
    cycle: int = Field(description="1 for the first case of the invoice; reopening adds one.")
    workflow_id: str = Field(description="Id of the workflow in Temporal.")
    state: State
    outcome: Outcome | None
    cause: Cause | None = Field(description="What brought the money of a recovered case.")
    campaign: str | None
    campaign_reason: str | None = Field(
        description="Why this campaign was chosen, and not those before it in the policy."
    )
    advice: Advice | None
    decline_code: str | None
    next_step: str | None
    next_at: datetime | None = Field(description="When the case will act next.")
    review_reason: ReviewReason | None
    review_round: int
    promise_day: date | None = Field(
        description="The day by which the customer promised to pay, on the customer's calendar."
    )
    promise_until: datetime | None = Field(
        description="When an open promise counts as broken: the end of that day and the grace."
    )
    promise_status: PromiseStatus | None
    service: Service | None = Field(
        description="What becomes of the service, since the debt was given up; null: it is kept."
    )
    service_status: ServiceStatus | None = Field(
        description="`ending`, `ended`, or `kept` after all, since it was paid for in time."
    )
    service_ends_at: datetime | None
    closed_channels: list[str] = Field(
        description="Channels that the customer cannot be reached by, each with its reason."
    )
    owner: str | None
    opened_at: datetime
    closed_at: datetime | None
    paid_after_close_at: datetime | None


class CaseDocument(CaseSummary):
    """A case with its messages, in the order in which they are due."""

    messages: list[MessageDocument]


class CaseFile(CaseDocument):
    """A case with everything that is known of it."""

    owed: MoneyDocument = Field(description="What is left to be paid; of a paid invoice, all.")
    received: MoneyDocument | None = Field(description="What the last payment of Revtain came to.")
    waiting: list[MoneyDocument] = Field(
        description="What came in, in all, and waits for a decision; the other figure of "
        "amount_differs. One sum per currency."
    )
    payments: list[PaymentDocument] = Field(description="Money that came in, part by part.")
    notes: list[NoteDocument]


class CasePage(_Document):
    """Cases, newest first."""

    cases: list[CaseSummary]
    next: int | None = Field(description="Pass it as `before` to get the next page.")


class CustomerDocument(_Document):
    """Who owes an invoice."""

    id: str
    name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    country: str | None
    sms_consent_at: datetime | None
    tags: list[str]
    value_tier: str | None
    excluded: bool = Field(description="Left out of all dunning.")
    push_tokens: list[str] = Field(description="Devices that take notifications.")


class ReferencesDocument(_Document):
    """By which references Revtain's events mention the invoice."""

    transaction_ids: list[str]
    idempotency_keys: list[str]


class InvoiceDocument(_Document):
    """An invoice, and its latest case if it ever had one."""

    id: str
    amount_due: int = Field(description="In the currency's minor unit: 4900 USD is $49.00.")
    currency: str
    owed: MoneyDocument = Field(description="What is left to be paid; of a paid invoice, all.")
    received: MoneyDocument | None = Field(
        description="What the last payment came to, if an event of Revtain's named it."
    )
    payments: list[PaymentDocument] = Field(description="Money that came in, part by part.")
    status: InvoiceStatus
    description: str | None
    due_at: datetime | None
    billing_period: BillingPeriod | None
    next_invoice_at: datetime | None
    plan: str | None
    payment_url: str | None
    payment_method_token: str | None
    customer: CustomerDocument
    revtain: ReferencesDocument
    case: CaseDocument | None


class RecoveryDocument(_Document):
    """A failed payment that was handed over, and what has come of it so far."""

    invoice_id: str
    status: HandoverStatus = Field(
        description="queued: Revtain tries later by itself. unknown: the gateway gave no clear "
        "answer. scheduled: not tried yet. refused: it cannot be tried as it stands."
    )
    idempotency_key: str = Field(description="Under which Revtain knows it.")
    transaction_id: str | None
    decline_code: str | None = Field(description="Why the attempt failed.")
    reason: str | None = Field(description="Why it was refused or put off.")
    case: CaseSummary | None = Field(
        description="The invoice's latest case. A failure opens one a moment after the answer."
    )
    not_before: datetime | None = Field(
        description="When a scheduled one is tried, at the earliest."
    )


class EventDocument(_Document):
    """An event that came in, without its body."""

    id: int
    source: str
    name: str
    transaction_id: str | None
    idempotency_key: str | None
    status: EventStatus
    note: str | None = Field(description="What was done, or what it is waiting for.")
    attempts: int
    due_at: datetime
    invoice_id: str | None
    received_at: datetime
    done_at: datetime | None


class EventPage(_Document):
    """Events, newest first."""

    events: list[EventDocument]
    next: int | None = Field(description="Pass it as `before` to get the next page.")
