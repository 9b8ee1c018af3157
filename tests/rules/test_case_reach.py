"""R7: what follows when a channel to the customer is dead, or lives again?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dunning.channel import Channel
from dunning.events import NudgeResult, Unknown, Woke
from dunning.orders import Decide, Decision, Extend, Pause, Resume, SendNow
from dunning.reach import Reach
from dunning.states import Outcome, ReviewReason, State, StepStatus
from dunning.steps import Step
from dunning.summary import details
from tests.rules.builders import (
    HOUR,
    Story,
    always_sent,
    at,
    dead,
    failed,
    planned,
    reach_changed,
    recovered,
    settled_message,
)

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH


def channels(story: Story) -> dict[str, str]:
    """Over what the steps to come will go."""
    return {step.id: step.channel.value for step in story.case.steps if step.pending}


def bounced(story: Story) -> Story:
    """The customer's address turns out to be bad."""
    story.known.reach = dead(EMAIL)
    return story.happens(reach_changed(EMAIL))


def test_what_is_left_moves_to_a_living_channel_and_the_case_says_why() -> None:
    story = Story().happens(failed()).until(1)
    assert channels(story) == {"text": "sms", "final": "email"}

    bounced(story)

    assert channels(story) == {"text": "sms", "final": "sms"}
    assert story.step("final").reason == "email is closed: bad_address"
    assert story.case.view(story.now).closed_channels == ("email: bad_address",)
    assert "- **closed**: email, bad_address" in details(story.case, story.now)
    assert story.until(10).steps == "first sent, text sent, final sent"


def test_orders_given_while_roads_are_looked_for_are_kept() -> None:
    story = Story().happens(failed()).until(1)
    story.known.reach = dead(EMAIL)
    due, review_at = story.step("final").due_at, story.case.review_at
    assert review_at is not None

    story.tell(reach_changed(EMAIL))
    story.act()
    story.tell(Extend(days=5), SendNow(step="text"))
    story.deliver()

    final, text = story.step("final"), story.step("text")
    assert (final.due_at, final.channel) == (due + timedelta(days=5), SMS)
    assert text.ordered
    assert story.case.review_at == review_at + timedelta(days=5)


def test_a_channel_that_lives_again_gets_its_messages_back() -> None:
    story = bounced(Story().happens(failed()).until(1))

    story.known.reach = dead()
    story.happens(reach_changed(EMAIL, None))

    assert channels(story) == {"text": "sms", "final": "email"}
    assert (story.step("final").reason, story.case.closed_channels) == (None, ())


def test_a_case_that_nobody_can_be_reached_in_goes_to_a_person_at_once() -> None:
    story = Story().happens(failed()).until(1)
    story.known.reach = dead(EMAIL, SMS)

    story.happens(reach_changed(EMAIL), reach_changed(SMS, "opted_out"))

    assert (story.case.state, story.case.review_reason) == (State.REVIEW, ReviewReason.UNREACHABLE)
    assert story.wakes_at == at(1 + 5)


def test_a_mended_address_leads_back_into_the_campaign() -> None:
    story = Story().happens(failed()).until(1)
    story.known.reach = dead(EMAIL, SMS)
    story.happens(reach_changed(EMAIL))
    assert story.ending().state is State.REVIEW

    story.known.reach = dead(SMS)
    story.happens(reach_changed(EMAIL, None))

    assert story.case.state is State.WAITING
    assert channels(story) == {"text": "email", "final": "email"}


def test_another_channel_that_dies_does_not_lead_out_of_the_review() -> None:
    story = Story().happens(failed()).until(1)
    story.known.reach = dead(EMAIL, SMS)
    story.happens(reach_changed(EMAIL))

    story.happens(reach_changed(SMS))

    assert story.case.review_reason is ReviewReason.UNREACHABLE
    assert story.case.view(story.now).closed_channels == ("email: bad_address", "sms: bad_address")


def test_a_reviewer_may_let_it_run_all_the_same() -> None:
    story = Story().happens(failed()).until(1)
    story.known.reach = dead(EMAIL, SMS)
    story.happens(reach_changed(EMAIL))

    story.orders(Decide(decision=Decision.RESUME))

    assert story.case.state is State.WAITING


def test_messages_under_a_pause_look_for_roads_when_it_ends() -> None:
    story = Story().happens(failed()).until(1).orders(Pause())
    bounced(story)
    assert channels(story) == {"text": "sms", "final": "email"}

    story.orders(Resume())

    assert channels(story) == {"text": "sms", "final": "sms"}


def test_days_that_an_operator_gave_stay_given() -> None:
    story = Story().happens(failed()).until(1).orders(Extend(days=3))
    due = story.step("final").due_at

    bounced(story)

    assert (story.step("final").due_at, story.step("final").channel) == (due, SMS)


def test_a_case_that_opens_for_somebody_whose_address_is_dead_begins_elsewhere() -> None:
    story = Story()
    story.known.reach = dead(EMAIL)

    assert channels(story.happens(failed())) == {"first": "sms", "text": "sms", "final": "sms"}


