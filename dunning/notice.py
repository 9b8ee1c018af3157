"""What does a message say? Typed parameters that every template may use, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from dunning.money import Money

ESSENTIAL = frozenset(
    {
        *("payment_received", "service_ending", "service_ended"),
        *("service_pausing", "service_paused"),
    }
)
"""Templates of notices that a customer must get: they offer no way to stop them (R13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """The merchant as the customer knows it; comes from the policy."""

    name: str
    support_email: str
    website: str | None = None
    logo_url: str | None = None
    color: str = "#1f4fd8"
    postal_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One further invoice of the customer, named in a message that speaks of several.

    `pay_url` is the signed link of its own campaign.
    """

    invoice_id: str
    amount: Money
    pay_url: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Everything a template may say to one customer about one invoice, or about several.

    `last_day` is the last local day on which paying keeps everything as it is, `promised_day` the
    one that the customer chose, `paused_until` the first on which reminders may go on. `pay_url`
    is the signed link of the campaign; `others` are further open invoices of the same message.
    `preferences_url` is the signed link at which the customer chooses what to receive.
    """

    template: str
    locale: str
    brand: Brand
    amount: Money
    invoice_id: str
    pay_url: str
    customer_name: str | None = None
    description: str | None = None
    last_day: date | None = None
    promised_day: date | None = None
    paused_until: date | None = None
    others: tuple[Line, ...] = ()
    preferences_url: str | None = None
