"""What does a case do next? The whole rule book, as one pure function.

`apply(case, event, now)` gives the case after the event and the work to carry out. The answer to
every event in every state stands in `TABLE`; rule numbers (R1 to R12) are those of
docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Generic, TypeVar, assert_never

from dunning import answers as do
from dunning import charging, endings, operators, promises, proofs, review, work
from dunning.events import (
    AmountDiffers,
    CardReplaced,
    Charged,
    Closed,
    Failed,
    MessageSettled,
    NudgeEnded,
    Opened,
    Projected,
    ReachChanged,
    Recovered,
    Reopened,
    RunCancelled,
    Voided,
    Woke,
)
from dunning.facts import Case
from dunning.orders import (
    Decide,
    Extend,
    Move,
    Order,
    Pause,
    Promise,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from dunning.states import State

Event = (
    Failed
    | Recovered
    | AmountDiffers
    | CardReplaced
    | ReachChanged
    | MessageSettled
    | Voided
    | Reopened
    | Opened
    | NudgeEnded
    | Charged
    | Closed
    | Projected
    | Woke
    | RunCancelled
    | Order
)

E = TypeVar("E")
Answer = Callable[[Case, E, datetime], Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[E]):
    """One event's answer in every state. A state without an answer does not type-check."""

    opening: Answer[E]
    waiting: Answer[E]
    watching: Answer[E]
    retrying: Answer[E]
    promised: Answer[E]
    paused: Answer[E]
    review: Answer[E]
    closed: Answer[E]

    def answer(self, case: Case, event: E, now: datetime) -> Case:
        """The case after the event."""
        answer: Answer[E] = getattr(self, case.state.value)
        return answer(case, event, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Every event's row. `recorded` means: seen, and nothing follows."""

    failed: Row[Failed] = Row(
        opening=do.note_failure,
        waiting=do.weigh_failure,
        watching=do.weigh_failure,
        retrying=do.end_retry_on_failure,
        promised=do.weigh_failure,
        paused=do.note_failure,
        review=do.weigh_failure_in_review,
        closed=do.recorded,
    )
    recovered: Row[Recovered] = Row(
        opening=do.close_recovered,
        waiting=do.close_recovered,
        watching=do.close_recovered,
        retrying=do.close_recovered,
        promised=do.close_recovered,
        paused=do.close_recovered,
        review=do.close_recovered,
        closed=do.recorded,
    )
    amount_differs: Row[AmountDiffers] = Row(
        opening=do.note_difference,
        waiting=do.review_difference,
        watching=do.review_difference,
        retrying=do.review_difference,
        promised=do.review_difference,
        paused=do.review_difference,
        review=do.review_difference,
        closed=do.recorded,
    )
    card_replaced: Row[CardReplaced] = Row(
        opening=do.note_card,
        waiting=do.await_card,
        watching=do.await_card,
        retrying=do.await_card,
        promised=do.await_card,
        paused=do.note_card,
        review=do.await_card_unless_asked,
        closed=do.recorded,
    )
    reach_changed: Row[ReachChanged] = Row(
        opening=do.note_reach,
        waiting=do.note_reach,
        watching=do.note_reach,
        retrying=do.note_reach,
        promised=do.note_reach,
        paused=do.note_reach,
        review=do.note_reach_in_review,
        closed=do.recorded,
    )
    message_settled: Row[MessageSettled] = Row(
        opening=proofs.settle,
        waiting=proofs.settle,
        watching=proofs.settle,
        retrying=proofs.settle,
        promised=proofs.settle,
        paused=proofs.settle,
        review=proofs.settle,
        closed=do.recorded,
    )
    voided: Row[Voided] = Row(
        opening=do.close_cancelled,
        waiting=do.close_cancelled,
        watching=do.close_cancelled,
        retrying=do.close_cancelled,
        promised=do.close_cancelled,
        paused=do.close_cancelled,
        review=do.close_cancelled,
        closed=do.recorded,
    )
    reopened: Row[Reopened] = Row(
        opening=do.recorded,
        waiting=do.recorded,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=do.recorded,
        closed=do.recorded,
    )
    opened: Row[Opened] = Row(
        opening=do.take_plan_and_begin,
        waiting=do.take_plan,
        watching=do.take_plan,
        retrying=do.take_plan,
        promised=do.take_plan,
        paused=do.take_plan,
        review=do.take_plan,
        closed=do.recorded,
    )
    nudge_ended: Row[NudgeEnded] = Row(
        opening=do.note_nudge,
        waiting=do.note_nudge,
        watching=do.note_nudge,
        retrying=do.note_nudge,
        promised=do.note_nudge,
        paused=do.note_nudge,
        review=do.note_nudge,
        closed=do.note_last_word,
    )
    charged: Row[Charged] = Row(
        opening=charging.settling(do.note_failure),
        waiting=charging.settling(do.weigh_failure),
        watching=charging.settling(do.weigh_failure),
        retrying=charging.settling(charging.end_retry),
        promised=charging.settling(do.weigh_failure),
        paused=charging.settling(do.note_failure),
        review=charging.settling(do.weigh_failure_in_review),
        closed=do.recorded,
    )
    closed: Row[Closed] = Row(
        opening=do.recorded,
        waiting=do.recorded,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=do.recorded,
        closed=do.finish,
    )
    projected: Row[Projected] = Row(
        opening=do.recorded,
        waiting=do.recorded,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=do.recorded,
        closed=do.recorded,
    )
    woke: Row[Woke] = Row(
        opening=do.recorded,
        waiting=do.review_when_over,
        watching=do.end_watch,
        retrying=promises.lapsing(do.end_retry),
        promised=promises.end,
        paused=promises.lapsing(do.end_pause),
        review=promises.lapsing(do.end_review_round),
        closed=do.recorded,
    )
    run_cancelled: Row[RunCancelled] = Row(
        opening=do.close_stopped,
        waiting=do.close_stopped,
        watching=do.close_stopped,
        retrying=do.close_stopped,
        promised=do.close_stopped,
        paused=do.close_stopped,
        review=do.close_stopped,
        closed=do.recorded,
    )
    pause: Row[Pause] = Row(
        opening=do.recorded,
        waiting=operators.pause,
        watching=operators.pause,
        retrying=operators.pause,
        promised=operators.pause,
        paused=operators.pause,
        review=do.recorded,
        closed=do.recorded,
    )
    resume: Row[Resume] = Row(
        opening=do.recorded,
        waiting=do.recorded,
        watching=do.recorded,
        retrying=do.recorded,
        promised=promises.withdraw,
        paused=operators.resume,
        review=do.recorded,
        closed=do.recorded,
    )
    skip: Row[Skip] = Row(
        opening=do.recorded,
        waiting=operators.skip,
        watching=operators.skip,
        retrying=operators.skip,
        promised=operators.skip,
        paused=operators.skip,
        review=operators.skip,
        closed=do.recorded,
    )
    send_now: Row[SendNow] = Row(
        opening=do.recorded,
        waiting=operators.send_now,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=do.recorded,
        closed=do.recorded,
    )
    stop: Row[Stop] = Row(
        opening=do.close_stopped,
        waiting=do.close_stopped,
        watching=do.close_stopped,
        retrying=do.close_stopped,
        promised=do.close_stopped,
        paused=do.close_stopped,
        review=do.close_stopped,
        closed=do.recorded,
    )
    extend: Row[Extend] = Row(
        opening=do.recorded,
        waiting=operators.extend_campaign,
        watching=operators.extend_deadline,
        retrying=operators.extend_deadline,
        promised=promises.extend,
        paused=operators.extend_deadline,
        review=operators.extend_campaign,
        closed=do.recorded,
    )
    replan: Row[Replan] = Row(
        opening=do.recorded,
        waiting=operators.replan,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=do.recorded,
        closed=do.recorded,
    )
    move: Row[Move] = Row(
        opening=do.recorded,
        waiting=operators.move,
        watching=operators.move,
        retrying=operators.move,
        promised=operators.move,
        paused=operators.move,
        review=operators.move,
        closed=do.recorded,
    )
    promise: Row[Promise] = Row(
        opening=do.recorded,
        waiting=promises.make,
        watching=promises.make,
        retrying=promises.note,
        promised=do.recorded,
        paused=promises.note,
        review=promises.note_in_review,
        closed=do.recorded,
    )
    decide: Row[Decide] = Row(
        opening=do.recorded,
        waiting=do.recorded,
        watching=do.recorded,
        retrying=do.recorded,
        promised=do.recorded,
        paused=do.recorded,
        review=review.decide,
        closed=do.recorded,
    )


TABLE = Table()


def apply(case: Case, event: Event, now: datetime) -> tuple[Case, work.Work | None]:
    """The case after the event, and what is to be carried out next, if anything.

    Work that is under way is not given again; a close is given in spite of a nudge under way,
    which is then abandoned (R1). `now` is the case's own time, UTC.
    """
    after = endings.follow(case, _answer(case, event, now), event, now)
    if after is not case and after.view(now, version=0) != case.view(now, version=0):
        after = replace(after, version=case.version + 1)
    return work.next_of(work.ended(case, after, event), now)


def _answer(case: Case, event: Event, now: datetime) -> Case:  # noqa: C901, PLR0911, PLR0912 (a table look-up that the type checker holds complete)
    match event:
        case Failed():
            return TABLE.failed.answer(case, event, now)
        case Recovered():
            return TABLE.recovered.answer(case, event, now)
        case AmountDiffers():
            return TABLE.amount_differs.answer(case, event, now)
        case CardReplaced():
            return TABLE.card_replaced.answer(case, event, now)
        case ReachChanged():
            return TABLE.reach_changed.answer(case, event, now)
        case MessageSettled():
            return TABLE.message_settled.answer(case, event, now)
        case Voided():
            return TABLE.voided.answer(case, event, now)
        case Reopened():
            return TABLE.reopened.answer(case, event, now)
        case Opened():
            return TABLE.opened.answer(case, event, now)
        case NudgeEnded():
            return TABLE.nudge_ended.answer(case, event, now)
        case Charged():
            return TABLE.charged.answer(case, event, now)
        case Closed():
            return TABLE.closed.answer(case, event, now)
        case Projected():
            return TABLE.projected.answer(case, event, now)
        case Woke():
            return TABLE.woke.answer(case, event, now)
        case RunCancelled():
            return TABLE.run_cancelled.answer(case, event, now)
        case Pause():
            return TABLE.pause.answer(case, event, now)
        case Resume():
            return TABLE.resume.answer(case, event, now)
        case Skip():
            return TABLE.skip.answer(case, event, now)
        case SendNow():
            return TABLE.send_now.answer(case, event, now)
        case Stop():
            return TABLE.stop.answer(case, event, now)
        case Extend():
            return TABLE.extend.answer(case, event, now)
        case Replan():
            return TABLE.replan.answer(case, event, now)
        case Move():
            return TABLE.move.answer(case, event, now)
        case Promise():
            return TABLE.promise.answer(case, event, now)
        case Decide():
            return TABLE.decide.answer(case, event, now)
        case _:
            assert_never(event)


def rows() -> dict[str, Row[object]]:
    """The table by event name, for the documentation and its test."""
    return {f.name: getattr(TABLE, f.name) for f in fields(TABLE)}


def states() -> tuple[State, ...]:
    """The states that every row answers."""
    return tuple(State(f.name) for f in fields(Row))
