"""Is a gap in the heartbeat noticed once, and mended by one?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from store.database import Database
from store.outages import Outages

if TYPE_CHECKING:
    from datetime import datetime

DAY = timedelta(hours=24)


async def test_a_first_start_and_a_night_are_no_outage(database: Database, now: datetime) -> None:
    outages = Outages(database)
    beats = [await outages.beat(now + timedelta(hours=hours), DAY) for hours in (0, 1, 25, 24)]
    assert (beats, await outages.claim(DAY)) == ([None] * 4, None)


async def test_a_long_gap_is_noticed_once_by_several_processes(
    database: Database, database_url: str, now: datetime
) -> None:
    others = [Database.connect(database_url, pool_size=2) for _ in range(3)]
    await Outages(database).beat(now, DAY)
    woken = now + timedelta(hours=30)
    beats = await asyncio.gather(*(Outages(other).beat(woken, DAY) for other in others))
    (told,) = [beat for beat in beats if beat is not None]
    assert (told.since, told.noticed_at) == (now, woken)
    claims = await asyncio.gather(*(Outages(other).claim(DAY) for other in others))
    assert [claim for claim in claims if claim is not None] == [told]
    for other in others:
        await other.aclose()


async def test_of_two_that_wake_in_the_same_moment_one_notices(
    database: Database, now: datetime
) -> None:
    await Outages(database).beat(now, DAY)
    waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    async with database.begin() as holding:
        await holding.execute(text("SELECT FROM heartbeat FOR UPDATE"))
        woken = now + 2 * DAY
        beats = [asyncio.create_task(Outages(database).beat(woken, DAY)) for _ in range(2)]
        async with asyncio.timeout(10):
            while await holding.scalar(waiting) != len(beats):
                await asyncio.sleep(0.01)
    assert [await beat is None for beat in beats].count(False) == 1


async def test_what_is_not_mended_is_taken_up_when_the_lease_is_over(
    database: Database, now: datetime
) -> None:
    outages = Outages(database)
    await outages.beat(now, DAY)
    told = await outages.beat(now + 2 * DAY, DAY)
    assert told is not None
    assert await outages.claim(timedelta()) == told
    assert await outages.claim(DAY) == told
    assert await outages.claim(DAY) is None
    await outages.renew(told, timedelta())
    assert await outages.claim(DAY) == told
    await outages.mended(told, now)
    await outages.renew(told, timedelta())
    assert await outages.claim(DAY) is None
