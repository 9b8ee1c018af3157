"""Is a duration read and written alike?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.duration import format_duration, parse_duration

if TYPE_CHECKING:
    pass


@given(minutes=st.integers(0, 1096 * 24 * 60))
def test_a_duration_reads_back_as_written(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2h1d", "1.5d", "٢h", "3mo", "9999d"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write "):
        parse_duration(text)
