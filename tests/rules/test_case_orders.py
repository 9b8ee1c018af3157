"""R8 and R12: what do operators' orders do, and what becomes of messages that are overdue?"""

from __future__ import annotations

from datetime import datetime

import pytest

from dunning.advice import Advice
from dunning.events import Deferred, NotSent, NudgeResult, Sent
from dunning.orders import Extend, Order, Pause, Replan, Resume, SendNow, Skip, Stop
from dunning.states import Outcome, State, Withheld
from dunning.steps import Step
from tests.rules.builders import (
    HOUR,
    Ending,
    Story,
    amount_differs,
    at,
    card_replaced,
    failed,
    in_state,
)

FIRST, TEXT, FINAL = (2 / 24, "first"), (4, "text"), (9, "final")


# Day and order, then the nudges of the whole case.
ORDERED: list[tuple[str, list[tuple[float, Order]], list[tuple[float, str]]]] = [
    ("nothing", [], [FIRST, TEXT, FINAL]),
    ("a pause and its end", [(1, Pause(until=at(3)))], [FIRST, TEXT, FINAL]),
    ("a pause over a step", [(1, Pause(until=at(5)))], [FIRST, (5, "text"), FINAL]),
    ("a pause over two steps", [(1, Pause(until=at(12)))], [FIRST, (12, "final")]),
    ("a pause without end", [(1, Pause())], [FIRST]),
    ("resumed in time", [(1, Pause()), (2, Resume())], [FIRST, TEXT, FINAL]),
    ("resumed late", [(1, Pause()), (20, Resume())], [FIRST, (20, "final")]),
    (
        "a longer pause",
        [(1, Pause(until=at(3))), (2, Pause(until=at(6)))],
        [FIRST, (6, "text"), FINAL],
    ),
    (
        "a pause put off",
        [(1, Pause(until=at(3))), (2, Extend(days=3))],
        [FIRST, (6, "text"), FINAL],
    ),
    ("skip", [(1, Skip(step="text"))], [FIRST, FINAL]),
    ("skip the last", [(1, Skip(step="final"))], [FIRST, TEXT]),
    ("skip while paused", [(1, Pause(until=at(5))), (2, Skip(step="text"))], [FIRST, FINAL]),
    ("send now", [(2, SendNow(step="text"))], [FIRST, (2, "text"), FINAL]),
    ("send now in spite of spacing", [(0.5, SendNow(step="final"))], [FIRST, (0.5, "final"), TEXT]),
    (
        "two at once",
        [(2, SendNow(step="final")), (2, SendNow(step="text"))],
        [FIRST, (2, "final"), (2, "text")],
    ),
    ("extend", [(1, Extend(days=3))], [FIRST, (7, "text"), (12, "final")]),
    (
        "extend while paused",
        [(1, Pause(until=at(2))), (1, Extend(days=3))],
        [FIRST, (5, "text"), FINAL],
    ),
    ("plan again", [(5, Replan())], [FIRST, TEXT, FINAL]),
    ("stop", [(5, Stop())], [FIRST, TEXT]),
    ("stop while paused", [(1, Pause(until=at(3))), (2, Stop())], [FIRST]),
]


@pytest.mark.parametrize(
    ("orders", "nudges"), [c[1:] for c in ORDERED], ids=[c[0] for c in ORDERED]
)
def test_what_is_sent_when_an_operator_orders(
    orders: list[tuple[float, Order]], nudges: list[tuple[float, str]]
) -> None:
    story = Story().happens(failed())
    for day, order in orders:
        story.until(day).orders(order)

    assert story.until(30).nudges == nudges


STATES: list[tuple[State, Order, State]] = [
    (State.WAITING, Pause(), State.PAUSED),
    (State.WATCHING, Pause(), State.PAUSED),
    (State.RETRYING, Pause(), State.PAUSED),
    (State.PAUSED, Resume(), State.WAITING),
    (State.WATCHING, Extend(days=2), State.WATCHING),
    (State.RETRYING, Extend(days=2), State.RETRYING),
    (State.REVIEW, Extend(days=2), State.REVIEW),
    (State.WAITING, Replan(), State.WAITING),
]


@pytest.mark.parametrize(("state", "order", "after"), STATES)
def test_where_an_order_leads(state: State, order: Order, after: State) -> None:
    assert in_state(state).orders(order).case.state is after


