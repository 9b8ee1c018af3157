"""R11: is a customer who promised to pay left in peace until the day is over, and what then?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dunning.advice import Advice
from dunning.case import Event
from dunning.channel import Channel
from dunning.events import DeadChannel, NudgeResult, Opened, Sent, Terms
from dunning.objections import objection
from dunning.orders import Extend, Pause, Promise, Resume, Stop
from dunning.promise import PromiseStatus, PromiseTerms
from dunning.states import Outcome, ReviewReason, State
from dunning.steps import Step
from dunning.work import Open
from tests.rules.builders import (
    DAY,
    PLANS,
    TERMS,
    Known,
    Story,
    amount_differs,
    at,
    card_replaced,
    dead,
    failed,
    in_state,
    opened,
    promise,
    reach_changed,
    recovered,
    voided,
)

FIRST = (2 / 24, "first")
CONFIRM = (1.0, "promise-confirmed-1")
# The story begins at nine, so a promise for day 5 ends at midnight, 15 hours after that.
LAPSES = 5 + 15 / 24 + 2
BROKEN = (LAPSES, "promise-broken-1")
CONFIRMING = PromiseTerms(
    longest=timedelta(days=14), most=1, grace=timedelta(days=2), confirm=True, remind=False
)
AT_ONCE = replace(CONFIRMING, grace=timedelta(0))


def under(promises: PromiseTerms = CONFIRMING) -> Story:
    """A case whose campaign has begun, one day on, under a policy that confirms promises."""
    terms = replace(TERMS, promise=promises)
    return Story(terms=terms).happens(failed()).until(1)


def test_nobody_is_reminded_before_the_day_and_its_grace_are_over() -> None:
    story = under().orders(promise(5)).until(LAPSES - 0.01)

    assert story.nudges == [FIRST, CONFIRM]
    assert story.case.state is State.PROMISED
    assert story.wakes_at == at(LAPSES)


def test_a_promise_is_kept_by_the_money_and_the_receipt_follows() -> None:
    story = under().orders(promise(5)).until(5).happens(recovered())

    assert story.ending().outcome is Outcome.RECOVERED
    assert (story.case.promises_kept, story.case.promises_broken) == (1, 0)
    assert "receipt sent" in story.steps


def test_a_broken_promise_is_said_once_and_the_campaign_goes_on() -> None:
    story = under().orders(promise(5)).until(LAPSES)
    assert (story.case.promises_kept, story.case.promises_broken) == (0, 1)

    story.until(30)

    assert story.nudges == [FIRST, CONFIRM, BROKEN, (9, "final")]
    assert story.step("text").reason == "overtaken by promise-broken-1"


def test_a_broken_promise_keeps_its_distance_from_the_last_message() -> None:
    story = under(replace(AT_ONCE, confirm=False)).until(4.9).orders(promise(5)).until(30)

    assert story.nudges == [FIRST, (4, "text"), (5 + 15 / 24, "promise-broken-1"), (9, "final")]

    hurried = under(AT_ONCE).until(4.9).orders(promise(5)).until(30)

    assert hurried.nudges[2:] == [
        (4.9, "promise-confirmed-1"),
        (5.9, "promise-broken-1"),
        (9, "final"),
    ]


@pytest.mark.parametrize(("spacing", "final"), [(DAY, 1), (3 * DAY, 3)])
def test_the_last_notice_is_never_overtaken(spacing: timedelta, final: int) -> None:
    def with_final(work: Open, terms: Terms, known: Known) -> Opened:
        plan = opened(work, terms, known)
        steps = tuple(replace(s, final=s.id == "final") for s in plan.steps)
        return replace(plan, steps=steps, review_at=at(9))

    terms = replace(TERMS, promise=CONFIRMING, spacing=spacing)
    story = Story(terms=terms, plan=with_final).happens(failed()).until(4)
    story.orders(promise(12)).until(60)

    lapses = 12 + 15 / 24 + 2
    assert story.nudges[-2:] == [(lapses, "promise-broken-1"), (lapses + final, "final")]


def test_a_morning_reminder_is_the_only_one_before_the_day_is_over() -> None:
    story = (
        under(replace(CONFIRMING, confirm=False, remind=True))
        .orders(promise(5))
        .until(LAPSES - 0.01)
    )

    assert story.nudges == [FIRST, (5 - 9 / 24, "promise-reminder-1")]


def test_a_case_whose_messages_are_all_sent_goes_to_a_person_after_the_promise() -> None:
    story = under().until(10).orders(promise(12))
    assert story.case.state is State.PROMISED

    story.until(16)

    assert story.nudges[-2:] == [
        (10, "promise-confirmed-1"),
        (14 + 15 / 24, "promise-broken-1"),
    ]
    assert (story.case.state, story.case.review_reason) == (
        State.REVIEW,
        ReviewReason.CAMPAIGN_OVER,
    )


def test_the_confirmation_takes_the_channel_that_carried_the_link() -> None:
    texted = under().until(4).orders(promise(8))
    closed = under().happens(reach_changed(Channel.EMAIL)).orders(promise(5))

    assert texted.step("promise-confirmed-1").channel is Channel.SMS
    assert closed.step("promise-confirmed-1").channel is Channel.SMS
    assert closed.step("promise-confirmed-1").fallback == ()


def test_without_a_channel_a_broken_promise_leads_to_a_person() -> None:
    story = under().orders(promise(5))
    story.known.reach = dead(Channel.EMAIL, Channel.SMS)
    story.happens(reach_changed(Channel.EMAIL), reach_changed(Channel.SMS))
    assert story.case.state is State.PROMISED

    story.until(LAPSES)

    assert (story.case.state, story.case.review_reason) == (State.REVIEW, ReviewReason.UNREACHABLE)
    assert story.case.promises_broken == 1


def test_where_the_broken_message_is_refused_the_reminder_before_it_goes() -> None:
    def refuses_broken(step: Step, now: datetime) -> NudgeResult:
        if step.id.startswith("promise-broken"):
            return DeadChannel(reason="bad_address", at=now)
        return Sent(at=now)

    story = under().orders(promise(5))
    story.answer = refuses_broken

    assert story.until(LAPSES).nudges[-2:] == [BROKEN, (LAPSES, "text")]


def test_a_further_failure_joins_in_silence() -> None:
    story = under().orders(promise(5)).happens(failed(transaction="t2")).until(7)

    assert story.nudges == [FIRST, CONFIRM]
    assert story.case.transactions == ("t1", "t2")


def test_what_a_person_must_decide_does_not_wait_for_the_day() -> None:
    blocked = under().orders(promise(5)).happens(failed(Advice.BLOCKED))
    differs = under().orders(promise(5)).happens(amount_differs())

    for story in (blocked, differs):
        assert story.case.state is State.REVIEW
        assert story.wakes_at == at(6)
    assert blocked.until(LAPSES).case.promises_broken == 1


def test_a_new_card_that_fails_is_said_and_the_promise_still_stands() -> None:
    story = under().orders(promise(5)).happens(card_replaced("a"))
    assert story.case.state is State.RETRYING

    story.until(2.5).happens(failed(transaction="t2", card="a")).until(LAPSES)

    assert story.nudges == [FIRST, CONFIRM, (2.5, "card-failed-a"), BROKEN]


def test_a_pause_holds_and_the_promise_is_found_broken_all_the_same() -> None:
    story = under().orders(promise(5)).orders(Pause()).until(20)
    assert (story.case.state, story.case.promises_broken) == (State.PAUSED, 1)

    story.orders(Resume()).until(21)

    assert story.nudges == [FIRST, CONFIRM, (20, "final")]
    assert story.step("promise-broken-1").reason == "overtaken by final"


def test_a_promise_during_a_pause_is_kept_in_mind() -> None:
    story = under().orders(Pause(until=at(3))).orders(promise(5))
    assert story.case.state is State.PAUSED

    story.until(4)

    assert (story.case.state, story.nudges) == (State.PROMISED, [FIRST])


def test_days_more_are_days_more_of_silence() -> None:
    story = under().orders(promise(5)).orders(Extend(days=3)).until(30)

    assert story.nudges == [FIRST, CONFIRM, (LAPSES + 3, "promise-broken-1")]
    assert story.step("final").reason == "overtaken by promise-broken-1"


def test_an_operator_takes_a_promise_back_and_it_counts_as_none() -> None:
    story = under().orders(promise(5)).until(2).orders(Resume())

    assert (story.case.state, story.case.promises[0].status) == (
        State.WAITING,
        PromiseStatus.ENDED,
    )
    assert story.until(5).nudges == [FIRST, CONFIRM, (4, "text")]
    assert objection(story.case, promise(8), story.now) is None


@pytest.mark.parametrize(
    ("event", "outcome"), [(Stop(), Outcome.STOPPED), (voided(), Outcome.CANCELLED)]
)
def test_a_case_that_closes_unpaid_has_neither_kept_nor_broken_its_promise(
    event: Event, outcome: Outcome
) -> None:
    story = under().orders(promise(5)).happens(event)

    assert story.ending().outcome is outcome
    assert [one.status for one in story.case.promises] == [PromiseStatus.ENDED]
    assert story.until(60).nudges == [FIRST, CONFIRM]


def test_a_review_that_time_opened_is_over_and_another_goes_on() -> None:
    timed = Story().happens(failed()).until(10.5)
    assert timed.case.review_reason is ReviewReason.CAMPAIGN_OVER
    asked = in_state(State.REVIEW)

    assert timed.orders(promise(12)).case.state is State.PROMISED
    assert asked.orders(promise(9)).case.state is State.REVIEW
    assert asked.case.until == at(9 + 15 / 24 + 2)


REFUSED = [
    (
        under().orders(promise(5)).until(LAPSES + 1),
        promise(12),
        "the policy takes 1 promises a case and 1 were made; pause the case until the day instead",
    ),
    (under(), promise(0), "2026-03-02 is over already; give a later day"),
    (
        under(),
        promise(17),
        "2026-03-19 is too far ahead; give a day at most 14 days ahead",
    ),
    (
        Story(terms=replace(TERMS, promise=None)).happens(failed()),
        promise(5),
        "the policy of this case takes no promises to pay; pause the case until the day instead",
    ),
    (
        under().orders(Pause()).orders(promise(5)),
        promise(6),
        (
            "the customer has promised to pay by 2026-03-07 already; "
            "extend the case once it is promised, or resume it to take the promise back"
        ),
    ),
    (
        under().orders(promise(5)),
        promise(6),
        (
            "promise is not possible while the case is promised; "
            "it is possible in: paused, retrying, review, waiting, watching"
        ),
    ),
]


@pytest.mark.parametrize(("story", "order", "words"), REFUSED)
def test_a_promise_that_cannot_be_taken_is_refused(
    story: Story, order: Promise, words: str
) -> None:
    assert objection(story.case, order, story.now) == words


def test_what_is_planned_for_a_stronger_advice_begins_after_the_promise() -> None:
    story = under().orders(promise(5)).happens(failed(Advice.AUTHENTICATE)).until(30)

    hours = PLANS[Advice.AUTHENTICATE][0][2]
    assert story.nudges[2:] == [BROKEN, (LAPSES + 1, "confirm"), (LAPSES + 9, "confirm-final")]
    assert story.step("confirm").due_at == at(LAPSES) + timedelta(hours=hours)
