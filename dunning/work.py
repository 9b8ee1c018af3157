"""What is to be carried out for a case, one thing at a time?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dunning import ids
from dunning.advice import Advice
from dunning.charge import Purpose
from dunning.events import Charged, Closed, NudgeEnded, Opened, Projected
from dunning.facts import RECEIPT, Busy, Case, Doing
from dunning.review import ORDERED_RETRY
from dunning.states import State
from dunning.steps import Step, sendable

# Events of one failure arrive within minutes of each other; a campaign that is asked for so
# soon after the start is planned from the start, whichever event came first (R2).
_SAME_START = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Look the facts up and plan the campaign for this advice, counted from `anchor`.

    `reroute` keeps the plan there is and gives what is left of it channels that are open.
    """

    advice: Advice
    decline_code: str | None
    anchor: datetime
    reroute: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """Send this step, unless the truth at the moment of sending forbids it."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Have the invoice's card charged under this key, unless the truth forbids it."""

    key: str
    purpose: Purpose
    decline_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Show the case in the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Write the end down, and send the receipt if one is owed."""


Work = Open | Nudge | Charge | Project | Close


def next_of(case: Case, now: datetime) -> tuple[Case, Work | None]:
    """The case with its next work marked as under way, and that work."""
    work = _next(case, now)
    if work is None:
        return case, None
    if isinstance(work, Open):
        case = replace(case, anchor=work.anchor, replan=False, reroute=False)
    if isinstance(work, Charge):
        case = _given_out(case)
    step = work.step.id if isinstance(work, Nudge) else None
    # Work that a close abandons may still show its own result, one version above its own.
    version = case.version if case.busy is None else case.version + 1
    busy = Busy(doing=_DOING[type(work)], version=version, step=step)
    return replace(case, version=version, busy=busy), work


_DOING: dict[type[Work], Doing] = {
    Open: Doing.OPEN,
    Nudge: Doing.NUDGE,
    Charge: Doing.CHARGE,
    Project: Doing.PROJECT,
    Close: Doing.CLOSE,
}


def _next(case: Case, now: datetime) -> Work | None:
    if case.state is State.CLOSED:
        return _next_after_close(case, now)
    if case.busy is not None:
        return None
    if case.state is State.OPENING and case.advice is None:
        return None
    if _needs_plan(case):
        return _open(case, now)
    step = sendable(case.speakable, case.pace, now)
    if step is not None:
        return Nudge(step=step)
    return _charge_or_show(case, now)


def _charge_or_show(case: Case, now: datetime) -> Charge | Project | None:
    if case.charge_wanted and (case.charging.not_before or now) <= now:
        return _charge(case)
    return Project() if case.version > case.projected else None


def _next_after_close(case: Case, now: datetime) -> Work | None:
    if not case.finished:
        closing = case.busy is not None and case.busy.doing is Doing.CLOSE
        return None if closing else Close()
    if case.busy is not None:
        return None
    if case.service_status is not None and case.version > case.projected:
        return Project()
    step = case.last_word
    if step is None:
        return None
    receipt = step.id == RECEIPT
    due_at = step.not_before or (now if receipt else step.due_at)
    return Nudge(step=step) if due_at <= now else None


def _number(case: Case) -> int:
    """One that was put off is the same charge again."""
    return case.charging.number + (not case.charging.open)


def _charge(case: Case) -> Charge:
    """Why the old card was declined says nothing of a new one."""
    ordered = case.awaiting == ORDERED_RETRY
    return Charge(
        key=ids.charge_key(case.workflow_id, _number(case)),
        purpose=Purpose.RETRY if ordered else Purpose.NEW_CARD,
        decline_code=case.decline_code if ordered else None,
    )


def _given_out(case: Case) -> Case:
    charging = replace(
        case.charging, number=_number(case), open=True, cards=case.new_cards, not_before=None
    )
    return replace(case, charging=charging)


def _needs_plan(case: Case) -> bool:
    if case.state is State.OPENING:
        return True
    if case.replan and (case.moved or case.state is State.WAITING):
        return True
    plans = case.state in (State.WAITING, State.RETRYING, State.REVIEW)
    return (plans and _unplanned(case)) or _needs_roads(case)


def _unplanned(case: Case) -> bool:
    return case.question is not None and case.question != case.planned_for


def _needs_roads(case: Case) -> bool:
    """R7, as soon as messages go out again."""
    return case.reroute and case.state is State.WAITING and any(s.pending for s in case.steps)


def _open(case: Case, now: datetime) -> Open:
    question = case.question
    advice = question.advice if question else case.advice
    if advice is None:
        msg = "a case without advice has nothing to plan"
        raise ValueError(msg)
    return Open(
        advice=advice,
        decline_code=case.decline_code,
        anchor=_anchor(case, now),
        reroute=case.state is State.WAITING and not (case.replan or _unplanned(case)),
    )


def _anchor(case: Case, now: datetime) -> datetime:
    planned, question = case.planned_for, case.question
    same = planned is not None and question is not None and planned.advice is question.advice
    if (case.replan or same) and case.anchor is not None:
        return case.anchor
    soon = now - case.started_at <= _SAME_START
    return case.started_at if soon and not case.begun else now


def ended(before: Case, after: Case, event: object) -> Case:
    """The case after its work brought a result; other events leave the work under way.

    An activity applies its own result and projects that. Something that happened meanwhile is
    not in its projection: then the version moves on, so that a later one replaces it.
    """
    if before.busy is None:
        return after
    if not isinstance(event, _RESULTS[before.busy.doing]):
        hidden = after != before and after.version == before.version
        return replace(after, version=after.version + 1) if hidden else after
    unshown = isinstance(event, NudgeEnded | Charged) and not event.shown
    if before.version == before.busy.version and not unshown:
        return replace(after, busy=None, projected=after.version)
    if unshown:
        return replace(after, busy=None, projected=before.projected, version=after.version + 1)
    return replace(after, busy=None, projected=before.busy.version, version=after.version + 1)


_RESULTS: dict[Doing, type[Opened | NudgeEnded | Charged | Projected | Closed]] = {
    Doing.OPEN: Opened,
    Doing.NUDGE: NudgeEnded,
    Doing.CHARGE: Charged,
    Doing.PROJECT: Projected,
    Doing.CLOSE: Closed,
}
