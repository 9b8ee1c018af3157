"""Under which policy did a case begin?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from store.database import Database

_KEEP = text("""
    INSERT INTO policies (digest, document) VALUES (:digest, :document) ON CONFLICT DO NOTHING
""")
_GET = text("SELECT document FROM policies WHERE digest = :digest")


class Policies:
    """Every policy that a case was ever begun with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, digest: str, document: str) -> None:
        """Remember a policy; the same digest twice is the same policy."""
        async with self._database.single() as connection:
            await connection.execute(_KEEP, {"digest": digest, "document": document})

    async def get(self, digest: str) -> str | None:
        """The document of a digest."""
        async with self._database.single() as connection:
            document: str | None = await connection.scalar(_GET, {"digest": digest})
            return document
