"""Does the same set of reports end in the same delivery, and does each word mean what it should?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.delivery import CLOSURES, LADDER, Closure, Delivery, Evidence, Known, furthest
from dunning.suppression import Reason, Scope

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORDER = (
    "accepted queued processed sent_on deferred canceled undelivered failed dropped delivered read"
    " bounced resubscribed|unsubscribed complained"
)
REPORTS = st.lists(
    st.builds(
        Known,
        state=st.sampled_from(Delivery),
        code=st.sampled_from([None, "5.1.1", "30003"]),
        at=st.integers(0, 3).map(lambda seconds: AT + timedelta(seconds=seconds)),
    ),
    min_size=1,
    max_size=8,
)


def known(state: Delivery, seconds: float = 0, code: str | None = None) -> Known:
    return Known(state=state, code=code, at=AT + timedelta(seconds=seconds))


def after(reports: list[Known]) -> Known | None:
    return reduce(furthest, reports, None)


def test_the_ladder_is_as_the_field_tells_it() -> None:
    told = " ".join("|".join(sorted(state.value for state in rung)) for rung in LADDER)
    assert told == ORDER
    assert {state for rung in LADDER for state in rung} == set(Delivery)


@pytest.mark.parametrize("before", Delivery)
@pytest.mark.parametrize("reported", Delivery)
def test_a_message_only_moves_on(before: Delivery, reported: Delivery) -> None:
    """Even if the vendor's clock says that the lower one was later, and the higher one earlier."""
    moved = furthest(known(before, 60), known(reported, 30))
    stayed = furthest(known(before, 30), known(reported, 60))
    assert (moved.state is reported) == (reported.rank > before.rank or reported is before)
    assert (stayed.state is reported) == (reported.rank >= before.rank)


def test_what_repeats_keeps_the_latest_code_and_time() -> None:
    first, second = known(Delivery.DEFERRED, 0, "4.2.1"), known(Delivery.DEFERRED, 60, "4.7.0")
    assert after([first, second]) == after([second, first]) == second
    assert furthest(second, second) is second


@given(REPORTS, st.randoms(use_true_random=False), st.integers(0, 7))
def test_any_order_and_any_repetition_end_the_same(
    reports: list[Known], random: Random, repeated: int
) -> None:
    again = [*reports, reports[repeated % len(reports)]]
    random.shuffle(again)
    assert after(again) == after(reports)


def test_only_what_is_under_way_is_asked_for() -> None:
    assert {state.value for state in Delivery if not state.final} == {
        "accepted",
        "queued",
        "processed",
        "sent_on",
        "deferred",
    }


def test_what_each_piece_of_evidence_closes() -> None:
    assert {
        Evidence.NO_SUCH_ADDRESS: Closure(reason=Reason.BAD_ADDRESS, scope=Scope.EVERYTHING),
        Evidence.COMPLAINT: Closure(reason=Reason.COMPLAINED, scope=Scope.EVERYTHING),
        Evidence.UNSUBSCRIBED: Closure(reason=Reason.OPTED_OUT, scope=Scope.REMINDERS),
        Evidence.RESUBSCRIBED: None,
        Evidence.OPTED_OUT: Closure(reason=Reason.OPTED_OUT, scope=Scope.EVERYTHING),
        Evidence.FILTERED: Closure(reason=Reason.FILTERED, lasts=timedelta(days=30)),
    } == CLOSURES
