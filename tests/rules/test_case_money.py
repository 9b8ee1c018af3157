"""R1 as a table: what does money do to a case, wherever it stands?"""

from __future__ import annotations

import pytest

from dunning.case import Event
from dunning.orders import Decide, Decision, Pause, Stop
from dunning.states import Outcome, ReviewReason, State
from tests.rules.builders import (
    Story,
    amount_differs,
    card_replaced,
    failed,
    in_state,
    promise,
    recovered,
    voided,
)

ALIVE = [state for state in State if state is not State.CLOSED]
# How a customer who was written to once comes to each state.
WRITTEN_TO: dict[State, tuple[Event, ...]] = {
    State.WAITING: (),
    State.RETRYING: (card_replaced(),),
    State.PROMISED: (promise(8),),
    State.PAUSED: (Pause(),),
    State.REVIEW: (amount_differs(),),
}
ENDED: dict[Outcome, tuple[Event, ...]] = {
    Outcome.RECOVERED: (recovered(),),
    Outcome.CANCELLED: (voided(),),
    Outcome.STOPPED: (Stop(),),
    Outcome.WRITTEN_OFF: (amount_differs(), Decide(decision=Decision.WRITE_OFF)),
    Outcome.HANDED_OVER: (amount_differs(), Decide(decision=Decision.HAND_OVER)),
}


def told(story: Story) -> tuple[State, Outcome | None, ReviewReason | None, bool]:
    """State, outcome, why a person must decide, and whether a receipt was sent."""
    case = story.case
    reason = case.review_reason if case.state is State.REVIEW else None
    return case.state, case.outcome, reason, "receipt" in story.steps


@pytest.mark.parametrize("state", ALIVE)
def test_of_a_customer_who_was_never_written_to(state: State) -> None:
    paid = in_state(state).happens(recovered()).until(60)
    differs = in_state(state).happens(amount_differs())
    assert [told(paid), told(differs)] == [
        (State.CLOSED, Outcome.RECOVERED, None, False),
        (State.REVIEW, None, ReviewReason.AMOUNT_DIFFERS, False),
    ]


@pytest.mark.parametrize("state", WRITTEN_TO)
def test_of_a_customer_who_was_written_to(state: State) -> None:
    def reached() -> Story:
        story = Story().happens(failed()).until(1).happens(*WRITTEN_TO[state])
        assert story.case.state is state
        return story

    paid, differs = reached().happens(recovered()).until(60), reached().happens(amount_differs())
    assert [told(paid), told(differs)] == [
        (State.CLOSED, Outcome.RECOVERED, None, True),
        (State.REVIEW, None, ReviewReason.AMOUNT_DIFFERS, False),
    ]


@pytest.mark.parametrize("event", [recovered(), amount_differs()])
@pytest.mark.parametrize("outcome", ENDED)
def test_of_a_case_that_has_ended(outcome: Outcome, event: Event) -> None:
    story = Story().happens(failed(), *ENDED[outcome])
    ended = story.case
    assert ended.outcome is outcome
    assert story.happens(event).until(60).case == ended


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.RETRY_NOW])
def test_what_differs_again_is_looked_at_again(decision: Decision) -> None:
    """A person took the first part; that says nothing of a second one."""
    story = Story().happens(failed(), amount_differs(), Decide(decision=decision))
    assert story.case.state in (State.WAITING, State.RETRYING)
    assert told(story.happens(amount_differs()))[:3] == (
        State.REVIEW,
        None,
        ReviewReason.AMOUNT_DIFFERS,
    )
