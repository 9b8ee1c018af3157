"""What does the end of a case mean to the service of the customer?

What becomes of the debt is the outcome; this is the other question. `follow` looks at every change
of a case: it announces the end of the service, moves it along with the review, and ends it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dunning.channel import Channel
from dunning.events import NudgeEnded, Projected, Recovered, Reopened, Settled, Voided, Woke
from dunning.facts import SERVICE_ENDED, SERVICE_ENDING, Case, of_service
from dunning.orders import Decide
from dunning.review import asked_for
from dunning.service import Service, ServiceStatus, ServiceTerms
from dunning.states import Outcome, State
from dunning.steps import Step, change, find, merge

_GIVEN_UP = (Outcome.WRITTEN_OFF, Outcome.HANDED_OVER)
_ENDING = {Service.CANCEL: "service_ending", Service.PAUSE: "service_pausing"}
_ENDED = {Service.CANCEL: "service_ended", Service.PAUSE: "service_paused"}
# A timer fires a little late; what was announced for its instant still holds.
_LATE = timedelta(hours=1)


def follow(before: Case, after: Case, event: object, now: datetime) -> Case:
    """The case after an event, with what that means to the service."""
    if isinstance(event, Projected) and event.settled is None:
        return after
    if after.state is not State.CLOSED:
        return _scheduled(_told(before, after), event, now)
    if before.state is not State.CLOSED:
        return _given_up(before, after, event, now)
    if after.service_status in (ServiceStatus.ENDING, ServiceStatus.ENDED):
        return _after_close(before, after, event, now)
    return after


def as_told(case: Case, step: Step, now: datetime) -> Case:
    """The case with the end of the service that a notice names, if it is sent now."""
    end = _terms(case)
    if end is None or step.id == SERVICE_ENDED or not of_service(step):
        return case
    return replace(case, service_ends_at=_ends_at(case, end, now))


# --- before the close: in a review that time has opened, and that ends by itself


def _scheduled(case: Case, event: object, now: datetime) -> Case:
    """The notice in its place, so that the service may end when the grace does."""
    end, until = _terms(case), case.until
    if end is None or until is None or not _ends_by_itself(case):
        return case if _being_sent(case, event) else _withdrawn(case)
    notice, due = case.service_notice, until - end.notice
    if notice is None:
        known = case.service_told is not None and case.service_told >= until + end.grace
        return case if known else _announcing(case, end, max(due, now))
    if notice.due_at >= due:
        return case
    later = replace(notice, due_at=due, not_before=None)
    return replace(case, steps=change(case.steps, notice.id, lambda _: later))


def _ends_by_itself(case: Case) -> bool:
    """Whether nobody's decision gives the debt up, and nothing that was said forbids to write."""
    reason, terms = case.review_reason, case.terms
    if case.state is not State.REVIEW or reason is None or terms is None:
        return False
    if not reason.timed_out or asked_for(case) is not None:
        return False
    return terms.review_then in _GIVEN_UP and case.review_round >= terms.review_rounds


def _withdrawn(case: Case) -> Case:
    """Nothing is said of an end that does not come."""
    notice = case.service_notice
    if notice is None:
        return case
    return replace(case, steps=tuple(s for s in case.steps if s.id != notice.id))


def _being_sent(case: Case, event: object) -> bool:
    """Whether a notice is under way, whose result will say what became of it."""
    notice, busy = case.service_notice, case.busy
    if notice is None or busy is None or busy.step != notice.id:
        return False
    return not (isinstance(event, NudgeEnded) and event.step == notice.id)


def _told(before: Case, after: Case) -> Case:
    """The case with the date that a notice has named, be it that nobody could be reached."""
    end, at = _terms(after), _ended_notice(before, after)
    if end is None or at is None:
        return after
    return replace(after, service_told=_ends_at(after, end, at))


def _ended_notice(before: Case, after: Case) -> datetime | None:
    """When a notice that was to come came to its end; None when that is not what happened."""
    notice = before.service_notice
    step = find(after.steps, notice.id) if notice is not None else None
    return None if step is None or step.pending else step.at


