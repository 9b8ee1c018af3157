"""How does a case answer one event? The cells of the table in `dunning/case.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dunning import own_charges, proofs, review
from dunning.channel import Channel
from dunning.closing import close
from dunning.events import (
    Alerted,
    AmountDiffers,
    CardReplaced,
    Closed,
    DeadChannel,
    Deferred,
    Failed,
    NotSent,
    NudgeEnded,
    NudgeResult,
    Opened,
    ReachChanged,
    Recovered,
    Sent,
    Settled,
    Unknown,
)
from dunning.facts import CARD_FAILED, PROMISE_STEP, RECEIPT, Case, ClosedChannel, Doing, PlannedFor
from dunning.review import ORDERED_RETRY
from dunning.states import Outcome, ReviewReason, State, StepStatus
from dunning.steps import Step, Steps, change, find, merge, over, settle

_REMEMBERED = 50
_BEFORE_THE_MOVE = "due before the case moved to this policy"
_RECEIPT_WORTH = timedelta(days=3)
_NOTICE_WORTH = timedelta(days=7)
_SOONEST_RETRY = timedelta(minutes=1)


def recorded(case: Case, _event: object, _now: datetime) -> Case:
    """Seen, and nothing follows."""
    return case


# --- what the recovery service and the merchant tell


def note_failure(case: Case, event: Failed, now: datetime) -> Case:
    """Join: the strongest advice counts, whatever the order of arrival (R2)."""
    case, event = own_charges.heard(case, event)
    case = _drop_idle_plan(_weigh(case, event))
    if event.transaction_id is not None and event.transaction_id not in case.transactions:
        known = (*case.transactions, event.transaction_id)[-_REMEMBERED:]
        case = replace(case, transactions=known)
    if event.card is None:
        return case
    case = replace(case, failed_cards=tuple(sorted({*case.failed_cards, event.card})))
    if event.card in case.new_cards:
        return _say_card_failed(case, event.card, now)
    return own_charges.hush(case)


def weigh_failure(case: Case, event: Failed, now: datetime) -> Case:
    """Join, and follow the advice if it became stronger."""
    after = note_failure(case, event, now)
    return after if after.advice is case.advice else review.route(after, now)


def end_retry_on_failure(case: Case, event: Failed, now: datetime) -> Case:
    """A new card that failed as well is said once, and the campaign goes on (R4)."""
    new = event.transaction_id is not None and event.transaction_id not in case.transactions
    if case.charging.pending:
        new = own_charges.ends_pending(case, event)
    after = note_failure(case, event, now)
    if case.awaiting == ORDERED_RETRY and new:
        after = review.await_nothing(after)
        return review.enter(after, review.asked_for(after) or ReviewReason.RETRY_OVER, now)
    if after.awaiting is None or after.advice is not case.advice:
        return review.route(after, now)
    return after


def weigh_failure_in_review(case: Case, event: Failed, now: datetime) -> Case:
    """A stronger advice is followed out of a review that only time has opened."""
    after = note_failure(case, event, now)
    if after.advice is case.advice:
        return after
    timed_out = case.review_reason is not None and case.review_reason.timed_out
    return review.route(after, now) if timed_out else review.update_reason(after)


def close_recovered(case: Case, event: Recovered, now: datetime) -> Case:
    """Success is final (R1)."""
    return close(case, Outcome.RECOVERED, event.cause, now)


def close_cancelled(case: Case, _event: object, now: datetime) -> Case:
    """Nothing is owed any more (R6)."""
    return close(case, Outcome.CANCELLED, None, now)


def close_stopped(case: Case, _event: object, now: datetime) -> Case:
    """An operator ended it (R12)."""
    return close(case, Outcome.STOPPED, None, now)


def note_difference(case: Case, _event: AmountDiffers, _now: datetime) -> Case:
    """Keep in mind that the money received is not the money owed."""
    return replace(case, amount_differs=True)


def review_difference(case: Case, event: AmountDiffers, now: datetime) -> Case:
    """Messages stop, and a person compares the two figures (R1)."""
    case = note_difference(case, event, now)
    if case.state is State.REVIEW:
        return review.update_reason(case)
    return review.route(case, now)


def note_card(case: Case, event: CardReplaced, now: datetime) -> Case:
    """Keep in mind that a new card awaits its outcome, or that it has failed already."""
    if event.card in case.failed_cards:
        return _say_card_failed(case, event.card, now)
    if event.card not in case.new_cards:
        case = replace(case, charging=replace(case.charging, refused=False))
    cards = tuple(sorted({*case.new_cards, event.card}))
    return replace(case, new_cards=cards, awaiting=cards[0])


def await_card(case: Case, event: CardReplaced, now: datetime) -> Case:
    """Messages stop until the outcome of the new card (R4)."""
    return review.route(note_card(case, event, now), now)


def await_card_unless_asked(case: Case, event: CardReplaced, now: datetime) -> Case:
    """A review that something asked for goes on; one that time has opened is over."""
    after = note_card(case, event, now)
    timed_out = case.review_reason is not None and case.review_reason.timed_out
    refused = case.charging.refused and not after.charging.refused
    return review.route(after, now) if timed_out or refused else after


def note_reach(case: Case, event: ReachChanged, _now: datetime) -> Case:
    """Keep in mind which channels are closed; messages to come look for open ones (R7)."""
    others = tuple(c for c in case.closed_channels if c.channel is not event.channel)
    closed = others
    if event.reason is not None:
        closed = (*others, ClosedChannel(channel=event.channel, reason=event.reason))
    known = tuple(sorted(closed, key=lambda c: c.channel))
    return replace(case, closed_channels=known, reroute=True)


def note_reach_in_review(case: Case, event: ReachChanged, now: datetime) -> Case:
    """Whoever could not be reached, and now may be, is written to again."""
    after = note_reach(case, event, now)
    if case.review_reason is not ReviewReason.UNREACHABLE or event.reason is not None:
        return after
    return review.route(replace(after, unreachable=False), now)


# --- results of work


def take_plan_and_begin(case: Case, event: Opened, now: datetime) -> Case:
    """The first plan, and what the store knew before the case was opened."""
    case = take_plan(case, event, now)
    if case.state is State.CLOSED:
        return case
    case = replace(case, amount_differs=case.amount_differs or event.amount_differs)
    if event.card is not None:
        case = note_card(case, CardReplaced(id="store", card=event.card), now)
    return review.route(case, now)


def take_plan(case: Case, event: Opened, now: datetime) -> Case:
    """A new plan keeps what was done and replaces what was to come (R2).

    A plan that answers an old question is dropped; the present one is asked next.
    """
    if case.moved and event.policy_digest != case.policy_digest:
        return case
    terms = event.terms if case.moved else case.terms or event.terms
    if case.awaiting is not None and terms.charges and not own_charges.ours(case):
        case = own_charges.left_to_others(case)
    case = own_charges.hush(replace(case, terms=terms, policy_digest=event.policy_digest))
    case = replace(case, unreachable=event.unreachable)
    if event.settled is not None:
        return close(case, event.settled.outcome, event.settled.cause, now)
    answered = PlannedFor(advice=event.advice, decline_code=event.decline_code)
    if answered != case.question:
        return case if case.question else replace(case, moved=False)
    if event.rerouted:
        return _take_roads(case, event, now)
    kept = _without_plan(case.steps)
    done = {s.id for s in kept}
    overdue = {s.id for s in case.steps if s.pending and s.due_at <= now}
    case = replace(
        case,
        campaign=event.campaign,
        campaign_reason=event.reason,
        planned_for=answered,
        steps=merge(
            kept,
            tuple(
                _left_out(s, now) if case.moved and s.due_at <= now and s.id not in overdue else s
                for s in event.steps
                if s.id not in done
            ),
        ),
        moved=False,
        review_at=event.review_at,
    )
    return _unless_unreachable(case, now)


def _take_roads(case: Case, event: Opened, now: datetime) -> Case:
    """Only the channels: what was ordered of the steps meanwhile stays ordered (R7)."""
    steps = tuple(
        over(s, found) if s.pending and (found := find(event.steps, s.id)) else s
        for s in case.steps
    )
    return _unless_unreachable(replace(case, steps=steps), now)


def _unless_unreachable(case: Case, now: datetime) -> Case:
    if case.unreachable and case.state is State.WAITING:
        return review.route(case, now)
    return review.set_last_day(case, now)


def note_nudge(case: Case, event: NudgeEnded, now: datetime) -> Case:
    """Write down what became of a step."""
    return proofs.recall(_note_nudge(case, event, now), event.step, now)


def _note_nudge(case: Case, event: NudgeEnded, now: datetime) -> Case:
    step, result = event.step, event.result
    match result:
        case Settled(outcome=outcome, cause=cause):
            return close(case, outcome, cause, now)
        case Deferred():
            return replace(case, steps=_put_off(case, step, result, now))
        case _:
            status, reason, at = _ending(result)
            steps = _over(result, case.steps, step)
            return replace(case, steps=settle(steps, step, status, reason, at))


def _over(
    result: Sent | NotSent | DeadChannel | Unknown | Alerted, steps: Steps, step_id: str
) -> Steps:
    """Steps with the channel that the message took in the end."""
    if isinstance(result, NotSent | Alerted) or result.channel is None:
        return steps
    channel = result.channel
    return change(steps, step_id, lambda s: replace(s, channel=channel))


def _ending(
    result: Sent | NotSent | DeadChannel | Unknown | Alerted,
) -> tuple[StepStatus, str | None, datetime]:
    match result:
        case Sent(at=at, together_with=others):
            return StepStatus.SENT, f"together with {', '.join(others)}" if others else None, at
        case NotSent(reason=reason, at=at):
            return StepStatus.WITHHELD, reason.value, at
        case DeadChannel(reason=reason, at=at):
            return StepStatus.REFUSED, reason, at
        case Unknown(at=at):
            return StepStatus.UNKNOWN, "no answer from the vendor", at
        case Alerted(at=at):
            return StepStatus.ALERTED, None, at


def _put_off(case: Case, step_id: str, result: Deferred, now: datetime) -> Steps:
    until = max(result.until, now + _SOONEST_RETRY)
    return change(
        case.steps,
        step_id,
        lambda s: replace(
            s, not_before=until, reason=result.reason, deferrals=s.deferrals + result.counts
        ),
    )


def finish(case: Case, event: Closed, now: datetime) -> Case:
    """The end stands in the database."""
    case = replace(case, finished=True)
    if event.receipt is None or case.receipt is None:
        return case
    return _note_last_word(case, case.receipt, event.receipt, now)


def note_last_word(case: Case, event: NudgeEnded, now: datetime) -> Case:
    """What became of it; a nudge that the close overtook is of no interest any more."""
    step = case.last_word
    if step is None or step.id != event.step:
        return case
    return _note_last_word(case, step, event.result, now)


def _note_last_word(case: Case, step: Step, result: NudgeResult, now: datetime) -> Case:
    if isinstance(result, Settled) and step.id != RECEIPT:
        return case
    late = now - step.due_at > (_RECEIPT_WORTH if step.id == RECEIPT else _NOTICE_WORTH)
    if isinstance(result, Deferred) and not late:
        return replace(case, steps=_put_off(case, step.id, result, now))
    if isinstance(result, Deferred | Settled):
        return _end_last_word(case, step, StepStatus.WITHHELD, "too late", now)
    return _end_last_word(case, step, *_ending(result))


def _end_last_word(
    case: Case, step: Step, status: StepStatus, reason: str | None, at: datetime
) -> Case:
    ended = replace(step, status=status, reason=reason, at=at)
    return replace(case, steps=change(case.steps, step.id, lambda _: ended))


# --- time


def review_when_over(case: Case, _event: object, now: datetime) -> Case:
    """The campaign is over when nothing is left to send and its last day has come (R5)."""
    over = not any(s.pending for s in case.steps) and (case.review_at or now) <= now
    ended = over or _passed(case, now)
    if not ended:
        return case
    fits = case.campaign is not None
    reason = ReviewReason.CAMPAIGN_OVER if fits else ReviewReason.NO_CAMPAIGN
    return review.enter(case, reason, now)


def end_watch(case: Case, _event: object, now: datetime) -> Case:
    """Nothing came of watching: a person decides, or a campaign begins (R3)."""
    if not _passed(case, now):
        return case
    if case.terms is not None and case.terms.watch_then_campaign:
        return review.route(replace(case, forced=True), now)
    return review.enter(case, ReviewReason.WATCH_OVER, now)


def end_retry(case: Case, _event: object, now: datetime) -> Case:
    """No outcome of the new card came in time (R5)."""
    if not _passed(case, now):
        return case
    return review.enter(review.await_nothing(case), ReviewReason.RETRY_OVER, now)


def end_pause(case: Case, _event: object, now: datetime) -> Case:
    """The pause had an end, and it has come."""
    return review.route(case, now) if _passed(case, now) else case


def end_review_round(case: Case, _event: object, now: datetime) -> Case:
    """Nobody decided: one more round, then what the policy says (R5)."""
    if not _passed(case, now) or case.terms is None:
        return case
    if case.review_round < case.terms.review_rounds:
        until = now + case.terms.review
        return replace(case, review_round=case.review_round + 1, until=until)
    return close(case, case.terms.review_then, None, now)


def _passed(case: Case, now: datetime) -> bool:
    return case.until is not None and case.until <= now


# --- shared


def _weigh(case: Case, event: Failed) -> Case:
    """Keep the strongest advice; of equal ones, a decline code that does not depend on order."""
    if case.advice is None or event.advice.strength > case.advice.strength:
        return replace(case, advice=event.advice, decline_code=event.decline_code)
    begun = any(s.reached for s in case.steps)
    if event.advice is not case.advice or begun or event.decline_code is None:
        return case
    code = min(event.decline_code, case.decline_code or event.decline_code)
    return replace(case, decline_code=code)


def _say_card_failed(case: Case, card: str, now: datetime) -> Case:
    if card in case.new_cards:
        left = tuple(c for c in case.new_cards if c != card)
        case = replace(case, new_cards=left, awaiting=left[0] if left else None)
    notice = Step(
        id=f"{CARD_FAILED}{card}", channel=Channel.EMAIL, template="card_update_failed", due_at=now
    )
    if find(case.steps, notice.id) is not None:
        return own_charges.hush(case)
    return own_charges.hush(replace(case, steps=merge(case.steps, (notice,))))


def _left_out(step: Step, now: datetime) -> Step:
    """A policy that a case moves to is not caught up with, but what waits already goes on."""
    return replace(step, status=StepStatus.SKIPPED, reason=_BEFORE_THE_MOVE, at=now)


def _without_plan(steps: Steps) -> Steps:
    return tuple(s for s in steps if not s.pending or s.id.startswith((CARD_FAILED, PROMISE_STEP)))


def _drop_idle_plan(case: Case) -> Case:
    """A plan that has not begun is dropped when nobody is to be written to any more (R2)."""
    nudging = case.busy is not None and case.busy.doing is Doing.NUDGE
    if case.question is not None or case.begun or nudging:
        return case
    return replace(
        case,
        campaign=None,
        campaign_reason=None,
        planned_for=None,
        steps=_without_plan(case.steps),
        review_at=None,
    )
