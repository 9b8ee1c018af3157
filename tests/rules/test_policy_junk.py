"""Does any junk end in told problems, and never in a fault of ours?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dunning.errors import PolicyError
from dunning.policy import (
    parse_policy,
)
from tests.rules.policies import campaign, changed, document, with_step

if TYPE_CHECKING:
    from collections.abc import Callable


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)
PLACES: list[Callable[[object], object]] = [
    lambda junk: junk,
    lambda junk: changed(brand=junk),
    lambda junk: changed(windows={"sms": junk}),
    lambda junk: changed(campaigns=junk),
    lambda junk: changed(campaigns=[junk]),
    lambda junk: document(campaign(when=junk)),
    lambda junk: document(campaign(when={"amount": junk})),
    lambda junk: with_step(after="2h", by_decline=junk),
    lambda junk: with_step(after=junk),
]


@given(junk=JUNK, place=st.sampled_from(PLACES))
def test_any_junk_ends_in_a_policy_or_in_told_problems(
    junk: object, place: Callable[[object], object]
) -> None:
    told: tuple[str, ...] | None = None
    try:
        parse_policy(place(junk))
    except PolicyError as error:
        told = error.problems
    assert told is None or told
    assert all(": " in problem and problem.endswith((".", "?")) for problem in told or ())