def _ends_at(case: Case, end: ServiceTerms, told_at: datetime) -> datetime:
    """Never before the customer knew of it long enough, nor before a date that was named."""
    closes_at = case.closed_at or case.until or told_at
    return max(closes_at + end.grace, told_at + end.notice, case.service_told or told_at)


# --- the close


def _given_up(before: Case, after: Case, event: object, now: datetime) -> Case:
    """A date that the customer knows stands; else it is told now, and the notice begins."""
    end = _terms(after)
    if end is None or after.outcome not in _GIVEN_UP:
        return after
    case = replace(after, service=end.service, service_status=ServiceStatus.ENDING)
    closes_at, told = _closes_at(before, event, now), after.service_told
    stands = told is not None and told >= closes_at + end.grace
    if _being_sent(before, event):
        # The close abandons the letter, which may have left with the date of the review.
        case = replace(case, service_told=_ends_at(before, end, now))
    soonest = told if told and stands else max(closes_at + end.grace, now + end.notice)
    ends_at = max(soonest, case.service_told or soonest)
    if _silent(after, event):
        return replace(_withdrawn(case), service_ends_at=ends_at)
    case = _withdrawn(case) if stands else _announcing(case, end, now)
    return _ending_at(case, end, ends_at)


def _closes_at(before: Case, event: object, now: datetime) -> datetime:
    until = before.until
    punctual = isinstance(event, Woke) and until is not None and now - until <= _LATE
    return until if punctual and until is not None else now


def _silent(case: Case, event: object) -> bool:
    """Whether only the merchant is told: what was said of the debt asks for a person.

    A person who decided is that person; but whoever paid another amount is not told of a payment
    that did not go through.
    """
    return case.amount_differs or (asked_for(case) is not None and not isinstance(event, Decide))


def _announcing(case: Case, end: ServiceTerms, due_at: datetime) -> Case:
    """With one notice to come, due then; one that may be on its way already stays the same."""
    notice = case.service_notice
    if notice is not None:
        sooner = replace(notice, due_at=due_at, not_before=None)
        return replace(case, steps=change(case.steps, notice.id, lambda _: sooner))
    number = 1 + sum(of_service(step) for step in case.steps)
    step = Step(
        id=SERVICE_ENDING if number == 1 else f"{SERVICE_ENDING}-{number}",
        channel=Channel.EMAIL,
        template=_ENDING[end.service],
        due_at=due_at,
    )
    return replace(case, steps=merge(case.steps, (step,)))


def _ending_at(case: Case, end: ServiceTerms, ends_at: datetime) -> Case:
    step = Step(
        id=SERVICE_ENDED, channel=Channel.EMAIL, template=_ENDED[end.service], due_at=ends_at
    )
    others = tuple(s for s in case.steps if s.id != SERVICE_ENDED)
    return replace(case, service_ends_at=ends_at, steps=merge(others, (step,)))


# --- after the close


def _after_close(before: Case, case: Case, event: object, now: datetime) -> Case:
    if _settles(event):
        return _kept(case, event)
    end, told_at = _terms(case), _ended_notice(before, case)
    if end is not None and told_at is not None:
        return _ending_at(case, end, _ends_at(case, end, told_at))
    if not isinstance(event, Woke) or case.service_notice is not None:
        return case
    over = case.service_ends_at is not None and case.service_ends_at <= now
    return replace(case, service_status=ServiceStatus.ENDED) if over else case


def _settles(event: object) -> bool:
    """Whether nothing is owed any more, or another case of the invoice has begun."""
    match event:
        case Recovered() | Voided() | Reopened():
            return True
        case NudgeEnded(result=Settled()):
            return True
        case Projected(settled=settled):
            return settled is not None
        case _:
            return False


def _kept(case: Case, event: object) -> Case:
    """Nothing is said that is not true any more; a service that has ended has ended."""
    steps = tuple(s for s in case.steps if not (of_service(s) and s.pending))
    case = replace(case, steps=steps)
    if case.service_status is ServiceStatus.ENDED and not isinstance(event, Projected):
        return case
    return replace(case, service_status=ServiceStatus.KEPT, service_ends_at=None)


def _terms(case: Case) -> ServiceTerms | None:
    return case.terms.end if case.terms is not None else None
