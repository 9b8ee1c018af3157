"""When may a card be charged with the same amount again?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from dunning.charge import NotCharged, PutOff
from dunning.charge_pace import Pace
from tests.rules.builders import START

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def pace(*ages: timedelta) -> Pace:
    return Pace(requests=[START - age for age in ages])


@pytest.mark.parametrize(
    ("ages", "until"),
    [
        ((), None),
        ((6 * MINUTE,), None),
        ((4 * MINUTE,), START + timedelta(minutes=1, seconds=15)),
        ((4 * MINUTE, 2 * MINUTE), START + timedelta(minutes=3, seconds=15)),
        (tuple(n * HOUR for n in range(1, 7)), None),
        (tuple(n * HOUR for n in range(1, 8)), START + 17 * HOUR),
        (tuple(n * HOUR for n in range(20, 29)), None),
        (tuple(n * DAY for n in range(1, 15)), None),
        (tuple(n * DAY for n in range(30, 60)), None),
    ],
)
def test_until_when_a_charge_is_put_off(ages: tuple[timedelta, ...], until: object) -> None:
    held = pace(*ages).hindrance(START)

    assert (held.until if isinstance(held, PutOff) else held) == until


def test_fifteen_charges_in_thirty_days_are_enough() -> None:
    held = pace(*(n * DAY for n in range(1, 16))).hindrance(START)

    assert isinstance(held, NotCharged)
    assert "15" in held.reason
