"""On which devices can a customer be notified? A device belongs to whoever was seen on it last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

# In one order, so that two registrations do not wait for each other.
_SEEN = text("""
    WITH known AS (
        SELECT token FROM push_tokens
        WHERE customer_id = :customer AND token = ANY (CAST(:tokens AS text[]))
    ), seen AS (
        INSERT INTO push_tokens (token, customer_id)
        SELECT DISTINCT value, CAST(:customer AS text)
        FROM unnest(CAST(:tokens AS text[])) AS g (value) ORDER BY value
        ON CONFLICT (token) DO UPDATE SET
            customer_id = excluded.customer_id, seen_at = clock_timestamp()
        RETURNING token
    )
    SELECT EXISTS (SELECT FROM seen WHERE token NOT IN (SELECT token FROM known))
""")
_OTHERS = text("""
    DELETE FROM push_tokens
    WHERE customer_id = :customer AND token <> ALL (CAST(:tokens AS text[]))
""")
_DROP = text("DELETE FROM push_tokens WHERE token = :token")


async def replace(connection: AsyncConnection, customer_id: str, tokens: Sequence[str]) -> bool:
    """The customer has these devices and no others; whether that is news."""
    values = {"customer": customer_id, "tokens": list(tokens)}
    gone = (await connection.execute(_OTHERS, values)).rowcount
    added = await connection.scalar(_SEEN, values) if tokens else False
    return bool(gone) or bool(added)


class PushTokens:
    """Devices, beside the registry that fills the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def drop(self, token: str) -> bool:
        """Forget a device whose token is dead; False if it is forgotten already."""
        async with self._database.single() as connection:
            return bool((await connection.execute(_DROP, {"token": token})).rowcount)
