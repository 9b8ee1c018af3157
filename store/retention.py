"""For how long is kept what was said? Texts and bodies are forgotten in small batches.

Their digests stay, by which a repetition is still recognised.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

_BATCH = 500
# A reply that nobody read yet is not lost to a short keeping of texts.
_UNREAD = timedelta(days=30)
_TOLD_ALERTS = timedelta(days=90)
_UNTOLD_ALERTS = timedelta(days=180)
# One process at a time: the others leave it to whoever has begun.
_LOCK = text("SELECT pg_try_advisory_xact_lock(4021, 9)")
_DUE = {
    "events": """
        SELECT id FROM events
        WHERE body IS NOT NULL AND status IN ('done', 'unreadable')
        AND COALESCE(done_at, received_at) < clock_timestamp() - CAST(:events AS interval)
        ORDER BY COALESCE(done_at, received_at)
    """,
    "letters": """
        SELECT message_id AS id FROM letters
        WHERE erased_at IS NULL
        AND kept_at < clock_timestamp() - CAST(:texts AS interval) ORDER BY kept_at
    """,
    "replies": """
        SELECT id FROM replies
        WHERE body IS NOT NULL
        AND received_at < clock_timestamp() - CAST(:texts AS interval)
        AND (handled_at IS NOT NULL
            OR received_at < clock_timestamp() - CAST(:unread AS interval))
        ORDER BY received_at
    """,
    "of_erased": """
        SELECT e.id FROM customers u
        JOIN invoices i ON i.customer_id = u.id JOIN events e ON e.invoice_id = i.id
        WHERE u.erased_at IS NOT NULL AND e.body IS NOT NULL AND e.status = 'done'
    """,
    "cards_of_erased": """
        SELECT i.id FROM customers u JOIN invoices i ON i.customer_id = u.id
        WHERE u.erased_at IS NOT NULL AND i.payment_method_token IS NOT NULL
    """,
    "alerts": """
        SELECT id FROM alerts
        WHERE created_at < clock_timestamp() - CASE
            WHEN told_at IS NULL THEN CAST(:untold AS interval)
            ELSE CAST(:told AS interval) END
        ORDER BY created_at
    """,
}
_FORGET_BODY = "UPDATE events SET body = NULL WHERE id IN (SELECT id FROM due)"
_FORGET = {
    "events": _FORGET_BODY,
    "letters": """
        UPDATE letters SET
            recipient = NULL, subject = NULL, body = NULL, erased_at = clock_timestamp()
        WHERE message_id IN (SELECT id FROM due)
    """,
    "replies": "UPDATE replies SET body = NULL WHERE id IN (SELECT id FROM due)",
    "of_erased": _FORGET_BODY,
    "cards_of_erased": """
        UPDATE invoices SET payment_method_token = NULL WHERE id IN (SELECT id FROM due)
    """,
    "alerts": "DELETE FROM alerts WHERE id IN (SELECT id FROM due)",
}
_LOCKED = {"of_erased": "e", "cards_of_erased": "i"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """For how long bodies of handled events and texts of messages and replies are kept."""

    events: timedelta
    texts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many bodies, texts and alerts were forgotten, or would be.

    `of_erased` are bodies that came in about customers who had been erased before, and
    `cards_of_erased` cards that were registered for them.
    """

    events: int = 0
    letters: int = 0
    replies: int = 0
    of_erased: int = 0
    cards_of_erased: int = 0
    alerts: int = 0

    @property
    def any(self) -> bool:
        """Whether there was something to forget."""
        return any(asdict(self).values())


class Retention:
    """Forgets what was kept for long enough."""

    def __init__(self, database: Database, keeping: Keeping) -> None:
        self._database = database
        self.keeping = keeping

    async def due(self) -> Forgotten:
        """How much would be forgotten now; nothing is changed."""
        async with self._database.single() as connection:
            counts = {name: await self._count(connection, name) for name in _DUE}
        return Forgotten(**counts)

    async def forget(self, batch: int = _BATCH) -> Forgotten | None:
        """Forget a batch of each, in one short transaction; None while another process does."""
        async with self._database.begin() as connection:
            if not await connection.scalar(_LOCK):
                return None
            counts = {name: await self._forget(connection, name, batch) for name in _DUE}
        return Forgotten(**counts)

    async def _count(self, connection: AsyncConnection, name: str) -> int:
        statement = text(f"SELECT count(*) FROM ({_DUE[name]}) AS due")  # noqa: S608 (ours)
        counted: int = await connection.scalar(statement, self._values(name)) or 0
        return counted

    async def _forget(self, connection: AsyncConnection, name: str, batch: int) -> int:
        of = f"OF {_LOCKED[name]}" if name in _LOCKED else ""
        due = f"{_DUE[name]} LIMIT :batch FOR NO KEY UPDATE {of} SKIP LOCKED"
        statement = text(f"WITH due AS MATERIALIZED ({due}) {_FORGET[name]}")
        values = {**self._values(name), "batch": batch}
        return (await connection.execute(statement, values)).rowcount

    def _values(self, name: str) -> Mapping[str, timedelta]:
        known = {
            "events": self.keeping.events,
            "texts": self.keeping.texts,
            "unread": _UNREAD,
            "told": _TOLD_ALERTS,
            "untold": _UNTOLD_ALERTS,
        }
        return {key: value for key, value in known.items() if f":{key} " in _DUE[name]}
