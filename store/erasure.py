"""How is a customer forgotten, everywhere and at once?

One transaction takes out every column that `store.personal_data` calls personal. Open cases are
stopped by an event of our own in the same transaction, so that it needs no Temporal. Ids, digests,
the ledger and the audit stay: books stay true, and a closed address stays closed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.errors import DunningError
from dunning.inbound import InboundKind
from store import mentions
from store.inbox import EventStatus, NewEvent, put
from store.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database
    from store.mentions import Traces

ERASURE_SOURCE = "erasure"
CUSTOMER_ERASED = "customer.erased"
ERASED_TEXT = "erased with the customer's personal data"
STOP_NOTE = "customer erased"

# Invoices first, as whoever registers one does.
_LOCK_INVOICES = text("""
    SELECT FROM invoices WHERE customer_id = :customer ORDER BY id FOR NO KEY UPDATE
""")
_LOCK = text("SELECT erased_at FROM customers WHERE id = :customer FOR NO KEY UPDATE")
_CASES = text("""
    SELECT c.id FROM cases c JOIN invoices i ON i.id = c.invoice_id WHERE i.customer_id = :customer
""")
_STATEMENTS = {
    "customers": text("""
        UPDATE customers SET
            name = NULL, email = NULL, phone = NULL, locale = NULL, timezone = NULL,
            country = NULL, sms_consent_at = NULL, tags = '{}', value_tier = NULL,
            erased_at = COALESCE(erased_at, clock_timestamp()), updated_at = clock_timestamp()
        WHERE id = :customer AND erased_at IS NULL
    """),
    "push_tokens": text("DELETE FROM push_tokens WHERE customer_id = :customer"),
    "invoices": text("""
        UPDATE invoices SET
            description = NULL, payment_url = NULL, payment_method_token = NULL,
            updated_at = clock_timestamp()
        WHERE customer_id = :customer AND (
            description IS NOT NULL OR payment_url IS NOT NULL OR payment_method_token IS NOT NULL)
    """),
    "recoveries": text("""
        UPDATE recoveries SET card_country = NULL, card_prefix = NULL, fallback_tokens = '{}'
        WHERE invoice_id IN (SELECT id FROM invoices WHERE customer_id = :customer) AND (
            card_country IS NOT NULL OR card_prefix IS NOT NULL OR fallback_tokens <> '{}')
    """),
    "letters": text("""
        UPDATE letters SET
            recipient = NULL, subject = NULL, body = NULL, erased_at = clock_timestamp()
        WHERE erased_at IS NULL AND message_id IN (
            SELECT id FROM messages WHERE case_id = ANY (CAST(:cases AS bigint[])))
    """),
    "replies": text("""
        UPDATE replies SET body = NULL
        WHERE body IS NOT NULL AND (
            customer_id = :customer
            OR (customer_id IS NULL AND address_digest = ANY (CAST(:digests AS text[])))
            OR case_id = ANY (CAST(:cases AS bigint[])))
    """),
    "consents": text("""
        UPDATE consents SET proof = NULL
        WHERE proof IS NOT NULL AND (
            customer_id = :customer
            OR (customer_id IS NULL AND address_digest = ANY (CAST(:digests AS text[]))))
    """),
    "notes": text("""
        UPDATE notes SET text = :erased
        WHERE text NOT IN (:erased, :stopped) AND case_id = ANY (CAST(:cases AS bigint[]))
    """),
}
_FORGET_BODIES = text("UPDATE events SET body = NULL WHERE id = ANY (CAST(:ids AS bigint[]))")
_DROP_EVENTS = text("""
    UPDATE events SET
        body = NULL, status = 'done', note = :erased, done_at = clock_timestamp(),
        leased_until = NULL
    WHERE id = ANY (CAST(:ids AS bigint[]))
""")
_REDACT = text("UPDATE events SET body = :body WHERE id = :id")
# In the order of the cases, in which all write to their audit.
_NOTE_STOPS = text("""
    WITH open AS (
        SELECT c.id, c.workflow_id FROM cases c JOIN invoices i ON i.id = c.invoice_id
        WHERE i.customer_id = :customer AND c.closed_at IS NULL
    ), noted AS (
        INSERT INTO notes (case_id, author, text)
        SELECT id, :author, :stopped FROM open ORDER BY id
        RETURNING id, case_id
    )
    SELECT open.workflow_id, noted.id AS note_id FROM noted JOIN open ON open.id = noted.case_id
    ORDER BY open.id
