"""Do all processes together keep the limit of calls?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.errors import ProviderMisconfiguredError, ProviderUnavailableError
from store.call_budget import CallBudget
from store.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

NOUGHT = timedelta()


async def rested(database: Database, seconds: float) -> None:
    """Let so much time have gone by for the bucket."""
    async with database.single() as connection:
        await connection.execute(
            text("UPDATE revtain_calls SET filled_at = filled_at - CAST(:rest AS interval)"),
            {"rest": timedelta(seconds=seconds)},
        )


async def granted(budgets: Sequence[CallBudget], times: int) -> int:
    waits = await asyncio.gather(*(budget.take() for budget in budgets for _ in range(times)))
    return sum(wait == NOUGHT for wait in waits)


async def test_two_processes_share_one_burst(database: Database, database_url: str) -> None:
    other = Database.connect(database_url, pool_size=10)
    await rested(database, 3600)
    assert await granted([CallBudget(database), CallBudget(other)], 40) == 10
    await other.aclose()


async def test_no_minute_has_more_than_sixty_calls(database: Database, database_url: str) -> None:
    other = Database.connect(database_url, pool_size=10)
    budgets = [CallBudget(database), CallBudget(other)]
    await rested(database, 3600)
    calls = await granted(budgets, 15)
    for _ in range(6):
        await rested(database, 10)
        calls += await granted(budgets, 15)
    assert 52 <= calls <= 58
    await other.aclose()


async def test_who_has_to_wait_is_told_how_long(database: Database) -> None:
    budget = CallBudget(database)
    # As a new installation begins.
    async with database.single() as connection:
        await connection.execute(text("UPDATE revtain_calls SET filled_at = clock_timestamp()"))
    first = await budget.take()
    assert NOUGHT < first <= timedelta(seconds=60 / 45)
    await rested(database, first.total_seconds())
    assert [await budget.take() == NOUGHT for _ in range(2)] == [True, False]


async def test_a_pause_of_the_vendor_holds_everybody(database: Database, database_url: str) -> None:
    other = Database.connect(database_url, pool_size=1)
    await rested(database, 3600)
    await CallBudget(database).hold(timedelta(seconds=60))
    await CallBudget(database).hold(timedelta(seconds=5))
    wait = await CallBudget(other).take()
    assert timedelta(seconds=55) < wait <= timedelta(seconds=60)
    await other.aclose()


async def test_a_turn_is_waited_for_as_long_as_patience_lasts(database: Database) -> None:
    quick = CallBudget(database, burst=1, a_minute=6000)
    await rested(database, 3600)
    # The first finds the bucket full, the second waits for a hundredth of a second.
    for _ in range(2):
        await quick.turn(timedelta(seconds=1))
    await quick.hold(timedelta(seconds=60))
    with pytest.raises(ProviderUnavailableError) as fault:
        await quick.turn(timedelta(seconds=1))
    assert fault.value.retry_after is not None
    assert timedelta(seconds=55) < fault.value.retry_after <= timedelta(seconds=60)


async def test_what_one_call_is_told_holds_the_others(database: Database) -> None:
    budget, pause = CallBudget(database), timedelta(seconds=60)
    await rested(database, 3600)
    # What a person has to mend is tried again as soon as it is mended.
    for fault in (
        ProviderMisconfiguredError("-", retry_after=pause),
        ProviderUnavailableError("-"),
    ):
        with pytest.raises(ProviderUnavailableError):
            async with budget.calling(NOUGHT):
                raise fault
    assert await budget.take() == NOUGHT
    with pytest.raises(ProviderUnavailableError):
        async with budget.calling(NOUGHT):
            raise ProviderUnavailableError("-", retry_after=pause)
    assert timedelta(seconds=55) < await budget.take() <= pause
