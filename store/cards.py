"""Which cards did an invoice ever have, and which one is charged now?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import text

from store import invoices
from store.digest import token_digest
from store.inbox import wake

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text("""
    INSERT INTO cards (invoice_id, digest) VALUES (:id, :digest) ON CONFLICT DO NOTHING
""")
_KNOWN = text("SELECT EXISTS (SELECT FROM cards WHERE invoice_id = :id AND digest = :digest)")
_REPLACE = text("""
    UPDATE invoices SET
        payment_method_token = :token, card_changed_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE id = :id
""")
_INVOICES = text("SELECT invoice_id FROM cards WHERE digest = :digest ORDER BY invoice_id")


class CardResult(StrEnum):
    """What became of a new card: used, had already, or an old story about an earlier card."""

    APPLIED = "applied"
    SAME = "same"
    STALE = "stale"
    UNKNOWN_INVOICE = "unknown_invoice"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """The result, and the digest of the new card."""

    result: CardResult
    card_digest: str

    @property
    def current(self) -> bool:
        """Whether the new card is the one charged now, since just now or before."""
        return self.result in (CardResult.APPLIED, CardResult.SAME)


async def add(connection: AsyncConnection, invoice_id: str, digest: str) -> None:
    """Remember a card of the invoice; once is enough."""
    await connection.execute(_ADD, {"id": invoice_id, "digest": digest})


async def replace(
    connection: AsyncConnection, key: bytes, invoice_id: str, new: str, old: str | None
) -> CardResult:
    """Charge `new` from now on, unless `old` says that this change was overtaken by another."""
    row = await invoices.lock(connection, invoice_id)
    if row is None:
        return CardResult.UNKNOWN_INVOICE
    if row.payment_method_token == new:
        return CardResult.SAME
    if old is not None and old != row.payment_method_token:
        known = {"id": invoice_id, "digest": token_digest(key, old)}
        if await connection.scalar(_KNOWN, known):
            return CardResult.STALE
    await connection.execute(_REPLACE, {"id": invoice_id, "token": new})
    digest = token_digest(key, new)
    await add(connection, invoice_id, digest)
    await wake(connection, card_digests=[digest])
    return CardResult.APPLIED


async def invoices_of(connection: AsyncConnection, digest: str) -> list[str]:
    """Every invoice that ever had the card."""
    return list(await connection.scalars(_INVOICES, {"digest": digest}))