def test_word_that_comes_while_the_case_opens_is_not_lost() -> None:
    story = Story().tell(failed(), reach_changed(EMAIL))
    story.known.reach = dead(EMAIL)

    assert channels(story.play()) == {"first": "sms", "text": "sms", "final": "sms"}


def test_a_closed_case_hears_nothing() -> None:
    story = Story().happens(failed(), recovered())
    before = story.case

    story.happens(reach_changed(EMAIL))

    assert (story.case, story.case.outcome) == (before, Outcome.RECOVERED)


@pytest.mark.parametrize(
    ("reach", "nowhere"),
    [
        (dead(), False),
        (dead(EMAIL), False),
        (dead(EMAIL, SMS), True),
        # Nobody and nothing closed these; they were never there.
        (Reach(closed=dict.fromkeys(Channel, "no_address")), False),
        (Reach(dead={EMAIL: "bad_address"}, closed=dict.fromkeys(Channel, "no_consent")), True),
    ],
)
def test_only_a_dead_channel_makes_a_customer_unreachable(reach: Reach, nowhere: bool) -> None:  # noqa: FBT001 (a column of the table)
    steps = (planned("first", EMAIL, 2, anchor=at(0)), planned("text", SMS, 4, anchor=at(0)))
    routed = reach.route(steps, lambda _template, _channel: True)

    assert reach.leads_nowhere(routed) is nowhere


def test_a_step_moves_only_where_its_words_have_a_form_and_first_where_the_policy_says() -> None:
    step = replace(planned("final", EMAIL, 2, anchor=at(0)), fallback=(PUSH,))
    reach = Reach(dead={EMAIL: "bad_address"}, closed={EMAIL: "bad_address"})

    (by_policy,) = reach.route((step,), lambda _template, _channel: True)
    (by_form,) = reach.route((step,), lambda _template, channel: channel is SMS)
    (nowhere,) = reach.route((step,), lambda _template, _channel: False)

    assert (by_policy.channel, by_policy.moved_from, by_policy.fallback) == (PUSH, EMAIL, ())
    assert (by_form.channel, by_form.fallback) == (SMS, (PUSH,))
    assert nowhere == step


def test_what_a_customer_must_get_stays_an_email_and_passes_an_unsubscribe() -> None:
    notice = replace(planned("ending", EMAIL, 2, anchor=at(0)), template="service_ending")
    muted = Reach(
        dead={EMAIL: "opted_out"},
        closed={EMAIL: "opted_out", PUSH: "no_address"},
        essential={PUSH: "no_address"},
    )
    gone = dead(EMAIL)
    gone = replace(gone, essential=gone.closed)

    assert muted.route((notice,), lambda _template, _channel: True) == (notice,)
    assert not muted.leads_nowhere((notice,))
    assert gone.route((notice,), lambda _template, _channel: True) == (notice,)
    assert gone.leads_nowhere((notice,))


def unknown(_step: Step, now: datetime) -> NudgeResult:
    return Unknown(at=now)


def test_a_message_that_turns_out_to_have_left_counts_as_sent() -> None:
    story = Story(answer=unknown).happens(failed()).until(1)
    sent_at = story.step("first").at

    story.happens(settled_message("first", sent=True))

    first = story.step("first")
    assert (first.status, first.reason, first.at) == (StepStatus.SENT, None, sent_at)


def test_a_message_that_certainly_did_not_leave_waits_for_its_turn_again() -> None:
    story = Story(answer=unknown).happens(failed()).until(1)
    sent: list[str] = []

    def always(step: Step, now: datetime) -> NudgeResult:
        sent.append(step.id)
        return Unknown(at=now)

    story.answer = always
    story.happens(settled_message("first", sent=False)).live(story.now + HOUR)

    assert sent == ["first"]


@pytest.mark.parametrize(
    ("sent", "standing"), [(True, StepStatus.SENT), (False, StepStatus.PLANNED)]
)
def test_a_proof_that_comes_before_the_doubt_is_remembered(
    *, sent: bool, standing: StepStatus
) -> None:
    story = Story(answer=unknown).happens(failed())
    story.now += 2 * HOUR
    story.tell(Woke()).act()

    # The doubt stands in the database, and the case has not heard of it yet.
    story.tell(settled_message("first", sent=sent))
    story.answer = always_sent
    story.deliver()
    assert story.step("first").status is standing

    story.play()
    assert story.step("first").status is StepStatus.SENT
    assert story.shown is not None
    assert [s.status for s in story.shown.steps if s.step == "first"] == [StepStatus.SENT]
    assert story.case.proven == ()


def test_a_message_that_nobody_doubts_is_not_touched() -> None:
    story = Story().happens(failed()).until(1)
    before = story.case.steps

    story.happens(settled_message("first", sent=False), settled_message("gone", sent=True))

    assert story.case.steps == before
