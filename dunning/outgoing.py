"""Of which happenings do the merchant's systems hear, and what are they told of each?

Never personal data, and no words that a person wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dunning.states import Outcome


class Kind(StrEnum):
    """The type of an event, as endpoints subscribe to it."""

    CASE_OPENED = "case.opened"
    CASE_WAITING = "case.waiting"
    CASE_WATCHING = "case.watching"
    CASE_RETRYING = "case.retrying"
    CASE_PROMISED = "case.promised"
    CASE_PAUSED = "case.paused"
    CASE_REVIEW = "case.review"
    CASE_CAMPAIGN = "case.campaign"
    CASE_RECOVERED = "case.recovered"
    CASE_CANCELLED = "case.cancelled"
    CASE_WRITTEN_OFF = "case.written_off"
    CASE_STOPPED = "case.stopped"
    CASE_HANDED_OVER = "case.handed_over"
    CASE_CLOSED = "case.closed"
    CASE_PAID_AFTER_CLOSE = "case.paid_after_close"
    PROMISE_KEPT = "promise.kept"
    PROMISE_BROKEN = "promise.broken"
    CHARGE_REQUESTED = "charge.requested"
    CHARGE_ANSWERED = "charge.answered"
    PAYMENT_RECEIVED = "payment.received"
    CUSTOMER_ASKED_FOR_HELP = "customer.asked_for_help"
    SERVICE_ENDING = "service.ending"
    SERVICE_ENDED = "service.ended"
    SERVICE_KEPT = "service.kept"
    MESSAGE_SENT = "message.sent"
    MESSAGE_WITHHELD = "message.withheld"
    MESSAGE_REFUSED = "message.refused"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_SETTLED = "message.settled"
    MESSAGE_OVERTAKEN = "message.overtaken"
    MESSAGE_SKIPPED = "message.skipped"
    MESSAGE_ALERTED = "message.alerted"
    MESSAGE_DEFERRED = "message.deferred"
    MESSAGE_CANCELED = "message.canceled"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_UNDELIVERED = "message.undelivered"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_DROPPED = "message.dropped"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNSUBSCRIBED = "message.unsubscribed"
    MESSAGE_RESUBSCRIBED = "message.resubscribed"
    MESSAGE_COMPLAINED = "message.complained"
    CHANNEL_CLOSED = "channel.closed"
    CHANNEL_OPENED = "channel.opened"
    REVIEW_ROUND = "review.round"
    REVIEW_CHANGED = "review.changed"
    REVIEW_DECIDED = "review.decided"
    ORDER_GIVEN = "order.given"
    ORDER_REFUSED = "order.refused"

    @property
    def unasked(self) -> bool:
        """Whether an endpoint that names no kinds gets it."""
        return self not in _UNLESS_NAMED


# Each end has a kind of its own, and `case.closed` says it again; the others come in numbers.
_UNLESS_NAMED = (
    Kind.CASE_CLOSED,
    Kind.MESSAGE_SKIPPED,
    Kind.MESSAGE_DEFERRED,
    Kind.MESSAGE_READ,
)
ENDS = tuple(Kind(f"case.{outcome}") for outcome in Outcome)
TEST = "dunning.test"
# After each failure, by the recommendation of the Standard Webhooks specification.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
_LONGEST_URL = 2000


def pause_after(attempts: int, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait after so many failures, and at least as asked; None: give up."""
    if attempts > len(PAUSES):
        return None
    return max(PAUSES[attempts - 1], asked or timedelta())


def check_url(value: str) -> str:
    """An address that events can be posted to; ValueError says what is wrong with it."""
    url = value.strip()
    parts = _split(url)
    if parts is None or not url.isprintable() or " " in url or len(url) > _LONGEST_URL:
        raise ValueError("must be an address such as https://shop.example/hooks/dunning")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user name or password: the signature proves who calls")
    if parts.fragment:
        raise ValueError("must have no part after #, which is never sent")
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def fields(kind: Kind) -> tuple[str, ...]:
    """The names of what an event of this kind tells."""
    family = kind.partition(".")[0]
    return (*COMMON, *_ADDED.get(kind, _OF_FAMILY[family]))


def told(kind: Kind, happening: Mapping[str, Any], standing: Mapping[str, Any]) -> dict[str, Any]:
    """What is told: how the case stood, and of the happening the fields of its kind, no others."""
    found = {name: standing.get(name) for name in COMMON}
    added = (name for name in fields(kind) if name not in found)
    return found | {name: _value(name, happening) for name in added}


def _value(name: str, happening: Mapping[str, Any]) -> Any:
    known = (happening[key] for key in _KEYS.get(name, (name,)) if key in happening)
    return next(known, None)


COMMON = ("invoice_id", "case", "cycle", "state", "outcome", "cause", "campaign")
_STATE = ("previous_state", "advice", "decline_code", "next_step", "next_at")
_DECIDED = ("message", "step", "channel", "template", "reason", "provider_id", "due_at")
_REPORTED = ("message", "step", "channel", "code", "provider_id")
_REPORTS = (
    Kind.MESSAGE_DEFERRED,
    Kind.MESSAGE_CANCELED,
    Kind.MESSAGE_DELIVERED,
    Kind.MESSAGE_READ,
    Kind.MESSAGE_UNDELIVERED,
    Kind.MESSAGE_BOUNCED,
    Kind.MESSAGE_DROPPED,
    Kind.MESSAGE_FAILED,
    Kind.MESSAGE_UNSUBSCRIBED,
    Kind.MESSAGE_RESUBSCRIBED,
    Kind.MESSAGE_COMPLAINED,
)
_OF_FAMILY: Mapping[str, tuple[str, ...]] = {
    "case": _STATE,
    "message": _DECIDED,
    "promise": ("promise_day", "promise_until"),
    "charge": ("charge", "purpose", "status", "decline_code", "transaction"),
    "payment": ("amount", "currency", "source", "left"),
    "customer": (),
    "service": ("service", "service_ends_at"),
    "channel": ("channel",),
    "review": ("review_round", "review_reason", "deadline", "decision"),
    "order": ("order", "step", "until", "days", "decision", "promise_day"),
}
_ADDED: Mapping[Kind, tuple[str, ...]] = {
    **dict.fromkeys(_REPORTS, _REPORTED),
    Kind.CASE_OPENED: (),
    Kind.CASE_PROMISED: (*_STATE, "promise_day", "promise_until"),
    Kind.CASE_REVIEW: (
        "previous_state",
        "advice",
        "decline_code",
        "review_reason",
        "review_round",
        "deadline",
    ),
    Kind.CASE_PAID_AFTER_CLOSE: (),
    Kind.MESSAGE_SETTLED: (*_DECIDED, "status"),
    Kind.CHANNEL_CLOSED: ("channel", "reason"),
    Kind.ORDER_REFUSED: ("order", "reason"),
}
# Under which keys the audit has what we call by a name of our own.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "previous_state": ("from",),
    "deadline": ("deadline", "next_at"),
    "review_round": ("review_round", "round"),
    "review_reason": ("review_reason", "reason"),
    "promise_day": ("promise_day", "day"),
}
