"""How far has a message come after its vendor took it, and what does that say of its address?

Vendors report late, twice, in any order, or not at all. So the state of a message is the greatest
of all reports in one order: whatever order they come in, the same ones end in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from dunning.suppression import Reason, Scope

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.channel import Channel


class Delivery(StrEnum):
    """How far a message has come. Values are wire names and never change."""

    ACCEPTED = "accepted"  # the vendor has it and has not looked at it
    QUEUED = "queued"  # it waits at the vendor for its turn
    PROCESSED = "processed"  # the vendor is about to hand it on
    SENT_ON = "sent_on"  # the next server or carrier took it
    DEFERRED = "deferred"  # not taken for the moment; the vendor tries again
    CANCELED = "canceled"  # taken back before it left
    UNDELIVERED = "undelivered"  # not taken; only the code says whether the address is good
    FAILED = "failed"  # the vendor could not send it
    DROPPED = "dropped"  # the vendor did not even try
    DELIVERED = "delivered"
    READ = "read"
    BOUNCED = "bounced"  # refused for good, perhaps after it was taken first
    RESUBSCRIBED = "resubscribed"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"  # reported as spam

    @property
    def rank(self) -> int:
        """A report of a lower rank than what is known changes nothing."""
        return _RANKS[self]

    @property
    def final(self) -> bool:
        """Whether no vendor needs to be asked any more."""
        return self not in _UNDER_WAY


# Every allowed transition: from each line to itself and to those below it, never upwards. What
# arrived may still bounce; who complains or unsubscribes has read it. Of two on one line, the
# later by the vendor's clock counts.
LADDER: tuple[frozenset[Delivery], ...] = (
    frozenset({Delivery.ACCEPTED}),
    frozenset({Delivery.QUEUED}),
    frozenset({Delivery.PROCESSED}),
    frozenset({Delivery.SENT_ON}),
    frozenset({Delivery.DEFERRED}),
    frozenset({Delivery.CANCELED}),
    frozenset({Delivery.UNDELIVERED}),
    frozenset({Delivery.FAILED}),
    frozenset({Delivery.DROPPED}),
    frozenset({Delivery.DELIVERED}),
    frozenset({Delivery.READ}),
    frozenset({Delivery.BOUNCED}),
    frozenset({Delivery.RESUBSCRIBED, Delivery.UNSUBSCRIBED}),
    frozenset({Delivery.COMPLAINED}),
)
_RANKS = {state: rank for rank, rung in enumerate(LADDER) for state in rung}
_UNDER_WAY = frozenset(
    {
        Delivery.ACCEPTED,
        Delivery.QUEUED,
        Delivery.PROCESSED,
        Delivery.SENT_ON,
        Delivery.DEFERRED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a message's delivery: the state, the vendor's code, and since when."""

    state: Delivery
    code: str | None
    at: datetime


def furthest(known: Known | None, reported: Known) -> Known:
    """What is known after a report; `known` itself when the report adds nothing."""
    if known is None or _order(reported) > _order(known):
        return reported
    return known


def _order(known: Known) -> tuple[int, datetime, str, str]:
    return known.state.rank, known.at, known.state.value, known.code or ""


class Evidence(StrEnum):
    """What a report says of the address, whichever vendor says it, and however."""

    NO_SUCH_ADDRESS = "no_such_address"  # hard bounce, landline, unknown number
    COMPLAINT = "complaint"  # the reader pressed the spam button
    UNSUBSCRIBED = "unsubscribed"  # no reminders, please
    RESUBSCRIBED = "resubscribed"
    OPTED_OUT = "opted_out"  # the vendor takes nothing for it any more
    FILTERED = "filtered"  # a carrier throws our messages to it away


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """For what, how far and for how long an address is closed; for good without `lasts`."""

    reason: Reason
    scope: Scope = Scope.EVERYTHING
    lasts: timedelta | None = None


# A filter looks at what is sent, not only at whom: the address itself may be good.
_FILTERS_LAST = timedelta(days=30)
CLOSURES: dict[Evidence, Closure | None] = {
    Evidence.NO_SUCH_ADDRESS: Closure(reason=Reason.BAD_ADDRESS),
    Evidence.COMPLAINT: Closure(reason=Reason.COMPLAINED),
    Evidence.UNSUBSCRIBED: Closure(reason=Reason.OPTED_OUT, scope=Scope.REMINDERS),
    Evidence.RESUBSCRIBED: None,
    Evidence.OPTED_OUT: Closure(reason=Reason.OPTED_OUT),
    Evidence.FILTERED: Closure(reason=Reason.FILTERED, lasts=_FILTERS_LAST),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a vendor said of one message that it had taken.

    `message_ids` are our own id, `provider_ids` the vendor's, the likeliest first: some vendors
    lengthen it. `state` is None for what says nothing of the delivery, `at` is by the vendor's
    clock, if it tells. `address` is personal data: compared and digested, never kept or logged.
    `mend` says in our words what the merchant must mend at the vendor, whomever he writes to.
    """

    channel: Channel
    name: str
    message_id: str | None = None
    provider_ids: tuple[str, ...] = ()
    state: Delivery | None = None
    code: str | None = None
    at: datetime | None = None
    address: str | None = None
    evidence: Evidence | None = None
    mend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One report as it is stored: its name, what makes it the same when it comes again, and JSON.

    `problem` says why it cannot be read.
    """

    name: str
    identity: bytes
    body: bytes
    problem: str | None = None
