"""What does an answer of the recovery service say of a charge, in the words we keep?"""

from __future__ import annotations

from dataclasses import dataclass

from dunning import advice
from dunning.charge import (
    ChargeAnswer,
    ChargeResult,
    ChargeStatus,
    Collected,
    Declined,
    NotCharged,
    Pending,
)
from dunning.errors import UnreadableBodyError
from dunning.ports import InboundReader
from dunning.recovery import RecoveryAnswer, RecoveryStatus, is_news
from dunning.states import Cause, State
from store.charges import Answered, Charge, ChargeOutcome

_STANDINGS = {
    RecoveryStatus.SUCCEEDED: ChargeOutcome.RECOVERED,
    RecoveryStatus.FAILED: ChargeOutcome.FAILED,
    RecoveryStatus.BLOCKED: ChargeOutcome.BLOCKED,
    RecoveryStatus.UNKNOWN: ChargeOutcome.UNKNOWN,
}
_STATUSES = {
    ChargeStatus.RECOVERED: ChargeOutcome.RECOVERED,
    ChargeStatus.FAILED: ChargeOutcome.FAILED,
    ChargeStatus.BLOCKED: ChargeOutcome.BLOCKED,
    ChargeStatus.QUEUED: ChargeOutcome.QUEUED,
    ChargeStatus.UNKNOWN: ChargeOutcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads answers to a charge, and to the question how one stands."""

    reader: InboundReader

    def of_charge(self, answer: ChargeAnswer) -> Answered | None:
        """What was answered; None when nothing was tried at all."""
        if answer.status not in _STATUSES:
            return None
        return _answered(
            _STATUSES[answer.status],
            answer.transaction_id,
            answer.decline_code,
            answer.recommended_action,
        )

    def of_standing(self, standing: RecoveryAnswer) -> Answered:
        """How a charge stands by now."""
        code: str | None = None
        if standing.body:
            try:
                code = self.reader.read(standing.body).decline_code
            except UnreadableBodyError:
                code = None
        outcome = _STANDINGS[standing.status]
        return _answered(outcome, standing.transaction_id, code, standing.recommended_action)

    @staticmethod
    def waits_still(charge: Charge, standing: RecoveryAnswer) -> bool:
        """Whether a charge that was queued is queued still, whatever its standing is called."""
        queued = charge.outcome is not None and not charge.outcome.final
        if not queued:
            return standing.status is RecoveryStatus.UNKNOWN
        return not is_news(standing, state=State.RETRYING, told=False, last=False)


def _answered(
    outcome: ChargeOutcome, transaction_id: str | None, code: str | None, action: str | None
) -> Answered:
    asks = None
    if outcome is ChargeOutcome.BLOCKED:
        asks = advice.of_block(code)
    elif outcome is ChargeOutcome.FAILED and (
        action is not None or code == advice.AUTHENTICATION_REQUIRED
    ):
        asks = advice.of_failure(action, code)
    return Answered(outcome=outcome, transaction_id=transaction_id, code=code, advice=asks)


def result_of(charge: Charge, cause: Cause | None = None) -> ChargeResult:
    """What an answered charge means to whoever ordered it; `cause` is that of the paid invoice."""
    match charge.outcome:
        case ChargeOutcome.RECOVERED:
            return Collected(transaction_id=charge.transaction_id, card=charge.card, cause=cause)
        case ChargeOutcome.FAILED | ChargeOutcome.BLOCKED:
            return Declined(
                transaction_id=charge.transaction_id,
                advice=charge.advice,
                decline_code=charge.answered_code,
                card=charge.card,
            )
        case ChargeOutcome.REFUSED:
            return NotCharged(reason=charge.reason or "it was refused")
        case _:
            return Pending(
                transaction_id=charge.transaction_id,
                card=charge.card,
                ambiguous=charge.outcome is not ChargeOutcome.QUEUED,
            )
