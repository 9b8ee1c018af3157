"""Has every event an answer in every state, and do operators hear which orders have none?"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from dunning import answers
from dunning.advice import Advice
from dunning.case import Event, apply, rows, states
from dunning.channel import Channel
from dunning.charge import ChargeResult, Collected, Declined, NotCharged, Pending, PutOff
from dunning.events import (
    Charged,
    Closed,
    DeadChannel,
    Deferred,
    NotSent,
    NudgeEnded,
    NudgeResult,
    Projected,
    Reopened,
    RunCancelled,
    Sent,
    Settled,
    Unknown,
    Woke,
)
from dunning.facts import RECEIPT, Case
from dunning.objections import objection
from dunning.orders import (
    Decide,
    Decision,
    Extend,
    Move,
    Order,
    Pause,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from dunning.states import Outcome, State, Withheld
from dunning.work import Open
from tests.rules.builders import (
    START,
    amount_differs,
    at,
    card_replaced,
    failed,
    in_state,
    opened,
    promise,
    reach_changed,
    recovered,
    settled_message,
    voided,
)

RESULTS: tuple[NudgeResult, ...] = (
    Sent(at=START),
    NotSent(reason=Withheld.NO_CONSENT, at=START),
    Deferred(until=at(1), reason="vendor busy"),
    DeadChannel(reason="bad_address", at=START),
    Unknown(at=START),
    Settled(outcome=Outcome.CANCELLED),
)
CHARGES: tuple[ChargeResult, ...] = (
    Collected(transaction_id="t9", card="new"),
    *(Declined(transaction_id="t9", advice=advice, card="new") for advice in (None, *Advice)),
    Declined(transaction_id=None),
    Pending(transaction_id="t9", card="new"),
    PutOff(until=at(1), reason="too soon"),
    NotCharged(reason="no card is known"),
    NotCharged(reason="nothing is owed", nothing_owed=True),
)
EVENTS: dict[str, tuple[Event, ...]] = {
    "failed": tuple(failed(advice, "expired", card="new") for advice in Advice),
    "recovered": (recovered(),),
    "amount_differs": (amount_differs(),),
    "card_replaced": (card_replaced(), card_replaced("other")),
    "reach_changed": tuple(
        reach_changed(channel, reason) for channel in Channel for reason in ("bad_address", None)
    ),
    "message_settled": tuple(
        settled_message(step, sent=sent) for step in ("first", "gone") for sent in (True, False)
    ),
    "voided": (voided(),),
    "reopened": (Reopened(id="dunning:INV-1:2"),),
    "opened": tuple(opened(Open(advice=a, decline_code=None, anchor=START)) for a in Advice),
    "nudge_ended": tuple(
        NudgeEnded(step=step, result=result)
        for step in ("first", "gone", RECEIPT)
        for result in RESULTS
    ),
    "charged": tuple(Charged(result=result) for result in CHARGES),
    "closed": (Closed(), *(Closed(receipt=result) for result in RESULTS)),
    "projected": (Projected(),),
    "woke": (Woke(),),
    "run_cancelled": (RunCancelled(),),
    "pause": (Pause(), Pause(until=at(9))),
    "resume": (Resume(),),
    "skip": (Skip(step="first"), Skip(step="gone")),
    "send_now": (SendNow(step="final"), SendNow(step="gone")),
    "stop": (Stop(),),
    "extend": (Extend(days=3),),
    "replan": (Replan(),),
    "move": (Move(policy="policy-1"), Move(policy="policy-2")),
    "promise": (promise(5), promise(90)),
    "decide": tuple(Decide(decision=decision) for decision in Decision),
}
CELLS = [(name, state) for name in EVENTS for state in State]


def test_the_table_has_every_event_and_every_state() -> None:
    assert set(rows()) == set(EVENTS)
    assert {type(e) for events in EVENTS.values() for e in events} == set(get_args(Event))
    assert states() == tuple(State)


@pytest.mark.parametrize(("name", "state"), CELLS)
def test_each_event_gets_the_answer_of_its_cell(name: str, state: State) -> None:
    """At the start, and when all deadlines have passed long ago."""
    for event in EVENTS[name]:
        for now in (START, at(100)):
            case = in_state(state).case

            after, _ = apply(case, event, now)

            assert told(after) == told(rows()[name].answer(case, event, now))


def told(case: Case) -> Case:
    """The case without what the giving out of work writes down."""
    return replace(
        case, version=0, projected=0, busy=None, replan=False, reroute=False, anchor=None
    )


RECORDED = [c for c in CELLS if getattr(rows()[c[0]], c[1].value) is answers.recorded]


@pytest.mark.parametrize(("name", "state"), RECORDED)
def test_what_is_only_recorded_changes_nothing(name: str, state: State) -> None:
    for event in EVENTS[name]:
        case = in_state(state).case

        assert apply(case, event, START) == (case, None)


ORDERS: tuple[Order, ...] = (
    Pause(),
    Resume(),
    Skip(step="first"),
    SendNow(step="first"),
    Stop(),
    Extend(days=3),
    Replan(),
    Move(policy="policy-2"),
    promise(5),
    Decide(decision=Decision.RESUME),
)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.kind)
def test_an_order_is_refused_exactly_where_the_table_has_no_answer(
    order: Order, state: State
) -> None:
    row = rows()[order.kind.replace("-", "_")]
    # With a step still to come, and an end of the pause that could be put off.
    case = replace(in_state(state).case, steps=in_state(State.WAITING).case.steps, until=at(3))

    refused = objection(case, order, START)

    assert (refused is not None) == (getattr(row, state.value) is answers.recorded)


@pytest.mark.parametrize(
    ("state", "order", "words"),
    [
        (
            State.CLOSED,
            Stop(),
            (
                "stop is not possible while the case is closed; it is possible in: "
                "opening, paused, promised, retrying, review, waiting, watching"
            ),
        ),
        (
            State.WAITING,
            Pause(until=at(-1)),
            "the pause would end at 2026-03-01T09:00:00+00:00, which is past; give a later instant",
        ),
        (State.WAITING, Extend(days=91), "91 days is not possible; give 1 to 90"),
        (State.WAITING, Extend(days=0), "0 days is not possible; give 1 to 90"),
        (
            State.PAUSED,
            Extend(days=1),
            "this pause has no end that could be put off; resume the case instead",
        ),
        (
            State.WAITING,
            Skip(step="second"),
            "the case has no step second; steps still to come: first, text, final",
        ),
        (
            State.WATCHING,
            Skip(step="second"),
            "the case has no step second; steps still to come: none",
        ),
    ],
)
def test_an_objection_says_what_to_do_instead(state: State, order: Order, words: str) -> None:
    assert objection(in_state(state).case, order, START) == words


def test_a_step_that_is_under_way_or_over_can_be_neither_skipped_nor_sent_now() -> None:
    story = in_state(State.WAITING)
    story.wake()
    for order in (Skip(step="first"), SendNow(step="first")):
        assert objection(story.case, order, story.now) == (
            "step first is being sent at this moment"
        )
    story.play()
    for order in (Skip(step="first"), SendNow(step="first")):
        assert objection(story.case, order, story.now) == "step first is sent already"
