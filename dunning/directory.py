"""Who owes what, and how may they be reached? Values as looked up at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dunning.channel import Channel

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.money import Money


class BillingPeriod(StrEnum):
    """How often the merchant bills; an invoice without one is a single charge."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class InvoiceStatus(StrEnum):
    """What the merchant says of the debt. `paid` is final."""

    OPEN = "open"
    PAID = "paid"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The customer of an invoice. Holds personal data: never logged, never put in a history."""

    customer_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    sms_consent_at: datetime | None = None
    tags: tuple[str, ...] = ()
    value_tier: str | None = None
    excluded: bool = False
    push_tokens: tuple[str, ...] = ()


def address_of(contact: Contact, channel: Channel) -> str | None:
    """By what a customer is reached, and by what a channel is closed to them."""
    match channel:
        case Channel.EMAIL:
            return contact.email
        case Channel.SMS:
            return contact.phone
        case Channel.PUSH:
            return contact.customer_id if contact.push_tokens else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One debt as the directory knows it now.

    `amount` is what is left to be paid, of a paid invoice all that it was about. `total` is what
    the merchant registered; None: the same.
    """

    id: str
    amount: Money
    status: InvoiceStatus
    contact: Contact
    description: str | None = None
    billing_period: BillingPeriod | None = None
    plan: str | None = None
    due_at: datetime | None = None
    next_invoice_at: datetime | None = None
    payment_url: str | None = None
    link_id: str = ""
    received: Money | None = None
    total: Money | None = None
