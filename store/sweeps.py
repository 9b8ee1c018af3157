"""Which process takes the next turn of work that all could do, and where does it go on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import timedelta

    from store.database import Database

_CLAIM = text("""
    INSERT INTO sweeps (name, place, leased_until)
    VALUES (:name, '', clock_timestamp() + CAST(:lease AS interval))
    ON CONFLICT (name) DO UPDATE SET leased_until = excluded.leased_until
    WHERE sweeps.leased_until <= clock_timestamp()
    RETURNING place
""")
_MOVE = text("""
    UPDATE sweeps SET
        place = :place, leased_until = clock_timestamp() + CAST(:lease AS interval)
    WHERE name = :name
""")
_REST = text("""
    UPDATE sweeps SET leased_until = clock_timestamp() + CAST(:pause AS interval)
    WHERE name = :name
""")


class Sweeps:
    """The turns of all sweeps, each of which one process has at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, name: str, lease: timedelta) -> str | None:
        """Take the next turn: its place, or None while another has one or just had one."""
        async with self._database.single() as connection:
            values = {"name": name, "lease": lease}
            place: str | None = await connection.scalar(_CLAIM, values)
            return place

    async def move(self, name: str, place: str, lease: timedelta) -> None:
        """The turn has come so far; it is still under way."""
        async with self._database.single() as connection:
            await connection.execute(_MOVE, {"name": name, "place": place, "lease": lease})

    async def rest(self, name: str, pause: timedelta) -> None:
        """The turn is over; for so long nobody takes another."""
        async with self._database.single() as connection:
            await connection.execute(_REST, {"name": name, "pause": pause})
