"""What does a promise to pay change in a case (R11)? Cells of the table in `dunning/case.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from dunning import review
from dunning.channel import Channel
from dunning.facts import PROMISE_STEP, Case
from dunning.orders import Extend, Promise
from dunning.promise import Promised, PromiseStatus, PromiseTerms
from dunning.states import State, StepStatus
from dunning.steps import Step, Steps, change, merge, settle

CONFIRMED = f"{PROMISE_STEP}confirmed-"
REMINDER = f"{PROMISE_STEP}reminder-"
BROKEN = f"{PROMISE_STEP}broken-"
# The channels that templates about promises have a form for.
_SPOKEN = (Channel.EMAIL, Channel.SMS)
_OVER = "the promise is over"
_ANEW = "the customer has promised anew"
# The local day ends up to a day after its last choice was offered; clocks change by an hour.
_ROOM = timedelta(days=1, hours=3)

E = TypeVar("E")
Answer = Callable[[Case, E, datetime], Case]


def make(case: Case, event: Promise, now: datetime) -> Case:
    """Silence until the day is over; the campaign's last notice waits until after that."""
    after = review.route(_noted(case, event, now), now)
    if after.state is not State.PROMISED or after.promise is None:
        return after
    steps = merge(after.steps, _announcements(after, event, now))
    return _put_last_notice_off(replace(after, steps=steps), after.promise.until)


def note(case: Case, event: Promise, now: datetime) -> Case:
    """Keep it in mind: what holds the case now goes on, and leads back to the promise."""
    return _noted(case, event, now)


def note_in_review(case: Case, event: Promise, now: datetime) -> Case:
    """A review that time has opened is over; one that something asked for waits for the day."""
    if case.review_reason is not None and case.review_reason.timed_out:
        return make(case, event, now)
    after = _noted(case, event, now)
    if after.promise is None:
        return after
    return replace(after, until=max(after.until or now, after.promise.until))


def end(case: Case, _event: object, now: datetime) -> Case:
    """The day and its grace are over, and no money arrived: the campaign goes on."""
    after = lapse(case, now)
    return case if after is case else review.route(after, now)


def lapsing(cell: Answer[E]) -> Answer[E]:
    """The same answer, once a promise whose time has come is said to be broken."""

    def answer(case: Case, event: E, now: datetime) -> Case:
        return cell(lapse(case, now), event, now)

    return answer


def lapse(case: Case, now: datetime) -> Case:
    """A promise whose time has come is broken; the customer is told once, when messages go out."""
    promise = case.open_promise
    if promise is None or promise.until > now:
        return case
    case = _settled(case, PromiseStatus.BROKEN, now)
    if case.campaign_advice is None:
        return case
    told = _step(case, BROKEN, "promise_broken", now)
    return _put_last_notice_off(replace(case, steps=merge(case.steps, (told,))), now)


def withdraw(case: Case, _event: object, now: datetime) -> Case:
    """An operator takes the promise back, and the case goes where the facts lead."""
    return review.route(_settled(case, PromiseStatus.ENDED, now), now)


def extend(case: Case, event: Extend, _now: datetime) -> Case:
    """More days before the promise counts as broken."""
    promise = case.open_promise
    if promise is None:
        return case
    until = promise.until + timedelta(days=event.days)
    later = replace(promise, until=until)
    case = replace(case, promises=(*case.promises[:-1], later), until=until)
    return _put_last_notice_off(case, until)


def refusal(case: Case, order: Promise, now: datetime) -> str | None:
    """Why this promise cannot be taken, in one sentence; None when it can."""
    terms = _terms(case)
    if terms is None:
        return (
            "the policy of this case takes no promises to pay; pause the case until the day instead"
        )
    if case.open_promise is not None:
        return (
            f"the customer has promised to pay by {case.open_promise.day} already; "
            "extend the case once it is promised, or resume it to take the promise back"
        )
    made = sum(one.status is not PromiseStatus.ENDED for one in case.promises)
    if made >= terms.most:
        return (
            f"the policy takes {terms.most} promises a case and {made} were made; "
            "pause the case until the day instead"
        )
    return _about_day(order, terms, now)


def _about_day(order: Promise, terms: PromiseTerms, now: datetime) -> str | None:
    if order.ends_at <= now:
        return f"{order.day} is over already; give a later day"
    if order.ends_at > now + terms.longest + _ROOM:
        return f"{order.day} is too far ahead; give a day at most {terms.longest.days} days ahead"
    return None


def _terms(case: Case) -> PromiseTerms | None:
    return case.terms.promise if case.terms is not None else None


def _noted(case: Case, event: Promise, now: datetime) -> Case:
    terms = _terms(case)
    if terms is None or case.open_promise is not None:
        return case
    promise = Promised(day=event.day, until=event.ends_at + terms.grace)
    return replace(_unsaid(case, now), promises=(*case.promises, promise))


def _unsaid(case: Case, now: datetime) -> Case:
    """Who has promised anew does not hear any more that the promise before was broken."""
    steps = case.steps
    for step in steps:
        if step.pending and step.id.startswith(BROKEN) and not _under_way(case, step):
            steps = settle(steps, step.id, StepStatus.SKIPPED, _ANEW, now)
    return replace(case, steps=steps)


def _settled(case: Case, status: PromiseStatus, now: datetime) -> Case:
    """The promise at its end, and nothing more is said of it that was not said."""
    steps = case.steps
    for step in steps:
        if (
            step.pending
            and step.id.startswith((CONFIRMED, REMINDER))
            and not _under_way(case, step)
        ):
            steps = settle(steps, step.id, StepStatus.SKIPPED, _OVER, now)
    ended = replace(case.promises[-1], status=status)
    return replace(case, steps=steps, promises=(*case.promises[:-1], ended))


def _under_way(case: Case, step: Step) -> bool:
    return case.busy is not None and case.busy.step == step.id


def _announcements(case: Case, event: Promise, now: datetime) -> Steps:
    """What the policy says of the promise: at once, and on the morning of the day."""
    terms = _terms(case)
    if terms is None:
        return ()
    found: list[Step] = []
    if terms.confirm:
        found.append(replace(_step(case, CONFIRMED, "promise_confirmed", now), ordered=True))
    if terms.remind and event.begins_at > now:
        found.append(_step(case, REMINDER, "reminder", event.begins_at))
    return tuple(found)


def _step(case: Case, kind: str, template: str, due_at: datetime) -> Step:
    """A message by the channel that carried the link, or the first that is open."""
    closed = {one.channel for one in case.closed_channels}
    carried = [(s.at, s.channel) for s in case.steps if s.reached and s.at is not None]
    latest = [c for _, c in sorted(carried, reverse=True)]
    roads = [c for c in dict.fromkeys((*latest, *_SPOKEN)) if c in _SPOKEN and c not in closed]
    roads = roads or list(_SPOKEN)
    return Step(
        id=f"{kind}{len(case.promises)}",
        channel=roads[0],
        template=template,
        due_at=due_at,
        fallback=tuple(roads[1:]),
    )


def _put_last_notice_off(case: Case, until: datetime) -> Case:
    """It says until when paying keeps everything as it is, so that it is never overtaken."""
    spacing = case.terms.spacing if case.terms else timedelta(0)
    notices = [s for s in case.steps if s.pending and s.final and not _under_way(case, s)]
    last = max(notices, key=lambda s: s.due_at, default=None)
    later = until + spacing
    if last is None or last.due_at >= later:
        return case
    steps = change(case.steps, last.id, lambda s: replace(s, due_at=later, not_before=None))
    review_at = max(case.review_at or later, later)
    return replace(case, steps=steps, review_at=review_at)
