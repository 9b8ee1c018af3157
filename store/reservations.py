"""May a message be sent now? What is asked of the ledger, and each of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from store.message_records import MessageStatus

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from dunning.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is about to be sent. `now` is the case's time.

    `after_payment` is for receipts, which follow a payment and do not count. `essential` ones are
    sent in spite of an unsubscribe from reminders. Those `of_service` do not count either, and
    follow a close that ends the service. `spacing` is the least
    distance from a message of another invoice that spoke of this one too. `address` is what must
    not be closed when the message is taken. `subject` and `text` are kept for a while.
    """

    step: str
    channel: Channel
    template: str
    due_at: datetime
    now: datetime
    body_digest: str | None = None
    after_payment: bool = False
    of_service: bool = False
    essential: bool = False
    spacing: timedelta = timedelta(0)
    address: str | None = None
    subject: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The message is ours to send, once, under this id, while nobody takes it back."""

    message_id: str
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The message is not ours to send: something became of it before.

    `merged_into` is the message that speaks of this invoice too, `together_with` the other
    invoices that it speaks of. `stale` when nobody can be busy with it any more. `requested` once a
    request to the vendor was about to leave; before, the vendor certainly has nothing. `begun_at`
    is in the case's time.
    """

    message_id: str
    status: MessageStatus
    provider_id: str | None
    reserved_at: datetime | None
    body_digest: str | None
    occurred_at: datetime | None
    reason: str | None
    merged_into: str | None = None
    together_with: tuple[str, ...] = ()
    stale: bool = False
    requested: bool = True
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is owed any more: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class SuccessPending:
    """A success was received and is about to be settled: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The address was closed: nothing may be sent there."""


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The customer has heard from us often enough on this channel."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The step has left, or may have, over another channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenOf:
    """A message of another invoice spoke of this one, at this instant in the case's time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Apart:
    """One of the companions cannot come along any more: nothing was reserved."""


Hindrance = Settled | SuccessPending | Suppressed | OverBudget | Elsewhere | SpokenOf
Reservation = Reserved | Found | Apart | Hindrance


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A planned message of another invoice of the same customer.

    `last_at` is when the customer was written to about that invoice before.
    """

    message_id: str
    invoice_id: str
    policy_digest: str | None
    next_at: datetime
    last_at: datetime | None


def reservation_of(row: RowMapping) -> Reservation | None:
    """The answer to `RESERVE`; None when that met a row that it could not see yet: ask again."""
    if row["reserved_id"] is not None:
        return Reserved(message_id=row["reserved_id"], reserved_at=row["taken_at"])
    if row["id"] is not None:
        return found_of(row)
    hindrance = next((answer for name, answer in _HINDRANCES.items() if row[name]), None)
    if hindrance is None and row["spoken_of_at"] is not None:
        return SpokenOf(at=row["spoken_of_at"])
    return hindrance or (OverBudget() if row["over_budget"] else None)


# In the order of their weight, which is above that of spacing and budget.
_HINDRANCES: dict[str, Hindrance] = {
    "settled": Settled(),
    "success_pending": SuccessPending(),
    "suppressed": Suppressed(),
    "elsewhere": Elsewhere(),
}


def found_of(row: RowMapping) -> Found:
    """A message that something became of."""
    return Found(
        message_id=row["id"],
        status=MessageStatus(row["status"]),
        provider_id=row["provider_id"],
        reserved_at=row["reserved_at"],
        body_digest=row["body_digest"],
        occurred_at=row["occurred_at"],
        reason=row["reason"],
        merged_into=row["merged_into"],
        together_with=tuple(row["together_with"] or ()),
        stale=bool(row["stale"]),
        requested=row["requested_at"] is not None,
        begun_at=row["begun_at"],
    )
