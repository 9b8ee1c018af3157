"""R4: what does a new card change, when the merchant is the one who charges it?"""

from __future__ import annotations

import pytest

from dunning.advice import Advice
from dunning.case import Event
from dunning.orders import Decide, Decision, Pause, Resume
from dunning.states import Outcome, ReviewReason, State
from tests.rules.builders import (
    HOUR,
    RCU,
    Ending,
    Known,
    Story,
    amount_differs,
    at,
    campaign_over,
    card_replaced,
    failed,
    recovered,
)

MONITOR, BLOCKED, AUTH = Advice.MONITOR, Advice.BLOCKED, Advice.AUTHENTICATE
NEW_FAILED = failed(transaction="t2", card="new")

# What happened before, what comes with or after the new card, and the state that follows.
CARDS: list[tuple[list[Event], list[Event], State]] = [
    ([failed()], [], State.RETRYING),
    ([failed(MONITOR)], [], State.RETRYING),
    ([failed(AUTH)], [], State.RETRYING),
    ([failed(BLOCKED)], [], State.REVIEW),
    ([failed(), amount_differs()], [], State.REVIEW),
    ([failed(), Pause()], [], State.PAUSED),
    ([failed(), Pause()], [Resume()], State.RETRYING),
    ([failed()], [NEW_FAILED], State.WAITING),
    ([failed(MONITOR)], [failed(MONITOR, transaction="t2", card="new")], State.WATCHING),
    ([failed()], [failed(transaction="t2", card="old")], State.RETRYING),
    ([failed()], [failed(transaction="t2")], State.RETRYING),
    ([failed(MONITOR)], [failed(transaction="t2", card="old")], State.RETRYING),
    ([failed()], [failed(BLOCKED, transaction="t2", card="new")], State.REVIEW),
    ([failed()], [card_replaced("newer")], State.RETRYING),
    ([failed()], [card_replaced("newer"), NEW_FAILED], State.RETRYING),
    (
        [failed()],
        [card_replaced("newer"), NEW_FAILED, failed(transaction="t3", card="newer")],
        State.WAITING,
    ),
    ([failed()], [amount_differs()], State.REVIEW),
    ([failed()], [recovered()], State.CLOSED),
]


@pytest.mark.parametrize(("before", "after", "state"), CARDS)
def test_where_a_new_card_leads(before: list[Event], after: list[Event], state: State) -> None:
    story = Story().happens(*before, card_replaced(), *after)

    assert story.case.state is state


def test_messages_stop_until_the_outcome_of_the_card() -> None:
    story = Story().happens(failed()).until(3).happens(card_replaced()).until(5.9)

    assert story.ending(since=2) == Ending(State.RETRYING, None, "first sent", ["project"])
    assert story.wakes_at == at(6)


def test_a_card_that_failed_as_well_is_told_of_once_and_the_campaign_goes_on() -> None:
    story = Story().happens(failed()).until(3).happens(card_replaced()).until(5)

    story.happens(NEW_FAILED, NEW_FAILED).until(30)

    assert story.nudges == [(2 / 24, "first"), (5, "card-failed-new"), (9, "final")]
    assert story.steps == ("first sent, text overtaken, card-failed-new sent, final sent")


def test_the_notice_of_a_failed_card_keeps_its_distance() -> None:
    """The card failed an hour after a message: the customer hears of it a day after that."""
    story = Story().happens(failed()).until(4).happens(card_replaced())
    story.now = at(4) + HOUR

    story.happens(NEW_FAILED).until(8)

    assert story.nudges == [(2 / 24, "first"), (4, "text"), (5, "card-failed-new")]


def test_no_outcome_in_time_asks_a_person() -> None:
    story = Story().happens(failed(), card_replaced()).until(3)

    assert story.ending() == Ending(
        State.REVIEW, None, "", ["open request_card_update", "project", "project"]
    )
    assert story.case.review_reason is ReviewReason.RETRY_OVER
    assert story.case.awaiting is None


def test_a_card_whose_time_is_over_is_not_awaited_any_more() -> None:
    story = Story().happens(failed(), card_replaced("late")).until(3).happens(card_replaced())
    assert (story.case.state, story.case.awaiting) == (State.RETRYING, "new")

    assert story.happens(NEW_FAILED).case.state is State.WAITING


def test_a_new_card_ends_a_review_that_only_time_has_opened() -> None:
    over = campaign_over().happens(card_replaced())
    asked = Story().happens(failed(BLOCKED), card_replaced())

    assert over.case.state is State.RETRYING
    assert asked.case.state is State.REVIEW


def test_the_card_may_fail_before_it_is_told_of() -> None:
    story = Story().happens(failed(), NEW_FAILED, card_replaced())

    assert story.case.state is State.WAITING
    assert story.nudges == [(0, "card-failed-new")]


def test_a_card_that_the_store_knew_of_is_awaited_from_the_start() -> None:
    story = Story(known=Known(card="new")).happens(failed())

    assert (story.case.state, story.case.awaiting) == (State.RETRYING, "new")


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        (failed(transaction="t2"), State.REVIEW, ReviewReason.RETRY_OVER),
        (failed(BLOCKED, transaction="t2"), State.REVIEW, ReviewReason.BLOCKED),
        (failed(transaction="t1"), State.RETRYING, ReviewReason.CAMPAIGN_OVER),
        (card_replaced(), State.RETRYING, ReviewReason.CAMPAIGN_OVER),
    ],
)
def test_a_retry_that_a_reviewer_ordered_waits_for_a_new_transaction(
    event: Event, state: State, reason: ReviewReason
) -> None:
    story = campaign_over().happens(Decide(decision=Decision.RETRY_NOW))
    assert story.case.state is State.RETRYING

    story.happens(event)

    assert (story.case.state, story.case.review_reason) == (state, reason)


def test_a_success_in_the_meantime_is_the_end_with_a_receipt() -> None:
    story = Story().happens(failed()).until(3).happens(card_replaced(), recovered()).until(30)

    assert (story.case.outcome, story.steps) == (
        Outcome.RECOVERED,
        "first sent, text skipped, final skipped, receipt sent",
    )


def test_a_campaign_asked_for_while_a_card_is_tried_is_planned_already() -> None:
    """So that the two facts lead to the same case in either order (R2)."""
    story = Story().happens(failed(MONITOR), card_replaced(), failed(RCU, transaction="t2"))

    assert story.case.state is State.RETRYING
    assert [s.id for s in story.case.steps] == ["first", "text", "final"]
    assert story.until(2.9).nudges == []
