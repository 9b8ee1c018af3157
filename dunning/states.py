"""In which states can a case be, and how can it end? Values are wire names and never change."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a case stands."""

    OPENING = "opening"
    WAITING = "waiting"
    WATCHING = "watching"
    RETRYING = "retrying"
    PROMISED = "promised"
    PAUSED = "paused"
    REVIEW = "review"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a case ended."""

    RECOVERED = "recovered"
    CANCELLED = "cancelled"
    WRITTEN_OFF = "written_off"
    STOPPED = "stopped"
    HANDED_OVER = "handed_over"


class Cause(StrEnum):
    """What brought the money of a recovered case."""

    REVTAIN_RETRY = "revtain_retry"
    CARD_UPDATE = "card_update"
    PAID_ELSEWHERE = "paid_elsewhere"
    MANUAL = "manual"


class ReviewReason(StrEnum):
    """Why a person must decide."""

    MANUAL_REVIEW = "manual_review"
    BLOCKED = "blocked"
    AMOUNT_DIFFERS = "amount_differs"
    NO_CAMPAIGN = "no_campaign"
    CAMPAIGN_OVER = "campaign_over"
    WATCH_OVER = "watch_over"
    RETRY_OVER = "retry_over"
    UNREACHABLE = "unreachable"
    CHARGE_REFUSED = "charge_refused"

    @property
    def timed_out(self) -> bool:
        """Whether time brought the case here, rather than something that was said of it."""
        return self in (
            ReviewReason.NO_CAMPAIGN,
            ReviewReason.CAMPAIGN_OVER,
            ReviewReason.WATCH_OVER,
            ReviewReason.RETRY_OVER,
            ReviewReason.UNREACHABLE,
        )


class StepStatus(StrEnum):
    """What became of a planned message."""

    PLANNED = "planned"
    SENT = "sent"
    WITHHELD = "withheld"
    OVERTAKEN = "overtaken"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ALERTED = "alerted"


class Withheld(StrEnum):
    """Why a message was not sent, in the words that operators read."""

    NO_ADDRESS = "no_address"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    BAD_ADDRESS = "bad_address"
    COMPLAINED = "complained"
    FILTERED = "filtered"
    EXCLUDED = "customer_excluded"
    NO_WINDOW = "no_common_window"
    NO_VENDOR = "channel_not_configured"
    OVER_BUDGET = "over_budget"
    DIRECTORY_DOWN = "directory_down"
    NOT_LISTED = "not_in_directory"
    AMOUNT_DIFFERS = "amount_differs"
