"""Does the same set of facts end in the same case, whatever the order and the repetition (R2)?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dunning.advice import Advice
from dunning.events import AmountDiffers, CardReplaced, Failed, Recovered, Settled, Terms, Voided
from dunning.facts import Case
from dunning.states import Cause, Outcome, State
from tests.rules.builders import (
    TERMS,
    Story,
    amount_differs,
    at,
    card_replaced,
    failed,
    recovered,
    voided,
)
from tests.rules.effort import effort

Fact = Failed | Recovered | AmountDiffers | CardReplaced | Voided

CARDS = ("card-a", "card-b", "card-c")
FAILURES = st.builds(
    failed,
    st.sampled_from(Advice),
    st.sampled_from((None, "expired", "stolen", "limit")),
    transaction=st.sampled_from((None, "t1", "t2")),
    card=st.sampled_from((None, *CARDS)),
)
ENDS = st.sampled_from((recovered(Cause.CARD_UPDATE), voided()))


@st.composite
def sets_of_facts(draw: st.DrawFn) -> list[Fact]:
    """At least one failure; paid and void together never leave the store (see the last test)."""
    facts: list[Fact] = list(draw(st.lists(FAILURES, min_size=1, max_size=5, unique=True)))
    facts += map(card_replaced, draw(st.sets(st.sampled_from(CARDS))))
    facts += draw(st.sampled_from([[], [], [amount_differs()]]))
    return facts + draw(st.one_of(st.just([]), st.just([]), ENDS.map(lambda end: [end])))


@dataclass(frozen=True, slots=True)
class Arrival:
    """One way in which the facts arrive. `played` tells after which of them work is carried out;
    with `filtered` a repeated event is ignored, as the workflow does; with `stored` what came
    before the first failure is only in the store when the case is opened.
    """

    facts: tuple[Fact, ...]
    played: tuple[bool, ...]
    filtered: bool
    stored: bool


@st.composite
def arrivals(draw: st.DrawFn, facts: list[Fact]) -> Arrival:
    """Any order, any repetition, with results of work in between."""
    repeated = draw(st.lists(st.sampled_from(facts), max_size=4))
    order = tuple(draw(st.permutations([*facts, *repeated])))
    played = tuple(draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order))))
    return Arrival(order, played, draw(st.booleans()), draw(st.booleans()))


TWO_ARRIVALS = sets_of_facts().flatmap(lambda facts: st.tuples(arrivals(facts), arrivals(facts)))


def told(arrival: Arrival, terms: Terms = TERMS) -> Story:
    """The story of that arrival, at one instant, up to the first nudge or charge."""
    story, seen = Story(terms=terms), set[str]()
    for fact, play in zip(arrival.facts, arrival.played, strict=True):
        if arrival.filtered and fact.id in seen:
            continue
        seen.add(fact.id)
        # That a new card has failed is told at once: what comes after it is not of this rule.
        assume(not story.nudges and not story.charges)
        if not (arrival.stored and stored(story, fact)):
            story.feed(fact)
        if play:
            play_up_to_a_nudge(story)
    return play_up_to_a_nudge(story)


def play_up_to_a_nudge(story: Story) -> Story:
    """Carry out all work but nudges and charges."""
    while story.running is not None and not story.nudges and not story.charges:
        story.act()
        story.deliver()
    return story


def stored(story: Story, fact: Fact) -> bool:
    """Keep a fact for the opening of the case; false when it must be told instead."""
    known = story.known
    if story.case.advice is not None:
        return False
    match fact:
        case Recovered(cause=cause):
            known.settled = Settled(outcome=Outcome.RECOVERED, cause=cause)
        case Voided():
            known.settled = Settled(outcome=Outcome.CANCELLED)
        case AmountDiffers():
            known.amount_differs = True
        case CardReplaced(card=card) if known.card in (None, card):
            known.card = card
        case _:
            return False
    return True


def essence(case: Case) -> object:
    """All that a case is, but bookkeeping; of a closed one only how it ended counts."""
    if case.state is State.CLOSED:
        return case.state, case.outcome, case.cause, case.finished
    transactions = tuple(sorted(case.transactions))
    return replace(case, version=0, projected=0, busy=None, transactions=transactions)


@effort(400)
@given(TWO_ARRIVALS)
def test_the_same_facts_in_any_order_make_the_same_case(two: tuple[Arrival, Arrival]) -> None:
    first, second = told(two[0]), told(two[1])

    assert essence(first.case) == essence(second.case)


@effort(200)
@given(TWO_ARRIVALS)
def test_so_they_do_where_we_charge_new_cards(two: tuple[Arrival, Arrival]) -> None:
    terms = replace(TERMS, charges=True)
    first, second = told(two[0], terms), told(two[1], terms)

    assert essence(first.case) == essence(second.case)


@effort(100)
@given(TWO_ARRIVALS)
def test_cases_that_are_the_same_live_the_same_life(two: tuple[Arrival, Arrival]) -> None:
    first, second = told(two[0]).to_the_end(), told(two[1]).to_the_end()

    assert first.nudges == second.nudges
    assert first.case.closed_at == second.case.closed_at


def test_paid_and_void_exclude_each_other_in_the_store_so_the_first_to_close_is_the_end() -> None:
    paid_first = Story().happens(failed(), recovered(), voided())
    void_first = Story().happens(failed(), voided(), recovered())

    assert (paid_first.case.outcome, paid_first.case.cause) == (
        Outcome.RECOVERED,
        Cause.REVTAIN_RETRY,
    )
    assert (void_first.case.outcome, void_first.case.cause) == (Outcome.CANCELLED, None)


@pytest.mark.parametrize("day", [1, 5, 8])
def test_a_further_failure_does_not_restart_the_schedule(day: int) -> None:
    alone = Story().happens(failed()).until(30)
    joined = Story().happens(failed()).until(day)

    joined.happens(failed(code="expired", transaction="t2")).until(30)

    assert joined.nudges == alone.nudges
    assert at(0) < joined.now