@pytest.mark.parametrize(
    ("state", "day"), [(State.WATCHING, 45), (State.RETRYING, 3), (State.REVIEW, 5)]
)
def test_extending_puts_the_deadline_off(state: State, day: int) -> None:
    story = in_state(state)
    assert story.wakes_at == at(day)

    assert story.orders(Extend(days=2)).wakes_at == at(day + 2)


def test_resuming_goes_where_the_facts_lead_that_came_meanwhile() -> None:
    blocked = in_state(State.PAUSED).happens(failed(Advice.BLOCKED), Resume())
    carded = in_state(State.PAUSED).happens(card_replaced(), Resume())
    watched = Story().happens(failed(Advice.MONITOR), Pause()).until(3).happens(Resume())

    assert blocked.case.state is State.REVIEW
    assert carded.case.state is State.RETRYING
    assert (watched.case.state, watched.wakes_at) == (State.WATCHING, at(45))


def test_other_money_than_is_owed_ends_a_pause() -> None:
    assert in_state(State.PAUSED).happens(amount_differs()).case.state is State.REVIEW


def test_a_campaign_asked_for_during_a_pause_begins_when_the_pause_ends() -> None:
    story = Story().happens(failed(Advice.MONITOR), Pause(until=at(20)), failed()).until(40)

    assert story.nudges == [(20 + 2 / 24, "first"), (24, "text"), (29, "final")]


def test_only_the_latest_of_several_overdue_messages_goes_and_the_others_say_so() -> None:
    story = Story().happens(failed(), Pause()).until(9.5).orders(Resume())

    assert story.steps == "first overtaken, text overtaken, final sent"
    assert story.step("text").reason == "overtaken by final"


def test_when_the_latest_cannot_be_sent_the_one_before_it_goes() -> None:
    def no_final(step: Step, now: datetime) -> NudgeResult:
        if step.id == "final":
            return NotSent(reason=Withheld.NO_ADDRESS, at=now)
        return Sent(at=now)

    story = Story(answer=no_final).happens(failed(), Pause()).until(9.5).orders(Resume())

    assert story.steps == "first overtaken, text sent, final withheld"


def test_an_overdue_message_keeps_its_distance_from_the_last_one() -> None:
    story = Story().happens(failed()).until(3.5).orders(SendNow(step="final")).until(30)

    assert story.nudges == [FIRST, (3.5, "final"), (4.5, "text")]


def test_an_ordered_message_is_not_overtaken_by_the_one_under_way() -> None:
    story = Story().happens(failed())
    story.wake()

    story.tell(SendNow(step="final")).play()

    assert story.nudges == [FIRST, (2 / 24, "final")]
    assert story.steps == "first sent, final sent"


def test_an_ordered_message_that_is_put_off_goes_in_its_window_and_holds_nothing_up() -> None:
    def closed_until_six(step: Step, now: datetime) -> NudgeResult:
        if step.id == "final" and now < at(6):
            return Deferred(until=at(6), reason="outside the recipient's hours")
        return Sent(at=now)

    story = Story(answer=closed_until_six).happens(failed()).until(2)

    story.orders(SendNow(step="final")).until(8)

    assert story.nudges == [FIRST, (2, "final"), TEXT, (6, "final")]


def test_extending_puts_off_a_message_that_was_put_off_before() -> None:
    def closed_at_first(step: Step, now: datetime) -> NudgeResult:
        return Deferred(until=at(1), reason="night") if now < at(1) else Sent(at=now)

    story = Story(answer=closed_at_first).happens(failed()).until(0.5)

    assert story.orders(Extend(days=2)).until(4).nudges == [FIRST, (3, "first")]


def test_a_skipped_message_says_who_did_it() -> None:
    story = in_state(State.WAITING).orders(Skip(step="text"))

    assert story.ending(since=1) == Ending(State.WAITING, None, "text skipped", ["project"])
    assert story.step("text").reason == "skipped by an operator"


def test_a_pause_lets_the_message_under_way_end_and_sends_no_other() -> None:
    story = Story().happens(failed())
    story.wake()

    story.tell(Pause()).play().until(30)

    assert story.ending() == Ending(
        State.PAUSED, None, "first sent", ["open request_card_update", "nudge first", "project"]
    )


def test_a_stop_closes_at_once_and_holds() -> None:
    story = Story().happens(failed()).until(1).orders(Stop())

    assert (story.case.outcome, story.case.closed_at) == (Outcome.STOPPED, at(1))
    assert story.happens(failed(Advice.AUTHENTICATE), Resume(), Replan()).until(60).over
    assert story.nudges == [FIRST]
    assert story.now - at(1) > HOUR
