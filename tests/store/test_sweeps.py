"""Has one process at a time the turn of a sweep, and does the next go on where it ended?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from store.sweeps import Sweeps

if TYPE_CHECKING:
    from store.database import Database

LEASE, NONE = timedelta(minutes=1), timedelta(0)


async def test_of_many_that_come_at_once_one_has_the_turn(database: Database) -> None:
    sweeps = Sweeps(database)
    turns = await asyncio.gather(*(sweeps.claim("reports", LEASE) for _ in range(9)))
    assert sorted(turns, key=str) == ["", *[None] * 8]
    assert await sweeps.claim("others", LEASE) == ""


async def test_the_next_turn_goes_on_where_the_last_one_ended(database: Database) -> None:
    sweeps = Sweeps(database)
    await sweeps.claim("reports", LEASE)
    await sweeps.move("reports", "m7", LEASE)
    assert await sweeps.claim("reports", LEASE) is None
    await sweeps.rest("reports", LEASE)
    assert await sweeps.claim("reports", LEASE) is None
    await sweeps.rest("reports", NONE)
    assert await sweeps.claim("reports", LEASE) == "m7"


async def test_the_turn_of_a_process_that_died_is_taken_over(database: Database) -> None:
    sweeps = Sweeps(database)
    await sweeps.claim("reports", LEASE)
    await sweeps.move("reports", "m7", NONE)
    assert await sweeps.claim("reports", LEASE) == "m7"
