"""Where do the facts lead a case, and what does a reviewer's decision change?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dunning.advice import Advice
from dunning.closing import close
from dunning.facts import Case
from dunning.orders import Decide, Decision
from dunning.states import Cause, Outcome, ReviewReason, State
from dunning.steps import shift

ORDERED_RETRY = "ordered"


def route(case: Case, now: datetime) -> Case:
    """The state that the facts ask for, when no operator holds the case (R3, R4)."""
    reason = asked_for(case)
    if reason is not None:
        return enter(case, reason, now)
    if case.awaiting is not None:
        return _go(case, State.RETRYING, retry_until(case, now))
    if case.open_promise is not None:
        return _go(case, State.PROMISED, case.open_promise.until)
    if case.campaign_advice is not None and case.unreachable:
        return enter(case, ReviewReason.UNREACHABLE, now)
    if case.campaign_advice is not None:
        return set_last_day(_go(case, State.WAITING, None), now)
    until = max(case.started_at + case.terms.watch, now) if case.terms else None
    return _go(case, State.WATCHING, until)


def retry_until(case: Case, now: datetime) -> datetime | None:
    """How long the outcome of a card is awaited; what is queued may take long."""
    if case.terms is None:
        return None
    longest = max(case.terms.retry, case.terms.queued)
    return now + (longest if case.charging.pending else case.terms.retry)


def asked_for(case: Case) -> ReviewReason | None:
    """The review that something said of the debt asks for; None when there is none."""
    if case.amount_differs:
        return ReviewReason.AMOUNT_DIFFERS
    refused = ReviewReason.CHARGE_REFUSED if case.charging.refused else None
    if case.cleared is not None and case.advice is case.cleared:
        return refused
    match case.advice:
        case Advice.BLOCKED:
            return ReviewReason.BLOCKED
        case Advice.MANUAL_REVIEW:
            return ReviewReason.MANUAL_REVIEW
        case _:
            return refused


def enter(case: Case, reason: ReviewReason, now: datetime) -> Case:
    """A person must decide, within the policy's deadline (R5)."""
    until = now + case.terms.review if case.terms else None
    case = replace(case, review_reason=reason, review_round=1)
    return _go(case, State.REVIEW, until)


def set_last_day(case: Case, now: datetime) -> Case:
    """A campaign whose messages are put off again and again is over some day as well (R5)."""
    if case.state is not State.WAITING or case.terms is None:
        return case
    return replace(case, until=max(case.review_at or now, now) + case.terms.review)


def await_nothing(case: Case) -> Case:
    """Whatever card or charge was awaited no longer is."""
    charging = replace(case.charging, pending=False, transaction_id=None, not_before=None)
    return replace(case, awaiting=None, new_cards=(), charging=charging)


def update_reason(case: Case) -> Case:
    """A review that learns more keeps its deadline."""
    return replace(case, review_reason=asked_for(case) or case.review_reason)


def _go(case: Case, state: State, until: datetime | None) -> Case:
    return replace(case, state=state, until=until)


def extend(case: Case, by: timedelta, now: datetime) -> Case:
    """More time. Out of a review it is given to what had run out, else to the review itself."""
    if case.state is State.WAITING:
        return set_last_day(_put_off(case, by, now), now)
    if case.terms is None or not case.terms.extend_keeps_review:
        return _overrule(_put_off(case, by, now), now)
    match case.review_reason:
        case ReviewReason.CAMPAIGN_OVER:
            return route(_put_off(case, by, now), now)
        case ReviewReason.WATCH_OVER:
            return _go(case, State.WATCHING, now + by)
        case _:
            return replace(case, until=max(case.until or now, now) + by)


def _put_off(case: Case, by: timedelta, now: datetime) -> Case:
    """What is to come comes later; the review comes again when the days are over."""
    base = max(case.review_at or now, now)
    return replace(case, steps=shift(case.steps, by), review_at=base + by)


def _overrule(case: Case, now: datetime) -> Case:
    """A reviewer lets the case go on in spite of what was said of the debt."""
    forced = case.campaign_advice is None
    case = replace(
        case,
        amount_differs=False,
        cleared=case.advice,
        forced=case.forced or forced,
        charging=replace(case.charging, refused=False),
        unreachable=False,
    )
    return route(case, now)


def decide(case: Case, event: Decide, now: datetime) -> Case:
    """A reviewer's decision continues the same case (R5)."""
    match event.decision:
        case Decision.EXTEND:
            return extend(case, case.terms.review if case.terms else timedelta(days=5), now)
        case Decision.RESUME:
            return _overrule(await_nothing(case), now)
        case Decision.RETRY_NOW:
            return _overrule(replace(await_nothing(case), awaiting=ORDERED_RETRY), now)
        case _:
            outcome = _ENDS[event.decision]
            cause = Cause.MANUAL if outcome is Outcome.RECOVERED else None
            return close(case, outcome, cause, now)


_ENDS = {
    Decision.WRITE_OFF: Outcome.WRITTEN_OFF,
    Decision.STOP: Outcome.STOPPED,
    Decision.HAND_OVER: Outcome.HANDED_OVER,
    Decision.MARK_PAID: Outcome.RECOVERED,
}
