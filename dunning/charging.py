"""What follows from the result of a charge that a case has asked for (R4)?

Cells of the table in `dunning/case.py`. A decline counts as any failure does in the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from dunning import answers as do
from dunning import review
from dunning.advice import Advice
from dunning.charge import ChargeResult, Collected, Declined, NotCharged, Pending, PutOff
from dunning.closing import close
from dunning.events import Charged, Failed
from dunning.facts import Case
from dunning.own_charges import without
from dunning.review import ORDERED_RETRY
from dunning.states import Cause, Outcome, ReviewReason, State

Weigh = Callable[[Case, Failed, datetime], Case]

_SOONEST = timedelta(minutes=1)


def settling(weigh: Weigh) -> Callable[[Case, Charged, datetime], Case]:
    """The answer to a result in a state where failures are weighed like that."""

    def settle(case: Case, event: Charged, now: datetime) -> Case:
        return _settle(case, event.result, weigh, now)

    return settle


def end_retry(case: Case, event: Failed, now: datetime) -> Case:
    """The card that was charged is no longer awaited; one that came meanwhile is charged next."""
    after = do.note_failure(case, event, now)
    stronger = after.advice is not case.advice
    if case.awaiting == ORDERED_RETRY:
        after = review.await_nothing(after)
        if not (stronger and after.advice is Advice.AUTHENTICATE):
            return review.enter(after, review.asked_for(after) or ReviewReason.RETRY_OVER, now)
    return review.route(after, now) if stronger or after.awaiting is None else after


def _settle(case: Case, result: ChargeResult, weigh: Weigh, now: datetime) -> Case:
    match result:
        case PutOff(until=until):
            charging = replace(case.charging, not_before=max(until, now + _SOONEST))
            return replace(case, charging=charging)
        case Collected():
            ordered = case.awaiting == ORDERED_RETRY
            cause = Cause.REVTAIN_RETRY if ordered else Cause.CARD_UPDATE
            return close(case, Outcome.RECOVERED, result.cause or cause, now)
        case Declined():
            return _decline(_done(case, result.card), result, weigh, now)
        case Pending():
            return _await_service(case, result, now)
        case NotCharged(nothing_owed=True):
            return close(case, Outcome.CANCELLED, None, now)
        case NotCharged():
            return _refused(_done(case, None), now)


def _done(case: Case, card: str | None, *, overtaking: bool = True) -> Case:
    """The charge has its result; cards that another has taken the place of need none (R4)."""
    overtaken = frozenset(case.charging.cards) - {card} if overtaking else frozenset[str]()
    return without(replace(case, charging=replace(case.charging, open=False)), overtaken)


def _decline(case: Case, result: Declined, weigh: Weigh, now: datetime) -> Case:
    """Without advice it asks for nothing that was not asked for before."""
    event = Failed(
        id="charge",
        advice=result.advice or Advice.MONITOR,
        decline_code=result.decline_code if result.advice else None,
        transaction_id=result.transaction_id,
        card=result.card,
    )
    if result.advice is Advice.BLOCKED and case.state is State.RETRYING:
        case = replace(case, cleared=None)
    return weigh(case, event, now)


def _await_service(case: Case, result: Pending, now: datetime) -> Case:
    """Nothing else is charged before that has an outcome, which may take long."""
    # One that was not given out is awaited first: none has taken the place of another by that.
    known = result.card in case.charging.cards
    case = _done(case, result.card if known else None, overtaking=known)
    if result.transaction_id is not None and result.transaction_id in case.transactions:
        return case
    if result.card is not None and case.awaiting != ORDERED_RETRY:
        cards = tuple(sorted({*case.new_cards, result.card}))
        case = replace(case, new_cards=cards, awaiting=cards[0])
    charging = replace(
        case.charging,
        pending=True,
        transaction_id=result.transaction_id,
        cards=() if result.card is None else (result.card,),
    )
    case = replace(case, charging=charging)
    if case.state is not State.RETRYING:
        return case
    longest = review.retry_until(case, now)
    return replace(case, until=max(case.until or now, longest or now))


def _refused(case: Case, now: datetime) -> Case:
    """A person looks, unless a card that came meanwhile may do."""
    if case.state is State.RETRYING and case.awaiting in case.new_cards:
        return case
    case = review.await_nothing(case)
    case = replace(case, charging=replace(case.charging, refused=True))
    match case.state:
        case State.OPENING | State.PAUSED:
            return case
        case State.REVIEW:
            return review.update_reason(case)
        case _:
            return review.enter(case, review.asked_for(case) or ReviewReason.CHARGE_REFUSED, now)