""")
_ABOUT_MONEY = frozenset(kind.value for kind in InboundKind)


class ErasureRefusedError(DunningError):
    """The customer cannot be forgotten at this moment; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was removed: rows that changed, by table, and the cases that are being stopped."""

    customer_id: str
    erased_at: datetime
    removed: Mapping[str, int]
    stopping: int


class Erasure:
    """Forgets customers. The id stays, so that nobody is taken for somebody new by mistake."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def erase(self, customer_id: str, *, author: str) -> Erased | None:
        """Forget a customer; a second time what came in since. None for an unknown one."""
        async with self._database.begin() as connection:
            values = {"customer": customer_id}
            await connection.execute(_LOCK_INVOICES, values)
            await connection.execute(_LOCK, values)
            of = await mentions.traces(connection, customer_id)
            if of is None:
                return None
            removed = await self._remove(connection, of)
            stopping = await _stop(connection, customer_id, author)
            erased_at: datetime | None = await connection.scalar(_LOCK, values)
        if erased_at is None:
            raise AssertionError("a customer that was just erased is not")
        return Erased(
            customer_id=customer_id, erased_at=erased_at, removed=removed, stopping=stopping
        )

    async def _remove(self, connection: AsyncConnection, of: Traces) -> dict[str, int]:
        """Events first: what leads to them is removed after that."""
        removed = {"events": await _forget_events(connection, of)}
        cases = await connection.scalars(_CASES, {"customer": of.customer_id})
        known = {
            "customer": of.customer_id,
            "cases": list(cases),
            "digests": of.digests(self._token_key),
            "erased": ERASED_TEXT,
            "stopped": STOP_NOTE,
        }
        for table, statement in _STATEMENTS.items():
            values = {name: known[name] for name in statement.compile().params}
            removed[table] = (await connection.execute(statement, values)).rowcount
        return removed


async def _forget_events(connection: AsyncConnection, of: Traces) -> int:
    """Bodies of what is done; what still waits keeps what money needs of it, and no name."""
    found = await mentions.events(connection, of)
    if any(event["at_work"] for event in found):
        raise ErasureRefusedError(
            f"Events about customer {of.customer_id} are being handled at this moment, so nothing "
            "was erased. Try again in a few seconds; `dunning web` has to run."
        )
    if any(e["status"] == EventStatus.PENDING and e["name"] not in _ABOUT_MONEY for e in found):
        # A stop may be among them, and what waits is dropped.
        raise ErasureRefusedError(
            f"A reply of customer {of.customer_id}, or a vendor's report about them, waits in the "
            "inbox, so nothing was erased. Try again in a minute; `dunning web` has to run."
        )
    waiting = [e for e in found if e["status"] in (EventStatus.PENDING, EventStatus.PARKED)]
    held = {e["id"] for e in waiting}
    dropped = [e["id"] for e in waiting if e["name"] not in _ABOUT_MONEY]
    forgotten = [e["id"] for e in found if e["id"] not in held]
    await connection.execute(_FORGET_BODIES, {"ids": forgotten})
    await connection.execute(_DROP_EVENTS, {"ids": dropped, "erased": ERASED_TEXT})
    money = [e for e in waiting if e["name"] in _ABOUT_MONEY]
    return len(forgotten) + len(dropped) + await _redact(connection, money, of)


async def _redact(connection: AsyncConnection, waiting: Sequence[RowMapping], of: Traces) -> int:
    redactions = [{"id": e["id"], "body": redacted(e["body"], of)} for e in waiting]
    changed = [r for r, e in zip(redactions, waiting, strict=True) if r["body"] != e["body"]]
    if changed:
        await connection.execute(_REDACT, changed)
    return len(changed)


async def _stop(connection: AsyncConnection, customer_id: str, author: str) -> int:
    """Have the open cases stopped, each with a note that says why."""
    values = {"customer": customer_id, "author": author, "stopped": STOP_NOTE}
    found = (await connection.execute(_NOTE_STOPS, values)).mappings().all()
    if found:
        stops = [{"workflow_id": row["workflow_id"], "note_id": row["note_id"]} for row in found]
        body = json.dumps({"stops": stops}, separators=(",", ":")).encode()
        await put(connection, [NewEvent(source=ERASURE_SOURCE, name=CUSTOMER_ERASED, body=body)])
    return len(found)
