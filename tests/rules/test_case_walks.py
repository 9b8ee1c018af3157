"""What never happens to a case, whatever events, orders, results and time come in between?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dunning.advice import Advice
from dunning.case import Event
from dunning.channel import Channel
from dunning.events import Failed, Reopened, RunCancelled, Settled, Terms
from dunning.orders import Decide, Decision, Extend, Order, Replan, Resume, SendNow, Skip, Stop
from dunning.orders import Move as MoveTo
from dunning.promise import PromiseTerms
from dunning.service import Service, ServiceTerms
from dunning.states import Outcome, State
from tests.rules.builders import (
    DAY,
    HOUR,
    RCU,
    Answer,
    Known,
    amount_differs,
    card_replaced,
    failed,
    recovered,
    settled_message,
    voided,
)
from tests.rules.effort import effort
from tests.rules.moves import (
    Act,
    Ask,
    Charges,
    Dawdle,
    Finish,
    Linger,
    Live,
    Move,
    PauseFor,
    PromiseIn,
    Reaches,
    Tell,
)
from tests.rules.results import ANSWERS, CHARGERS, collected, nothing_owed, paid_elsewhere, sent
from tests.rules.watched import Watched, seen

MOMENTS = st.sampled_from((HOUR, 3 * HOUR, DAY, 3 * DAY, 12 * DAY, 60 * DAY))
STEPS = st.sampled_from(("first", "text", "final", "confirm", "confirm-final", "card-failed-a"))
CARDS = st.sampled_from(("a", "b"))

FACTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        failed,
        st.sampled_from((RCU, RCU, RCU, *Advice)),
        st.sampled_from((None, "expired", "stolen")),
        transaction=st.sampled_from((None, "t1", "t2", "t3", "c1")),
        card=st.one_of(st.none(), CARDS),
    ),
    st.builds(card_replaced, CARDS),
    st.just(amount_differs()),
    st.builds(settled_message, STEPS, sent=st.just(value=True)),
)
ORDERS: st.SearchStrategy[Order] = st.one_of(
    st.just(Resume()),
    st.builds(Skip, step=STEPS),
    st.builds(SendNow, step=STEPS),
    st.builds(Extend, days=st.integers(1, 9)),
    st.just(Replan()),
    st.sampled_from(["policy-1", "policy-2"]).map(lambda name: MoveTo(policy=name)),
    st.builds(
        Decide, decision=st.sampled_from((Decision.EXTEND, Decision.RESUME, Decision.RETRY_NOW))
    ),
)
ROADS = st.sampled_from((Channel.EMAIL, Channel.SMS))
LIVE = st.builds(Live, MOMENTS, ANSWERS)
MOVES: st.SearchStrategy[Move] = st.one_of(
    *(LIVE, LIVE, LIVE),
    st.builds(Dawdle, MOMENTS),
    st.builds(Finish, ANSWERS),
    st.builds(Finish, ANSWERS),
    st.builds(Act, ANSWERS),
    st.builds(Charges, CHARGERS),
    st.builds(Tell, FACTS),
    st.builds(Ask, ORDERS),
    st.builds(Reaches, st.frozensets(ROADS), ROADS),
    st.builds(PauseFor, st.one_of(st.none(), MOMENTS)),
    st.builds(PromiseIn, st.integers(0, 14)),
)
ENDS: tuple[Event, ...] = (
    *(recovered(), voided(), Reopened(id="again"), RunCancelled(), Stop()),
    *(Decide(decision=d) for d in Decision),
)
LAST_MOVES: st.SearchStrategy[Move] = st.one_of(
    st.sampled_from(ENDS).map(Tell),
    st.just(Finish(paid_elsewhere)),
    st.sampled_from((collected, nothing_owed)).map(Charges),
    st.just(Linger()),
    MOVES,
)
PROMISES = st.builds(
    PromiseTerms,
    longest=st.just(14 * DAY),
    most=st.integers(1, 3),
    grace=st.sampled_from((timedelta(0), 2 * DAY)),
    confirm=st.booleans(),
    remind=st.booleans(),
)
ENDS_OF_SERVICE = st.builds(
    ServiceTerms,
    service=st.sampled_from((Service.CANCEL, Service.PAUSE)),
    notice=st.sampled_from((HOUR, 5 * DAY, 9 * DAY)),
    grace=st.sampled_from((timedelta(0), timedelta(0), 7 * DAY)),
)
POLICIES = st.builds(
    Terms,
    spacing=st.sampled_from((DAY, HOUR, 6 * DAY)),
    watch=st.sampled_from((45 * DAY, timedelta(0))),
    watch_then_campaign=st.booleans(),
    retry=st.sampled_from((3 * DAY, timedelta(0))),
    review=st.sampled_from((5 * DAY, 5 * DAY, timedelta(0))),
    review_rounds=st.integers(0, 2),
    review_then=st.sampled_from((Outcome.WRITTEN_OFF, Outcome.STOPPED, Outcome.HANDED_OVER)),
    receipt=st.booleans(),
    promise=st.one_of(st.none(), PROMISES, PROMISES),
    end=st.one_of(st.none(), ENDS_OF_SERVICE, ENDS_OF_SERVICE),
    charges=st.booleans(),
    queued=st.sampled_from((45 * DAY, DAY)),
)
STORES = st.builds(
    Known,
    amount_differs=st.sampled_from((False, False, False, True)),
    card=st.sampled_from((None, None, "a", "b")),
    paid=st.sampled_from((None, None, Settled(outcome=Outcome.RECOVERED))),
)
FIRST = st.builds(
    failed,
    st.sampled_from((RCU, RCU, RCU, *Advice)),
    card=st.sampled_from((None, "a", "b")),
)


@dataclass(frozen=True, slots=True)
class Walk:
    """A story of many moves, checked at every one."""

    terms: Terms
    known: Known
    first: Failed
    moves: list[Move]
    last_moves: list[Move]

    def story(self) -> Watched:
        story = Watched(terms=self.terms, known=self.known)
        story.feed(self.first)
        for move in [*self.moves, *self.last_moves]:
            move.play(story)
        return story


WALKS = st.builds(
    Walk,
    POLICIES,
    STORES,
    FIRST,
    st.lists(MOVES, min_size=3, max_size=20),
    st.lists(LAST_MOVES, max_size=6),
)


@effort(300)
@given(WALKS)
def test_no_walk_breaks_what_holds_for_every_case(walk: Walk) -> None:
    """Spacing, once each, never unasked, never two at a time, and the end is the end."""
    assert walk.story().case.advice is not None


@effort(200)
@given(WALKS, ANSWERS)
def test_a_case_left_alone_closes_and_the_database_shows_its_end(
    walk: Walk, answer: Answer
) -> None:
    story = walk.story()
    story.answer = answer
    story.play()
    if story.case.state is State.PAUSED and story.case.until is None:
        story.feed(Resume())

    story.to_the_end()

    assert story.over
    assert story.case.outcome is not None
    for left in story.abandoned:
        story.carry_out(left)
    assert seen(story.shown) == seen(story.case.view(story.now))


@effort(100)
@given(WALKS, st.lists(LAST_MOVES, max_size=15))
def test_a_stop_holds_whatever_arrives_later(walk: Walk, later: list[Move]) -> None:
    story = walk.story()
    story.feed(Stop())
    outcome, said = story.case.outcome, len(story.nudges)

    for move in [*later, Finish(sent), Finish(sent)]:
        move.play(story)

    assert story.case.outcome is outcome
    goes_on = outcome is Outcome.RECOVERED or story.case.service is not None
    assert len(story.nudges) == said or goes_on
