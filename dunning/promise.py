"""What is a promise to pay, and what does the pinned policy say of promises (R11)?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class PromiseStatus(StrEnum):
    """What became of a promise. `ended` by an operator, or because the case closed unpaid."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A day by which the customer will pay; `until` (UTC) that day and the bank's days are over."""

    day: date
    until: datetime
    status: PromiseStatus = PromiseStatus.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseTerms:
    """How far ahead and how often a customer may promise, and what is said of it."""

    longest: timedelta
    most: int
    grace: timedelta
    confirm: bool
    remind: bool
