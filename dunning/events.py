"""What can happen to a case?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.charge import ChargeResult
from dunning.promise import PromiseTerms
from dunning.service import ServiceTerms
from dunning.states import Cause, Outcome, Withheld
from dunning.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The recovery service gave up on a transaction, or refused to try it.

    `card` is the digest of the payment method that the transaction was attempted with, as far
    as the registry knows.
    """

    id: str
    advice: Advice
    decline_code: str | None = None
    transaction_id: str | None = None
    card: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The money arrived; the store already says so."""

    id: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountDiffers:
    """A success came with another amount or currency; the store has both figures."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReplaced:
    """The customer gave a new card; `card` is its digest."""

    id: str
    card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """Nothing is owed any more."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A person began another case of the invoice after this one had closed."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachChanged:
    """A channel to the customer is closed for this reason, or with None may be open again (R7)."""

    id: str
    channel: Channel
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSettled:
    """What became of a message whose outcome was unknown is known now.

    One that was certainly not sent may be sent again.
    """

    id: str
    step: str
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the pinned policy says to a case outside its steps. Durations are wall time.

    `extend_keeps_review` is false in cases that began while extending any review resumed the case:
    they end under the rules with which they began (R9). Without `promise` none are taken; without
    `end` the service is kept. With `charges` we charge a new card; one that the recovery service
    has queued is awaited for `queued`.
    """

    spacing: timedelta
    watch: timedelta
    watch_then_campaign: bool
    retry: timedelta
    review: timedelta
    review_rounds: int
    review_then: Outcome
    receipt: bool
    extend_keeps_review: bool = False
    promise: PromiseTerms | None = None
    end: ServiceTerms | None = None
    charges: bool = False
    queued: timedelta = timedelta(days=45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The facts and the plan that were looked up for `advice`. Instants are UTC.

    `unreachable` when no message of the plan has a channel that is open; `rerouted` when the steps
    are those of the plan there is, over channels that are open.
    """

    policy_digest: str
    terms: Terms
    advice: Advice
    decline_code: str | None = None
    campaign: str | None = None
    reason: str | None = None
    steps: tuple[Step, ...] = ()
    review_at: datetime | None = None
    settled: Settled | None = None
    amount_differs: bool = False
    card: str | None = None
    unreachable: bool = False
    rerouted: bool = False
    kind: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The vendor took the message, which may speak of further invoices.

    `channel` when it went over another one than the step was planned for; so below.
    """

    at: datetime
    together_with: tuple[str, ...] = ()
    channel: Channel | None = None
    kind: Literal["sent"] = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The message was withheld on purpose."""

    reason: Withheld
    at: datetime
    kind: Literal["withheld"] = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Nothing was sent; try again at `until`.

    One that does not count makes no later pause of the step longer.
    """

    until: datetime
    reason: str
    counts: bool = True
    kind: Literal["deferred"] = "deferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadChannel:
    """The vendor refuses this message for good; `reason` is one of our words."""

    reason: str
    at: datetime
    channel: Channel | None = None
    kind: Literal["dead_channel"] = "dead_channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The message may or may not have been taken; it is never sent again."""

    at: datetime
    channel: Channel | None = None
    kind: Literal["unknown"] = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """The team was told; nothing was sent to the customer."""

    at: datetime
    kind: Literal["alerted"] = "alerted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The directory says that the debt is gone."""

    outcome: Outcome
    cause: Cause | None = None
    kind: Literal["settled"] = "settled"


NudgeResult = Sent | NotSent | Deferred | DeadChannel | Unknown | Alerted | Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgeEnded:
    """A nudge has its result; `shown` unless the activity failed before it could show it."""

    step: str
    result: NudgeResult
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """A charge that was ordered has its result; `shown` as for a nudge."""

    result: ChargeResult
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The end is written down; `receipt` is what became of the receipt, if there was one."""

    receipt: NudgeResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """The database shows this version.

    `settled` when the truth forbade to say that the service has ended.
    """

    settled: Settled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke:
    """An instant that the case was waiting for has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled:
    """The run was cancelled in Temporal."""
