"""What does a failure ask of us, and what does its decline code mean?"""

from __future__ import annotations

from enum import StrEnum

AUTHENTICATION_REQUIRED = "authentication_required"


class DeclineClass(StrEnum):
    """Kinds of decline that ask for different words or another pace; `CODES` has their codes."""

    SOFT = "soft"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED = "expired"
    HARD = "hard"
    AUTHENTICATION = "authentication"
    FRAUD = "fraud"
    UNKNOWN = "unknown"


# The codes that Revtain's pages name, and beside them Stripe's words for the same declines. The
# lists are open: a code that is not here, or none at all, is of the class `unknown`.
CODES: dict[DeclineClass, frozenset[str]] = {
    DeclineClass.SOFT: frozenset(
        {
            "call_issuer",
            "card_declined",
            "card_velocity_exceeded",
            "do_not_honor",
            "gateway_timeout",
            "generic_decline",
            "issuer_unavailable",
            "issuer_not_available",
            "processing_error",
            "reenter_transaction",
            "try_again_later",
        }
    ),
    DeclineClass.INSUFFICIENT_FUNDS: frozenset(
        {"insufficient_funds", "withdrawal_count_limit_exceeded"}
    ),
    DeclineClass.EXPIRED: frozenset(
        {"expired_card", "invalid_expiry_month", "invalid_expiry_year"}
    ),
    DeclineClass.HARD: frozenset(
        {
            "card_not_supported",
            "currency_not_supported",
            "incorrect_number",
            "invalid_account",
            "invalid_number",
            "new_account_information_available",
            "revocation_of_all_authorizations",
            "revocation_of_authorization",
            "stop_payment_order",
            "transaction_not_allowed",
        }
    ),
    DeclineClass.AUTHENTICATION: frozenset({AUTHENTICATION_REQUIRED}),
    DeclineClass.FRAUD: frozenset(
        {
            "fraud_suspected",
            "fraudulent",
            "lost_card",
            "pickup_card",
            "restricted_card",
            "stolen_card",
        }
    ),
    DeclineClass.UNKNOWN: frozenset[str](),
}
_CLASS = {code: kind for kind, codes in CODES.items() for code in codes}


def class_of(decline_code: str | None) -> DeclineClass:
    """The class of a decline code."""
    return _CLASS.get(decline_code or "", DeclineClass.UNKNOWN)


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
