"""R2 and R3: what does a case do first, and what does a further failure change?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from dunning.advice import Advice, of_block, of_failure
from dunning.case import Event
from dunning.events import NotSent, NudgeResult, Sent
from dunning.states import Outcome, ReviewReason, State, Withheld
from dunning.steps import Step
from tests.rules.builders import (
    RCU,
    TERMS,
    Ending,
    Story,
    at,
    failed,
    nothing_fits,
    recovered,
)

MONITOR, LATER = Advice.MONITOR, Advice.RETRY_LATER
AUTH, MANUAL, BLOCKED = Advice.AUTHENTICATE, Advice.MANUAL_REVIEW, Advice.BLOCKED


@pytest.mark.parametrize(
    ("action", "code", "failed_advice", "blocked_advice"),
    [
        ("monitor", None, MONITOR, BLOCKED),
        ("retry_later", "insufficient_funds", LATER, BLOCKED),
        ("request_card_update", "expired_card", RCU, BLOCKED),
        ("request_card_update", "authentication_required", AUTH, AUTH),
        ("manual_review", "authentication_required", AUTH, AUTH),
        ("manual_review", None, MANUAL, BLOCKED),
        ("call_the_customer", None, MANUAL, BLOCKED),
        ("authenticate", None, MANUAL, BLOCKED),
        (None, None, MANUAL, BLOCKED),
    ],
)
def test_what_a_failure_asks_of_us(
    action: str | None, code: str | None, failed_advice: Advice, blocked_advice: Advice
) -> None:
    assert of_failure(action, code) is failed_advice
    assert of_block(code) is blocked_advice


@pytest.mark.parametrize(
    ("advice", "state", "reason", "campaign", "wakes"),
    [
        (MONITOR, State.WATCHING, None, None, 45),
        (LATER, State.WATCHING, None, None, 45),
        (RCU, State.WAITING, None, "request_card_update", 2 / 24),
        (AUTH, State.WAITING, None, "authenticate", 2 / 24),
        (MANUAL, State.REVIEW, ReviewReason.MANUAL_REVIEW, None, 5),
        (BLOCKED, State.REVIEW, ReviewReason.BLOCKED, None, 5),
    ],
)
def test_the_first_move_is_what_the_advice_asks_for(
    advice: Advice,
    state: State,
    reason: ReviewReason | None,
    campaign: str | None,
    wakes: float,
) -> None:
    story = Story().happens(failed(advice))

    assert story.ending() == Ending(state, None, "", [f"open {advice.value}"])
    assert (story.case.review_reason, story.case.campaign) == (reason, campaign)
    assert story.wakes_at == at(wakes)
    assert story.shown == story.case.view(story.now)


def test_a_campaign_sends_its_messages_on_their_days_and_then_asks_a_person() -> None:
    story = Story().happens(failed()).until(10)

    assert story.nudges == [(2 / 24, "first"), (4, "text"), (9, "final")]
    assert story.case.state is State.REVIEW
    assert story.case.review_reason is ReviewReason.CAMPAIGN_OVER


@pytest.mark.parametrize("advice", [MONITOR, LATER])
def test_watching_ends_in_review_and_nobody_was_written_to(advice: Advice) -> None:
    story = Story().happens(failed(advice)).until(45)

    assert story.ending() == Ending(State.REVIEW, None, "", [f"open {advice.value}", "project"])
    assert story.case.review_reason is ReviewReason.WATCH_OVER


def test_watching_ends_in_a_campaign_when_the_policy_says_so() -> None:
    terms = replace(TERMS, watch_then_campaign=True)

    story = Story(terms=terms).happens(failed(MONITOR)).until(60)

    assert story.given[:2] == ["open monitor", "open request_card_update"]
    assert story.nudges == [(45 + 2 / 24, "first"), (49, "text"), (54, "final")]


def test_no_campaign_of_the_policy_fits_so_a_person_decides_at_once() -> None:
    story = Story(plan=nothing_fits).happens(failed()).until(0)

    assert story.ending() == Ending(State.REVIEW, None, "", ["open request_card_update", "project"])
    assert story.case.review_reason is ReviewReason.NO_CAMPAIGN
    assert story.case.campaign_reason == "no campaign fits"


# What is known, what arrives a day later: state, steps, work that follows.
JOINED: list[tuple[Advice, Event, State, list[str]]] = [
    (MONITOR, failed(LATER), State.WATCHING, ["project"]),
    (MONITOR, failed(RCU), State.WAITING, ["open request_card_update"]),
    (LATER, failed(BLOCKED), State.REVIEW, ["project"]),
    (LATER, failed(MONITOR), State.WATCHING, []),
    (RCU, failed(MONITOR, transaction="t2"), State.WAITING, []),
    (RCU, failed(RCU, "expired", transaction="t2"), State.WAITING, []),
    (RCU, failed(AUTH), State.WAITING, ["open authenticate"]),
    (RCU, failed(MANUAL), State.REVIEW, ["project"]),
    (RCU, failed(BLOCKED), State.REVIEW, ["project"]),
    (AUTH, failed(RCU), State.WAITING, []),
    (MANUAL, failed(RCU), State.REVIEW, []),
    (MANUAL, failed(BLOCKED), State.REVIEW, ["project"]),
    (BLOCKED, failed(MANUAL), State.REVIEW, []),
]


@pytest.mark.parametrize(("first", "then", "state", "work"), JOINED)
def test_only_a_stronger_advice_changes_a_case(
    first: Advice, then: Event, state: State, work: list[str]
) -> None:
    story = Story().happens(failed(first)).until(1)
    before, steps = len(story.given), story.steps

    story.happens(then)

    assert story.ending(since=before) == Ending(state, None, steps, work)


def test_a_stronger_advice_in_the_middle_begins_its_campaign_and_repeats_nothing() -> None:
    story = Story().happens(failed()).until(5).happens(failed(AUTH)).until(30)

    assert story.nudges == [
        (2 / 24, "first"),
        (4, "text"),
        (5 + 2 / 24, "confirm"),
        (14, "confirm-final"),
    ]


def test_a_block_in_the_middle_of_a_campaign_leaves_what_was_sent_and_sends_no_more() -> None:
    story = Story().happens(failed()).until(5).happens(failed(BLOCKED, "stolen")).until(9.9)

    assert story.ending(since=3) == Ending(State.REVIEW, None, "first sent, text sent", ["project"])
    assert story.case.campaign == "request_card_update"


def test_a_block_while_the_first_message_is_under_way_keeps_what_became_of_it() -> None:
    story = Story().happens(failed())
    story.wake()

    story.tell(failed(BLOCKED)).play()

    assert (story.case.state, story.steps) == (State.REVIEW, "first sent")


@pytest.mark.parametrize(("minutes", "first"), [(30, 2.0), (90, 3.5)])
def test_events_of_one_failure_plan_from_its_start(minutes: int, first: float) -> None:
    """Within the hour they are taken for one failure, whichever came first (R2)."""
    story = Story().happens(failed(MONITOR)).until(minutes / 60 / 24)

    story.happens(failed()).until(1)

    assert story.nudges == [(first / 24, "first")]


def test_a_block_before_the_first_message_takes_the_plan_back() -> None:
    planned = Story().happens(failed(), failed(BLOCKED))
    blocked = Story().happens(failed(BLOCKED), failed())

    assert planned.case.steps == blocked.case.steps == ()
    assert planned.case.campaign is blocked.case.campaign is None


def test_another_decline_code_plans_again_from_the_same_day() -> None:
    """Nobody was reached, so the campaign may be chosen anew; the schedule does not restart."""

    def no_address_at_first(step: Step, now: datetime) -> NudgeResult:
        first = step.id == "first"
        return NotSent(reason=Withheld.NO_ADDRESS, at=now) if first else Sent(at=now)

    story = Story(answer=no_address_at_first).happens(failed(code="stolen")).until(3)

    story.happens(failed(code="expired"))

    assert story.given[2:] == ["open request_card_update"]
    assert story.until(30).nudges == [(2 / 24, "first"), (4, "text"), (9, "final")]


def test_facts_that_arrive_while_the_case_opens_count_as_well() -> None:
    story = Story().tell(failed(MONITOR), failed(RCU), failed(BLOCKED, "stolen")).play()

    assert story.ending() == Ending(State.REVIEW, None, "", ["open monitor", "project"])
    assert (story.case.advice, story.case.decline_code) == (BLOCKED, "stolen")
    assert story.shown == story.case.view(story.now)


def test_a_success_while_the_case_opens_abandons_the_opening() -> None:
    story = Story().tell(failed(), recovered()).play()

    assert story.ending() == Ending(
        State.CLOSED, Outcome.RECOVERED, "", ["open request_card_update", "close"]
    )
