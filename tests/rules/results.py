"""How can messages and charges end, as far as a case hears of it?"""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from dunning.advice import Advice
from dunning.charge import ChargeResult, Collected, Declined, NotCharged, Pending, PutOff
from dunning.events import DeadChannel, Deferred, NotSent, NudgeResult, Sent, Settled, Unknown
from dunning.facts import Case
from dunning.states import Cause, Outcome, Withheld
from dunning.steps import Step
from dunning.work import Charge
from tests.rules.builders import HOUR


def sent(_step: Step, now: datetime) -> NudgeResult:
    return Sent(at=now)


def withheld(_step: Step, now: datetime) -> NudgeResult:
    return NotSent(reason=Withheld.NO_ADDRESS, at=now)


def refused(_step: Step, now: datetime) -> NudgeResult:
    return DeadChannel(reason="bad_address (vendor code 30003)", at=now)


def unknown(_step: Step, now: datetime) -> NudgeResult:
    return Unknown(at=now)


def put_off(_step: Step, now: datetime) -> NudgeResult:
    return Deferred(until=now + 11 * HOUR, reason="outside the recipient's hours")


def paid_elsewhere(_step: Step, _now: datetime) -> NudgeResult:
    return Settled(outcome=Outcome.RECOVERED, cause=Cause.PAID_ELSEWHERE)


def collected(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Collected(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def declined(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def declined_namelessly(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=None, advice=Advice.RETRY_LATER)


def blocked(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=None, advice=Advice.BLOCKED, card=charged_card(case))


def to_confirm(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id="t2", advice=Advice.AUTHENTICATE, card=charged_card(case))


def queued(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def queued_namelessly(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id=None)


def queued_before(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id="t3", card="z")


def too_soon(_work: Charge, _case: Case, now: datetime) -> ChargeResult:
    return PutOff(until=now + timedelta(minutes=5), reason="too soon")


def not_made(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return NotCharged(reason="no card is known")


def nothing_owed(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return NotCharged(reason="nothing is owed any more", nothing_owed=True)


def charged_card(case: Case) -> str:
    """The last one, as the store would have it."""
    return case.new_cards[-1] if case.new_cards else "old"


CHARGERS = st.sampled_from(
    (
        *(declined, declined, declined_namelessly, blocked, to_confirm, queued),
        *(queued_namelessly, queued_before, too_soon, not_made),
    )
)
ANSWERS = st.sampled_from((sent, sent, withheld, refused, unknown, put_off))
