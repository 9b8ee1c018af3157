"""Were the doors for webhooks closed for so long that something was missed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from store.database import Database

# Of two processes that wake together the second sees the beat of the first.
_BEAT = text("""
    WITH last AS (
        SELECT one, beat_at FROM heartbeat FOR UPDATE
    ), beat AS (
        INSERT INTO heartbeat (beat_at)
        SELECT CAST(:now AS timestamptz) FROM (SELECT count(*) FROM last) AS waited
        ON CONFLICT (one) DO UPDATE SET beat_at = GREATEST(heartbeat.beat_at, excluded.beat_at)
    )
    INSERT INTO outages (since, noticed_at)
    SELECT beat_at, :now FROM last
    WHERE CAST(:now AS timestamptz) - beat_at > CAST(:longest AS interval)
    RETURNING id, since, noticed_at
""")
_CLAIM = text("""
    UPDATE outages SET leased_until = clock_timestamp() + CAST(:lease AS interval)
    WHERE id = (
        SELECT id FROM outages WHERE mended_at IS NULL
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, since, noticed_at
""")
_RENEW = text("""
    UPDATE outages SET leased_until = clock_timestamp() + CAST(:lease AS interval) WHERE id = :id
""")
_MENDED = text("""
    UPDATE outages SET leased_until = NULL, mended_at = CAST(:now AS timestamptz) WHERE id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A gap between two heartbeats, of whatever web processes."""

    id: int
    since: datetime
    noticed_at: datetime


class Outages:
    """The heartbeat of all web processes together, and the gaps in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, now: datetime, longest: timedelta) -> Outage | None:
        """The doors are open; the gap before, if it was longer than that, is kept and told once."""
        values = {"now": now, "longest": longest}
        async with self._database.single() as connection:
            row = (await connection.execute(_BEAT, values)).mappings().one_or_none()
            return None if row is None else Outage(**row)

    async def claim(self, lease: timedelta) -> Outage | None:
        """Take a gap that nobody has mended or mends; another may once the lease is over."""
        async with self._database.single() as connection:
            row = (await connection.execute(_CLAIM, {"lease": lease})).mappings().one_or_none()
            return None if row is None else Outage(**row)

    async def renew(self, outage: Outage, lease: timedelta) -> None:
        """It is still being mended."""
        async with self._database.single() as connection:
            await connection.execute(_RENEW, {"id": outage.id, "lease": lease})

    async def mended(self, outage: Outage, now: datetime) -> None:
        """It is over for good."""
        async with self._database.single() as connection:
            await connection.execute(_MENDED, {"id": outage.id, "now": now})
