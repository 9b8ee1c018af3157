"""R9: what does a case keep, and what does it take on, when it is moved to another policy?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dunning.channel import Channel
from dunning.events import Deferred, Opened, Terms
from dunning.orders import Decide, Decision, Move
from dunning.states import Outcome, State, StepStatus
from dunning.work import Open
from tests.rules.builders import (
    DAY,
    TERMS,
    Known,
    Story,
    always_sent,
    failed,
    in_state,
    opened,
    planned,
)

NEW_TERMS = replace(TERMS, spacing=timedelta(hours=48), review_then=Outcome.HANDED_OVER)


def new_plan(work: Open, terms: Terms, known: Known) -> Opened:
    """The same campaign with another second step, and one more that is past when it is moved to."""
    plan = opened(work, terms, known)
    if plan.campaign is None:
        return plan
    steps = (
        plan.steps[0],
        planned("early", Channel.EMAIL, 24, anchor=work.anchor),
        planned("letter", Channel.EMAIL, 6 * 24, anchor=work.anchor),
        plan.steps[-1],
    )
    return replace(plan, steps=steps)


def moved(story: Story) -> Story:
    """The story under the new policy from now on."""
    story.terms, story.plan = NEW_TERMS, new_plan
    return story.orders(Move(policy="policy-2"))


def test_a_moved_case_keeps_what_was_sent_and_takes_only_what_is_still_to_come() -> None:
    story = moved(Story().happens(failed()).until(2)).until(20)

    assert story.nudges == [(2 / 24, "first"), (6, "letter"), (9, "final")]
    assert story.step("early").status is StepStatus.SKIPPED
    assert story.step("early").reason == "due before the case moved to this policy"
    assert story.case.policy_digest == "policy-2"
    assert story.shown is not None
    assert story.shown.policy_digest == "policy-2"


def test_a_message_that_waits_already_is_not_lost_by_moving() -> None:
    busy = Story().happens(failed()).until(3.9)
    busy.answer = lambda step, now: Deferred(until=now + 2 * DAY, reason="vendor busy")
    busy.until(4.5)
    busy.answer = always_sent
    busy.terms = NEW_TERMS

    moved_story = busy.orders(Move(policy="policy-2")).until(20)

    assert [name for _, name in moved_story.nudges if name == "text"] == ["text", "text"]
    assert moved_story.step("text").status is StepStatus.SENT


def test_the_new_terms_hold_from_then_on() -> None:
    story = moved(Story().happens(failed()).until(2)).to_the_end()

    assert story.case.terms == NEW_TERMS
    assert story.case.outcome is Outcome.HANDED_OVER


def test_moving_to_the_policy_that_the_case_has_changes_nothing() -> None:
    story = Story().happens(failed()).until(2)
    before = story.case

    assert story.orders(Move(policy="policy-1")).case == before


@pytest.mark.parametrize(
    "state", [State.WAITING, State.WATCHING, State.RETRYING, State.PAUSED, State.REVIEW]
)
def test_a_case_can_be_moved_in_every_open_state_and_stays_in_it(state: State) -> None:
    story = moved(in_state(state))

    assert (story.case.state, story.case.terms) == (state, NEW_TERMS)
    assert not story.case.moved


def test_a_plan_that_was_made_under_the_old_policy_is_asked_for_again() -> None:
    story = Story().happens(failed()).until(2)
    story.tell(failed(code="expired_card"))
    story.terms, story.plan = NEW_TERMS, new_plan
    story.happens(Move(policy="policy-2"))

    assert story.case.terms == NEW_TERMS
    assert [s.id for s in story.case.steps] == ["first", "early", "letter", "final"]


def test_a_moved_review_ends_as_the_new_policy_says() -> None:
    story = moved(in_state(State.REVIEW)).to_the_end()

    assert story.case.outcome is Outcome.HANDED_OVER


def test_a_moved_case_can_still_be_decided() -> None:
    story = moved(in_state(State.REVIEW)).orders(Decide(decision=Decision.WRITE_OFF))

    assert story.case.outcome is Outcome.WRITTEN_OFF
