"""What do customers write to us on their page? It waits for a person among the replies."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.replies import ReplyChannel
from store.digest import address_digest, token_digest
from store.replies import kept

if TYPE_CHECKING:
    from datetime import date

    from store.database import Database

MOST_A_DAY = 5

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:invoice_id, 161))")
_WHOSE = text("""
    SELECT i.customer_id, i.link_id, c.erased_at,
        CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date) AS today,
        (SELECT k.id FROM cases k WHERE k.invoice_id = i.id ORDER BY k.cycle DESC LIMIT 1)
            AS case_id
    FROM invoices i JOIN customers c ON c.id = i.customer_id WHERE i.id = :invoice_id
    FOR NO KEY UPDATE OF c
""")
_LATELY = text("""
    SELECT vendor_id FROM replies
    WHERE customer_id = :customer_id AND channel = :channel
    AND starts_with(vendor_id, :prefix) AND received_at > clock_timestamp() - interval '1 day'
""")
_PUT = text("""
    INSERT INTO replies (
        channel, vendor_id, address_digest, customer_id, case_id, body, meaning)
    VALUES (:channel, :vendor_id, :digest, :customer_id, :case_id, :body, 'other')
""")


class Asked(StrEnum):
    """What became of a request for help."""

    TAKEN = "taken"
    TOO_MANY = "too_many"
    NOBODY = "nobody"


class HelpRequests:
    """Takes in what customers write; the same words twice in a day are once."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def take(self, invoice_id: str, body: str) -> Asked:
        """Keep it for a person; nothing is kept of a customer who was erased."""
        async with self._database.begin() as connection:
            await connection.execute(_LOCK, {"invoice_id": invoice_id})
            whose = (await connection.execute(_WHOSE, {"invoice_id": invoice_id})).one_or_none()
            if whose is None or whose.erased_at is not None:
                return Asked.NOBODY
            channel, prefix = ReplyChannel.PAGE, f"page-{whose.link_id}-"
            name = prefix + self._name(whose.today, body)
            before_midnight = prefix + self._name(whose.today - timedelta(days=1), body)
            about = {"customer_id": whose.customer_id, "channel": channel}
            lately = await connection.scalars(_LATELY, {**about, "prefix": prefix})
            known = set(lately)
            if known & {name, before_midnight}:
                return Asked.TAKEN
            if len(known) >= MOST_A_DAY:
                return Asked.TOO_MANY
            values = {"vendor_id": name, "case_id": whose.case_id, "body": kept(body)}
            values["digest"] = address_digest(self._token_key, whose.customer_id)
            await connection.execute(_PUT, {**about, **values})
            return Asked.TAKEN

    def _name(self, today: date, body: str) -> str:
        """Keyed, so that the words cannot be guessed from it once they are erased."""
        return token_digest(self._token_key, f"{today}\n{body}")
