"""What must the team be told?"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class AlertKind(StrEnum):
    """Why the team is told."""

    REVIEW = "review"
    TEAM_ALERT = "team_alert"
    UNKNOWN_OUTCOME = "unknown_outcome"
    PAID_AFTER_CLOSE = "paid_after_close"
    REPLY = "reply"
    UNMATCHED = "unmatched"
    UNREADABLE = "unreadable"
    CASE_WITHOUT_RUN = "case_without_run"
    DEAD_LETTERS = "dead_letters"
    CREDENTIALS = "credentials"
    CREDENTIALS_MENDED = "credentials_mended"
    CONFIGURATION = "configuration"
    DIRECTORY_DOWN = "directory_down"
    DIRECTORY_BACK = "directory_back"
    DIRECTORY_ENTRY = "directory_entry"
    OVERPAID = "overpaid"
    PAID_TWO = "paid_two"
    CHARGE_REFUSED = "charge_refused"
    AMOUNT_DIFFERS = "amount_differs"


class NotificationChannel(StrEnum):
    """The ways to the team, in the words of the recovery service's account option."""

    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    SMS = "SMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that happened. Neither `subject` nor `detail` ever hold personal data.

    `identity` makes it the same alert when it comes again.
    """

    kind: AlertKind
    subject: str
    detail: Mapping[str, str] = field(default_factory=dict[str, str])
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Alerts of one kind that are told together: all in number, `first` of them in full.

    `since` is when the earliest of them happened.
    """

    kind: AlertKind
    first: tuple[Alert, ...]
    total: int
    since: datetime
