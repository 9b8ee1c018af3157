"""What did a recovery vendor tell us? Facts in our own words, before they meet an invoice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dunning.money import Money


class InboundKind(StrEnum):
    """The vendor's event names that mean something to us."""

    FAILED = "recovery.failed"
    BLOCKED = "recovery.blocked"
    SUCCESS = "recovery.success"
    CARD_UPDATED = "card.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEvent:
    """One event of the vendor, tolerant of everything but its name.

    `kind` is None for an event that we do not know. `problem` says in one sentence why a known
    event cannot be acted on (a field of the wrong type, a missing transaction). Tokens may hold
    personal data and are used for matching only.
    """

    name: str
    kind: InboundKind | None
    transaction_id: str | None = None
    idempotency_key: str | None = None
    recommended_action: str | None = None
    decline_code: str | None = None
    amount: int | None = None
    currency: str | None = None
    old_token: str | None = None
    new_token: str | None = None
    simulated: bool = False
    problem: str | None = None

    @property
    def money(self) -> Money | None:
        """Amount and currency when the body has both."""
        if self.amount is None or self.currency is None:
            return None
        return Money(minor=self.amount, currency=self.currency)
