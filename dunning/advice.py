"""What does a failure ask of us?"""

from __future__ import annotations

from enum import StrEnum

AUTHENTICATION_REQUIRED = "authentication_required"


class Advice(StrEnum):
    """What a failure asks of us, weakest first; the order of the members is their strength."""

    MONITOR = "monitor"
    RETRY_LATER = "retry_later"
    REQUEST_CARD_UPDATE = "request_card_update"
    AUTHENTICATE = "authenticate"
    MANUAL_REVIEW = "manual_review"
    BLOCKED = "blocked"

    @property
    def strength(self) -> int:
        """Position in the order; only comparisons mean anything."""
        return _STRENGTH[self]

    @property
    def writes(self) -> bool:
        """Whether the customer is written to."""
        return self in (Advice.REQUEST_CARD_UPDATE, Advice.AUTHENTICATE)

    @property
    def watches(self) -> bool:
        """Whether the recovery service may still act by itself."""
        return self in (Advice.MONITOR, Advice.RETRY_LATER)


_STRENGTH = {advice: rank for rank, advice in enumerate(Advice)}
_STATED = {
    a.value: a
    for a in (
        Advice.MONITOR,
        Advice.RETRY_LATER,
        Advice.REQUEST_CARD_UPDATE,
        Advice.MANUAL_REVIEW,
    )
}


def of_failure(recommended_action: str | None, decline_code: str | None) -> Advice:
    """Advice of `recovery.failed`. An unknown or missing action asks for a person."""
    if decline_code == AUTHENTICATION_REQUIRED:
        return Advice.AUTHENTICATE
    return _STATED.get(recommended_action or "", Advice.MANUAL_REVIEW)


def of_block(decline_code: str | None) -> Advice:
    """Advice of `recovery.blocked`: a person, unless the card is fine and wants confirmation."""
    if decline_code == AUTHENTICATION_REQUIRED:
        return Advice.AUTHENTICATE
    return Advice.BLOCKED


def strongest(first: Advice, second: Advice) -> Advice:
    """The advice that wins when both were seen, in whatever order."""
    return first if first.strength >= second.strength else second
