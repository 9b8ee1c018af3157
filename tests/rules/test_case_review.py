"""R5: what ends a review, and what does a reviewer's decision lead to?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dunning.advice import Advice
from dunning.case import Event
from dunning.channel import Channel
from dunning.charge import NotCharged
from dunning.events import Charged, Deferred, NudgeResult
from dunning.orders import Decide, Decision, Extend
from dunning.states import Cause, Outcome, ReviewReason, State
from dunning.steps import Step
from tests.rules.builders import (
    TERMS,
    Known,
    Story,
    amount_differs,
    at,
    campaign_over,
    card_replaced,
    dead,
    failed,
    nothing_fits,
    opened,
)

BLOCKED, MANUAL = Advice.BLOCKED, Advice.MANUAL_REVIEW

REVIEWS: dict[ReviewReason, tuple[tuple[Event, ...], float]] = {
    ReviewReason.BLOCKED: ((failed(BLOCKED),), 0),
    ReviewReason.MANUAL_REVIEW: ((failed(MANUAL),), 0),
    ReviewReason.AMOUNT_DIFFERS: ((failed(), amount_differs()), 0),
    ReviewReason.NO_CAMPAIGN: ((failed(),), 0),
    ReviewReason.CAMPAIGN_OVER: ((failed(),), 10),
    ReviewReason.WATCH_OVER: ((failed(Advice.MONITOR),), 45),
    ReviewReason.RETRY_OVER: ((failed(), card_replaced()), 3),
    ReviewReason.UNREACHABLE: ((failed(),), 0),
    ReviewReason.CHARGE_REFUSED: ((failed(), Charged(result=NotCharged(reason="no card"))), 0),
}


def in_review(reason: ReviewReason) -> Story:
    """A case in review for that reason."""
    events, day = REVIEWS[reason]
    plan = nothing_fits if reason is ReviewReason.NO_CAMPAIGN else opened
    unreachable = reason is ReviewReason.UNREACHABLE
    known = Known(reach=dead(Channel.EMAIL, Channel.SMS) if unreachable else dead())
    return Story(plan=plan, known=known).happens(*events).until(day)


@pytest.mark.parametrize("reason", list(ReviewReason))
def test_nobody_decides_so_one_more_round_and_then_what_the_policy_says(
    reason: ReviewReason,
) -> None:
    story = in_review(reason)
    begun = REVIEWS[reason][1]
    assert (story.case.state, story.case.review_reason) == (State.REVIEW, reason)
    assert (story.case.review_round, story.wakes_at) == (1, at(begun + 5))

    story.until(begun + 5)
    assert (story.case.state, story.case.review_round) == (State.REVIEW, 2)
    assert story.given[-1] == "project"

    story.until(begun + 10)
    assert (story.case.outcome, story.case.closed_at) == (Outcome.WRITTEN_OFF, at(begun + 10))
    assert story.over


@pytest.mark.parametrize("then", [Outcome.STOPPED, Outcome.HANDED_OVER, Outcome.WRITTEN_OFF])
def test_the_policy_names_the_rounds_and_the_end(then: Outcome) -> None:
    terms = replace(TERMS, review=timedelta(days=2), review_rounds=1, review_then=then)

    story = Story(terms=terms).happens(failed(BLOCKED)).until(2)

    assert (story.case.outcome, story.case.closed_at) == (then, at(2))


@pytest.mark.parametrize("reason", list(ReviewReason))
@pytest.mark.parametrize(
    ("decision", "outcome", "cause"),
    [
        (Decision.WRITE_OFF, Outcome.WRITTEN_OFF, None),
        (Decision.STOP, Outcome.STOPPED, None),
        (Decision.HAND_OVER, Outcome.HANDED_OVER, None),
        (Decision.MARK_PAID, Outcome.RECOVERED, Cause.MANUAL),
    ],
)
def test_a_reviewer_may_end_the_case(
    reason: ReviewReason, decision: Decision, outcome: Outcome, cause: Cause | None
) -> None:
    story = in_review(reason).orders(Decide(decision=decision))

    assert (story.case.outcome, story.case.cause, story.over) == (outcome, cause, True)


@pytest.mark.parametrize(
    "reason", [ReviewReason.BLOCKED, ReviewReason.MANUAL_REVIEW, ReviewReason.WATCH_OVER]
)
def test_resuming_what_never_had_a_campaign_begins_one(reason: ReviewReason) -> None:
    story = in_review(reason)
    day = REVIEWS[reason][1] + 1

    story.until(day).orders(Decide(decision=Decision.RESUME)).until(day + 9)

    assert story.given.count("open request_card_update") == 1
    assert [step for _, step in story.nudges] == ["first", "text", "final"]


@pytest.mark.parametrize("reason", [ReviewReason.AMOUNT_DIFFERS, ReviewReason.RETRY_OVER])
def test_resuming_a_campaign_goes_on_with_what_is_left(reason: ReviewReason) -> None:
    story = in_review(reason).until(5).orders(Decide(decision=Decision.RESUME)).until(10)

    assert story.nudges == [(5, "text"), (9, "final")]
    assert story.steps == "first overtaken, text sent, final sent"
    assert story.case.review_reason is ReviewReason.CAMPAIGN_OVER


@pytest.mark.parametrize("reason", list(ReviewReason))
def test_retrying_now_awaits_the_outcome_and_then_asks_again(reason: ReviewReason) -> None:
    story = in_review(reason).orders(Decide(decision=Decision.RETRY_NOW))
    day = REVIEWS[reason][1]
    assert (story.case.state, story.wakes_at) == (State.RETRYING, at(day + 3))

    story.until(day + 3)

    assert story.case.review_reason is ReviewReason.RETRY_OVER
    assert story.case.state is State.REVIEW


@pytest.mark.parametrize("order", [Decide(decision=Decision.EXTEND), Extend(days=5)])
def test_extending_an_ended_campaign_gives_the_customer_more_days(
    order: Decide | Extend,
) -> None:
    story = campaign_over().until(12).orders(order)
    assert (story.case.state, story.wakes_at) == (State.WAITING, at(17))

    story.until(17)

    assert story.case.review_reason is ReviewReason.CAMPAIGN_OVER
    assert [step for _, step in story.nudges] == ["first", "text", "final"]


@pytest.mark.parametrize("order", [Decide(decision=Decision.EXTEND), Extend(days=5)])
def test_extending_a_watch_that_is_over_watches_on(order: Decide | Extend) -> None:
    story = in_review(ReviewReason.WATCH_OVER).until(46).orders(order)
    assert (story.case.state, story.wakes_at) == (State.WATCHING, at(51))

    story.until(51)

    assert (story.case.review_reason, story.case.review_round) == (ReviewReason.WATCH_OVER, 1)
    assert story.nudges == []


RAN_OUT = {ReviewReason.CAMPAIGN_OVER, ReviewReason.WATCH_OVER}
GOES_ON = [reason for reason in ReviewReason if reason not in RAN_OUT]


@pytest.mark.parametrize("order", [Decide(decision=Decision.EXTEND), Extend(days=5)])
@pytest.mark.parametrize("reason", GOES_ON)
def test_extending_any_other_review_puts_its_deadline_off_and_writes_to_nobody(
    reason: ReviewReason, order: Decide | Extend
) -> None:
    """The rounds that the policy gives are not used up by it."""
    story = in_review(reason)
    begun, written = REVIEWS[reason][1], story.nudges
    story.until(begun + 4).orders(order)
    assert (story.case.state, story.case.review_reason) == (State.REVIEW, reason)
    assert (story.case.review_round, story.wakes_at) == (1, at(begun + 10))
    assert story.shown is not None
    assert story.shown.next_at == at(begun + 10)

    story.until(begun + 14)
    assert (story.case.state, story.case.review_round) == (State.REVIEW, 2)

    story.until(begun + 15)
    assert (story.case.outcome, story.nudges) == (Outcome.WRITTEN_OFF, written)


def test_a_case_of_the_time_when_extending_resumed_is_resumed_by_it() -> None:
    terms = replace(TERMS, extend_keeps_review=False)
    story = Story(terms=terms).happens(failed(), amount_differs()).until(1)

    story.orders(Extend(days=4)).until(30)

    assert story.nudges == [(4 + 2 / 24, "first"), (8, "text"), (13, "final")]


@pytest.mark.parametrize(
    ("reason", "event", "state", "now"),
    [
        (ReviewReason.CAMPAIGN_OVER, failed(), State.REVIEW, ReviewReason.CAMPAIGN_OVER),
        (
            ReviewReason.CAMPAIGN_OVER,
            failed(BLOCKED),
            State.REVIEW,
            ReviewReason.BLOCKED,
        ),
        (
            ReviewReason.CAMPAIGN_OVER,
            failed(Advice.AUTHENTICATE),
            State.WAITING,
            ReviewReason.CAMPAIGN_OVER,
        ),
        (ReviewReason.WATCH_OVER, failed(), State.WAITING, ReviewReason.WATCH_OVER),
        (ReviewReason.MANUAL_REVIEW, failed(), State.REVIEW, ReviewReason.MANUAL_REVIEW),
        (ReviewReason.MANUAL_REVIEW, failed(BLOCKED), State.REVIEW, ReviewReason.BLOCKED),
        (ReviewReason.AMOUNT_DIFFERS, failed(BLOCKED), State.REVIEW, ReviewReason.AMOUNT_DIFFERS),
        (ReviewReason.BLOCKED, amount_differs(), State.REVIEW, ReviewReason.AMOUNT_DIFFERS),
        (ReviewReason.WATCH_OVER, amount_differs(), State.REVIEW, ReviewReason.AMOUNT_DIFFERS),
    ],
)
def test_what_a_review_learns(
    reason: ReviewReason, event: Event, state: State, now: ReviewReason
) -> None:
    story = in_review(reason)
    deadline = story.case.until

    story.happens(event)

    assert (story.case.state, story.case.review_reason) == (state, now)
    if state is State.REVIEW:
        assert story.case.until == deadline


@pytest.mark.parametrize(
    ("advice", "event", "state"),
    [
        (BLOCKED, failed(BLOCKED, transaction="t2"), State.WAITING),
        (BLOCKED, failed(MANUAL), State.WAITING),
        (MANUAL, failed(MANUAL, transaction="t2"), State.WAITING),
        (MANUAL, failed(BLOCKED), State.REVIEW),
        (BLOCKED, amount_differs(), State.REVIEW),
    ],
)
def test_what_a_reviewer_has_overruled_asks_no_second_time(
    advice: Advice, event: Event, state: State
) -> None:
    story = Story().happens(failed(advice)).orders(Decide(decision=Decision.RESUME))

    assert story.happens(event).case.state is state


@pytest.mark.parametrize("hours", [6, 60 * 24])
def test_messages_that_are_put_off_for_ever_do_not_keep_a_case_from_its_review(
    hours: int,
) -> None:
    """The last day of a campaign is that of its review, with the review's deadline as grace."""

    def busy(_step: Step, now: datetime) -> NudgeResult:
        return Deferred(until=now + timedelta(hours=hours), reason="vendor busy")

    story = Story(answer=busy).happens(failed()).until(15)

    assert story.case.review_reason is ReviewReason.CAMPAIGN_OVER
    assert story.case.state is State.REVIEW
    assert story.until(25).case.outcome is Outcome.WRITTEN_OFF
    assert story.steps == "first skipped, text skipped, final skipped"
