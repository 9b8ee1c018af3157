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
from dunning.inbound import InboundEvent, InboundKind
from dunning.money import Money
from dunning.ports import InboundReader
from dunning.recovery import RecoveryAnswer, RecoveryStatus, is_news
from dunning.states import Cause, State
from store.charges import Answered, Charge, ChargeOutcome, Told

_STANDINGS = {
    RecoveryStatus.SUCCEEDED: ChargeOutcome.RECOVERED,
    RecoveryStatus.FAILED: ChargeOutcome.FAILED,
    RecoveryStatus.BLOCKED: ChargeOutcome.BLOCKED,
    RecoveryStatus.UNKNOWN: ChargeOutcome.UNKNOWN,
}
_EVENTS: dict[str, ChargeOutcome] = {
    InboundKind.SUCCESS: ChargeOutcome.RECOVERED,
    InboundKind.FAILED: ChargeOutcome.FAILED,
    InboundKind.BLOCKED: ChargeOutcome.BLOCKED,
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
    """Reads answers to a charge and to the question how one stands, and what is told of it."""

    reader: InboundReader

    def of_charge(self, answer: ChargeAnswer) -> Answered | None:
        """What was answered; None when nothing was tried at all."""
        outcome = _STATUSES.get(answer.status)
        if outcome is None:
            return None
        if answer.earlier and outcome is ChargeOutcome.FAILED and _may_go_on(answer):
            return Answered(outcome=ChargeOutcome.UNKNOWN, transaction_id=answer.transaction_id)
        return _answered(
            outcome,
            answer.transaction_id,
            answer.decline_code,
            answer.recommended_action,
            answer.money,
        )

    def of_standing(self, standing: RecoveryAnswer) -> Answered:
        """How a charge stands by now."""
        event = self._read(standing.body)
        return _answered(
            _STANDINGS[standing.status],
            standing.transaction_id,
            None if event is None else event.decline_code,
            standing.recommended_action,
            None if event is None else event.money,
        )

    def of_event(self, told: Told) -> Answered:
        """How a charge has ended, as the service told it by itself."""
        event = self._read(told.body)
        outcome = _EVENTS[told.name]
        if event is None:
            return Answered(outcome=outcome, transaction_id=told.transaction_id)
        return _answered(
            outcome,
            told.transaction_id,
            event.decline_code,
            event.recommended_action,
            event.money,
        )

    def _read(self, body: bytes | None) -> InboundEvent | None:
        if not body:
            return None
        try:
            return self.reader.read(body)
        except UnreadableBodyError:
            return None

    @staticmethod
    def waits_still(standing: RecoveryAnswer) -> bool:
        """Whether a charge may be queued, whatever its standing is called.

        The service has no word for that, and may show it as failed.
        """
        return not is_news(standing, state=State.RETRYING, told=False, last=False)


def _may_go_on(failed: ChargeAnswer) -> bool:
    """The same of an answer that is only how the charge stands."""
    standing = RecoveryAnswer(
        transaction_id=failed.transaction_id or "",
        status=RecoveryStatus.FAILED,
        recommended_action=failed.recommended_action,
    )
    return Answers.waits_still(standing)


def _answered(
    outcome: ChargeOutcome,
    transaction_id: str | None,
    code: str | None,
    action: str | None,
    money: Money | None,
) -> Answered:
    asks = None
    if outcome is ChargeOutcome.BLOCKED:
        asks = advice.of_block(code)
    elif outcome is ChargeOutcome.FAILED and (
        action is not None or code == advice.AUTHENTICATION_REQUIRED
    ):
        asks = advice.of_failure(action, code)
    return Answered(
        outcome=outcome,
        transaction_id=transaction_id,
        code=code,
        advice=asks,
        money=money if outcome is ChargeOutcome.RECOVERED else None,
    )


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
