"""What is known of a message?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dunning.channel import Channel
from dunning.delivery import Delivery

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping


class MessageStatus(StrEnum):
    """What is known of a message. Nothing changes `sent`."""

    PLANNED = "planned"
    RESERVED = "reserved"
    SENT = "sent"
    WITHHELD = "withheld"
    OVERTAKEN = "overtaken"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ALERTED = "alerted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message as people look at it."""

    id: str
    step: str
    channel: Channel
    template: str
    status: MessageStatus
    reason: str | None
    provider_id: str | None
    due_at: datetime | None
    reserved_at: datetime | None
    occurred_at: datetime | None
    updated_at: datetime
    merged_into: str | None = None
    together_with: tuple[str, ...] = ()
    delivery: Delivery | None = None
    delivery_code: str | None = None
    delivery_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A message of unknown outcome. `requested_at` is when the vendor may have got it."""

    id: str
    invoice_id: str
    step: str
    channel: Channel
    template: str
    requested_at: datetime | None
    occurred_at: datetime | None
    reason: str | None


def record_of(row: RowMapping) -> MessageRecord:
    """As the statement `MESSAGES` of the ledger gives it."""
    values: dict[str, Any] = dict(row)
    values["channel"] = Channel(values["channel"])
    values["status"] = MessageStatus(values["status"])
    values["delivery"] = values["delivery"] and Delivery(values["delivery"])
    values["together_with"] = tuple(values["together_with"] or ())
    return MessageRecord(**values)
