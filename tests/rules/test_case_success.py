"""R1 and R6: is a success final, and does nothing follow once nothing is owed?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dunning.advice import Advice
from dunning.case import Event
from dunning.events import (
    DeadChannel,
    Deferred,
    NotSent,
    NudgeResult,
    RunCancelled,
    Sent,
    Settled,
    Unknown,
)
from dunning.orders import Stop
from dunning.states import Cause, Outcome, ReviewReason, State, Withheld
from dunning.steps import Step
from tests.rules.builders import (
    HOUR,
    Ending,
    Known,
    Story,
    amount_differs,
    at,
    card_replaced,
    failed,
    in_state,
    recovered,
    voided,
)

ALIVE = [s for s in State if s is not State.CLOSED]
PLAN = "first skipped, text skipped, final skipped"
CLOSING: list[tuple[Event, Outcome]] = [
    (recovered(), Outcome.RECOVERED),
    (voided(), Outcome.CANCELLED),
    (Stop(), Outcome.STOPPED),
    (RunCancelled(), Outcome.STOPPED),
]


@pytest.mark.parametrize("state", ALIVE)
@pytest.mark.parametrize(("event", "outcome"), CLOSING)
def test_it_closes_the_case_from_any_state_at_once(
    state: State, event: Event, outcome: Outcome
) -> None:
    story = in_state(state)
    before = len(story.given)

    story.happens(event).until(90)

    planned = state in (State.WAITING, State.RETRYING, State.PROMISED, State.PAUSED)
    assert story.ending(since=before) == Ending(
        State.CLOSED, outcome, PLAN if planned else "", ["close"]
    )
    assert story.over
    assert story.case.closed_at == at(0)


def test_a_success_tells_what_brought_the_money() -> None:
    story = Story().happens(failed(), card_replaced(), recovered(Cause.CARD_UPDATE))

    assert story.case.cause is Cause.CARD_UPDATE


def test_a_success_overtakes_a_nudge_under_way_which_is_not_heard_of_again() -> None:
    story = Story().happens(failed())
    story.wake()

    story.tell(recovered())

    assert [r.work for r in story.abandoned] != []
    assert story.play().ending() == Ending(
        State.CLOSED,
        Outcome.RECOVERED,
        PLAN,
        ["open request_card_update", "nudge first", "close"],
    )


def test_what_an_abandoned_nudge_shows_too_late_does_not_hide_the_end() -> None:
    story = Story().happens(failed())
    story.wake()
    story.tell(recovered())

    story.carry_out(story.abandoned[0])
    assert story.shown is not None
    assert story.shown.state is State.WAITING

    story.play()
    assert story.shown == story.case.view(story.now)


def test_the_customer_who_was_written_to_gets_one_receipt_with_the_close() -> None:
    story = Story().happens(failed()).until(6).happens(recovered()).until(90)

    assert story.ending() == Ending(
        State.CLOSED,
        Outcome.RECOVERED,
        "first sent, text sent, final skipped, receipt sent",
        ["open request_card_update", "nudge first", "nudge text", "close"],
    )


def test_a_receipt_that_is_put_off_is_sent_later_and_once() -> None:
    def at_night(step: Step, now: datetime) -> NudgeResult:
        if step.id == "receipt" and now < at(6.5):
            return Deferred(until=at(6.5), reason="outside the recipient's hours")
        return Sent(at=now)

    story = Story(answer=at_night).happens(failed()).until(6).happens(recovered())

    assert not story.over
    assert story.until(90).nudges[-1] == (6.5, "receipt")
    assert story.given.count("nudge receipt") == 1
    assert story.step("receipt").at == at(6.5)
    assert story.over


def test_a_receipt_that_is_put_off_for_days_is_of_no_use_any_more() -> None:
    def no_receipts(step: Step, now: datetime) -> NudgeResult:
        if step.id == "receipt":
            return Deferred(until=now + timedelta(days=1), reason="vendor busy")
        return Sent(at=now)

    story = Story(answer=no_receipts).happens(failed()).until(6).happens(recovered()).until(90)

    assert story.steps == "first sent, text sent, final skipped, receipt withheld"
    assert story.step("receipt").reason == "too late"
    assert [day for day, step in story.nudges if step == "receipt"] == [7, 8, 9, 10]
    assert story.over


@pytest.mark.parametrize("event", [failed(), voided(), Stop()])
def test_nobody_else_gets_a_receipt(event: Event) -> None:
    """Neither those who were never written to, nor those who have not paid."""
    never = Story().happens(failed(), recovered())
    unpaid = Story().happens(failed()).until(6).happens(event, Stop())

    assert "receipt" not in never.steps
    assert "receipt" not in unpaid.steps


LATER: list[Event] = [
    failed(Advice.BLOCKED, "stolen", transaction="t9", card="new"),
    amount_differs(),
    card_replaced(),
    voided(),
    recovered(Cause.PAID_ELSEWHERE),
    Stop(),
    RunCancelled(),
]


@pytest.mark.parametrize("later", LATER, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize(("event", "outcome"), CLOSING)
def test_what_arrives_after_the_end_changes_nothing(
    event: Event, outcome: Outcome, later: Event
) -> None:
    """While the end is being written down, and when it stands."""
    story = Story().happens(failed()).tell(event)
    closing = story.case

    story.tell(later)

    assert story.case == closing
    ended = story.play().case
    assert story.happens(later).until(90).case == ended
    assert story.case.outcome is outcome


@pytest.mark.parametrize("state", ALIVE)
def test_other_money_than_is_owed_stops_the_messages_and_asks_a_person(state: State) -> None:
    story = in_state(state).happens(amount_differs())

    assert story.case.state is State.REVIEW
    assert story.case.review_reason is ReviewReason.AMOUNT_DIFFERS
    assert story.until(9).nudges == []


@pytest.mark.parametrize(
    ("known", "state", "outcome"),
    [
        (
            Known(settled=Settled(outcome=Outcome.RECOVERED, cause=Cause.REVTAIN_RETRY)),
            State.CLOSED,
            Outcome.RECOVERED,
        ),
        (Known(settled=Settled(outcome=Outcome.CANCELLED)), State.CLOSED, Outcome.CANCELLED),
        (Known(amount_differs=True), State.REVIEW, None),
        (Known(card="new"), State.RETRYING, None),
    ],
)
def test_what_the_store_knew_first_counts_as_if_it_were_told(
    known: Known, state: State, outcome: Outcome | None
) -> None:
    story = Story(known=known).happens(failed())

    assert (story.case.state, story.case.outcome) == (state, outcome)
    assert story.until(2).nudges == []


WORDS: list[tuple[NudgeResult, str, str | None]] = [
    (Sent(at=at(0) + 2 * HOUR), "first sent", None),
    (Unknown(at=at(0) + 2 * HOUR), "first unknown", "no answer from the vendor"),
    (
        NotSent(reason=Withheld.OPTED_OUT, at=at(0) + 2 * HOUR),
        "first withheld",
        "opted_out",
    ),
    (
        DeadChannel(reason="bad_address", at=at(0) + 2 * HOUR),
        "first refused",
        "bad_address",
    ),
]


@pytest.mark.parametrize(("result", "steps", "reason"), WORDS)
def test_what_became_of_a_nudge_is_kept_with_its_reason(
    result: NudgeResult, steps: str, reason: str | None
) -> None:
    story = Story(answer=lambda _step, _now: result).happens(failed()).until(1)

    step = story.step("first")
    assert (story.steps, step.reason, step.at) == (steps, reason, at(0) + 2 * HOUR)
    assert story.case.state is State.WAITING


def test_a_nudge_that_is_put_off_is_tried_again_at_that_instant() -> None:
    def at_night(_step: Step, now: datetime) -> NudgeResult:
        return Sent(at=now) if now >= at(1) else Deferred(until=at(1), reason="night")

    story = Story(answer=at_night).happens(failed()).until(1)

    assert [step for _, step in story.nudges] == ["first", "first"]
    assert story.nudges[-1] == (1.0, "first")
    assert (story.steps, story.step("first").deferrals) == ("first sent", 1)


def test_a_nudge_that_is_put_off_until_now_is_not_tried_again_without_a_pause() -> None:
    def until_now(_step: Step, now: datetime) -> NudgeResult:
        return Deferred(until=now, reason="vendor busy")

    story = Story(answer=until_now).happens(failed())
    story.wake()

    assert story.play().wakes_at == at(0) + 2 * HOUR + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("found", "cause"),
    [(Outcome.RECOVERED, Cause.PAID_ELSEWHERE), (Outcome.CANCELLED, None)],
)
def test_a_nudge_that_finds_the_debt_gone_closes_the_case(
    found: Outcome, cause: Cause | None
) -> None:
    story = Story(answer=lambda _s, _n: Settled(outcome=found, cause=cause))
    story.happens(failed()).until(90)

    assert story.ending() == Ending(
        State.CLOSED, found, PLAN, ["open request_card_update", "nudge first", "close"]
    )
    assert story.case.cause is cause
