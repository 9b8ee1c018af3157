"""May a card be charged with an amount now, or was it charged too often of late?

Revtain takes the same card and amount within five minutes for the same charge. The card networks
fine a merchant who asks for one payment again and again: Visa allows 20 attempts in 30 days, some
acquirers 15; Mastercard looks at each day as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dunning.charge import NotCharged, PutOff

# Five minutes by Revtain's clock, with room for the way there and for clocks that differ.
APART = timedelta(minutes=5, seconds=15)
MONTH = timedelta(days=30)
_DAY = timedelta(hours=24)
_MOST_A_MONTH = 15
_MOST_A_DAY = 7

TOO_SOON = "the same card was charged with the same amount a moment ago"
_OFTEN_TODAY = f"{_MOST_A_DAY} charges of this card with this amount in 24 hours are enough"
_OFTEN = f"{_MOST_A_MONTH} charges of this card with this amount in 30 days are enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The instants at which one card was to be charged with one amount, by us, for whatever."""

    requests: Sequence[datetime]

    def hindrance(self, now: datetime) -> PutOff | NotCharged | None:
        """Why it is not charged now; None when it may be."""
        month = sorted(at for at in self.requests if at > now - MONTH)
        if len(month) >= _MOST_A_MONTH:
            return NotCharged(reason=_OFTEN)
        day = [at for at in month if at > now - _DAY]
        if len(day) >= _MOST_A_DAY:
            return PutOff(until=day[-_MOST_A_DAY] + _DAY, reason=_OFTEN_TODAY)
        if day and now - day[-1] < APART:
            return PutOff(until=day[-1] + APART, reason=TOO_SOON)
        return None
