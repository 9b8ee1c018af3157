"""May Revtain be asked now? A bucket in the database, so that all processes share one limit."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.errors import ProviderMisconfiguredError, ProviderUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from store.database import Database

# Together they stay below 60 in any minute, with room for a call that nobody counts.
_LARGEST_BURST = 10
_A_MINUTE = 45

# A statement that had to wait for another began before that one filled the bucket.
_TAKE = text("""
    WITH bucket AS (
        SELECT tokens, held_until, LEAST(CAST(:burst AS double precision), tokens + GREATEST(0,
            extract(epoch FROM clock_timestamp() - filled_at)) * :a_minute / 60) AS filled
        FROM revtain_calls FOR UPDATE
    ), taken AS (
        UPDATE revtain_calls SET tokens = bucket.filled - 1, filled_at = clock_timestamp()
        FROM bucket WHERE bucket.filled >= 1 AND bucket.held_until <= clock_timestamp()
        RETURNING one
    )
    SELECT CASE WHEN EXISTS (SELECT FROM taken) THEN 0 ELSE GREATEST(
        extract(epoch FROM CASE WHEN isfinite(held_until)
            THEN held_until - clock_timestamp() ELSE interval '0' END),
        (1 - filled) * 60 / :a_minute, 0.01) END
    FROM bucket
""")
_HOLD = text("""
    UPDATE revtain_calls SET held_until = GREATEST(
        held_until, clock_timestamp() + CAST(:duration AS interval))
""")


class CallBudget:
    """A `CallLimit`: bursts of ten, refilled at 45 a minute; at most 55 calls in any minute."""

    def __init__(
        self, database: Database, *, burst: int = _LARGEST_BURST, a_minute: float = _A_MINUTE
    ) -> None:
        self._database = database
        self._values = {"burst": burst, "a_minute": a_minute}

    async def take(self) -> timedelta:
        """Nought when a call may be made now and is counted, else how long to wait."""
        async with self._database.single() as connection:
            seconds = (await connection.execute(_TAKE, self._values)).scalar_one()
            return timedelta(seconds=float(seconds))

    async def hold(self, duration: timedelta) -> None:
        """Let nobody call for so long, as the vendor asked."""
        async with self._database.single() as connection:
            await connection.execute(_HOLD, {"duration": duration})

    async def turn(self, patience: timedelta) -> None:
        """Wait until a call may be made, and count it.

        `ProviderUnavailableError` when that would take longer than `patience`.
        """
        left = patience
        while wait := await self.take():
            if wait > left:
                raise ProviderUnavailableError(
                    "Revtain may not be called for a while", retry_after=wait
                )
            left -= wait
            await asyncio.sleep(wait.total_seconds())

    @asynccontextmanager
    async def calling(self, patience: timedelta) -> AsyncGenerator[None]:
        """Make one call inside, in turn; a pause that its answer asks for is kept by all."""
        await self.turn(patience)
        try:
            yield
        except ProviderMisconfiguredError:
            # Who mends it must not have to wait.
            raise
        except ProviderUnavailableError as fault:
            if fault.retry_after is not None:
                await self.hold(fault.retry_after)
            raise
