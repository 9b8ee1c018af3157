"""In which events that came in is a customer spoken of?

By the merchant's references where there are some, else by what the body itself says: an address, a
message of ours, a device, a card.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from sqlalchemy import text

from store.digest import address_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

# What is shorter would be found in bodies of other customers.
_SHORTEST = 6
_KNOWN = text("""
    WITH own AS (
        SELECT m.id, m.provider_id, m.address_digest FROM messages m
        JOIN cases c ON c.id = m.case_id JOIN invoices i ON i.id = c.invoice_id
        WHERE i.customer_id = :customer
    )
    SELECT u.name,
        array_remove(ARRAY[u.email, u.phone] || ARRAY(
            SELECT DISTINCT l.recipient FROM letters l JOIN own ON own.id = l.message_id
            WHERE l.recipient <> :customer), NULL) AS addresses,
        ARRAY(SELECT id FROM own) || ARRAY(
            SELECT provider_id FROM own WHERE provider_id IS NOT NULL) AS messages,
        ARRAY(SELECT DISTINCT address_digest FROM own
            WHERE address_digest IS NOT NULL) AS digests,
        ARRAY(SELECT token FROM push_tokens WHERE customer_id = :customer) AS devices,
        ARRAY(SELECT payment_method_token FROM invoices
            WHERE customer_id = :customer AND payment_method_token IS NOT NULL) AS cards
    FROM customers u WHERE u.id = :customer
""")
# What is filed as a report belongs to its message, and so to no other customer; of all the rest
# without a reference the body is read, once for all that it may say.
_EVENTS = text("""
    WITH own AS MATERIALIZED (SELECT id FROM invoices WHERE customer_id = :customer),
    unplaced AS (
        SELECT e.id, e.body FROM events e
        WHERE e.body IS NOT NULL AND e.invoice_id IS NULL
        AND NOT EXISTS (SELECT FROM reports r WHERE r.event_id = e.id)
        OFFSET 0
    ), referring AS (
        SELECT e.id FROM events e JOIN own ON own.id = e.invoice_id
        UNION SELECT e.id FROM events e
            JOIN transactions t ON t.transaction_id = e.transaction_id
            JOIN own ON own.id = t.invoice_id
        UNION SELECT e.id FROM events e
            JOIN idempotency_keys k ON k.key = e.idempotency_key JOIN own ON own.id = k.invoice_id
        UNION SELECT e.id FROM events e
            JOIN cards d ON d.digest = e.old_card JOIN own ON own.id = d.invoice_id
        UNION SELECT r.event_id FROM reports r
            JOIN messages m ON m.id = r.message_id
            JOIN cases c ON c.id = m.case_id JOIN own ON own.id = c.invoice_id
        UNION SELECT s.event_id FROM consents s WHERE s.customer_id = :customer
        UNION SELECT id FROM unplaced
        WHERE CAST(:said AS text) IS NOT NULL
        AND lower(encode(body, 'escape')) ~ CAST(:said AS text)
    )
    SELECT e.id, e.source, e.name, e.status, e.received_at, e.body,
        (e.status = 'pending' AND e.attempts = 0)
            OR e.leased_until > clock_timestamp() IS TRUE AS at_work
    FROM events e
    WHERE e.id = ANY (ARRAY(SELECT id FROM referring)) AND e.body IS NOT NULL ORDER BY e.id
""")
_NO_ASCII = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """By what a customer can be recognised. Personal data: never logged.

    `addresses` are those of now and those that were written to, as far as they are known, and
    `written_to` the digests of the latter.
    """

    customer_id: str
    name: str | None
    addresses: tuple[str, ...]
    references: tuple[str, ...]
    written_to: tuple[str, ...]

    def digests(self, key: bytes) -> list[str]:
        """Under which digests something may be kept; for push it is that of the id."""
        known = [address_digest(key, one) for one in (*self.addresses, self.customer_id)]
        return sorted({*known, *self.written_to})


async def traces(connection: AsyncConnection, customer_id: str) -> Traces | None:
    """What the tables know; None for an unknown customer."""
    row = (await connection.execute(_KNOWN, {"customer": customer_id})).one_or_none()
    return None if row is None else _traces(customer_id, row)


async def events(connection: AsyncConnection, of: Traces) -> Sequence[RowMapping]:
    """The events with their bodies, oldest first; `at_work` while they are being handled."""
    known = [one for one in (*of.addresses, *of.references) if len(one) >= _SHORTEST]
    values = {"customer": of.customer_id, "said": _pattern(known)}
    return (await connection.execute(_EVENTS, values)).mappings().all()


def _pattern(known: Sequence[str]) -> str | None:
    """A regular expression that finds any of them in whatever letters; None when none is known."""
    # PostgreSQL lowers letters of ASCII only.
    cased = {form for one in known for form in (one, one.lower(), one.upper())}
    needles = {_lowered(form) for one in cased for form in _forms(one)}
    return "|".join(re.escape(needle) for needle in sorted(needles)) or None


def _lowered(form: bytes) -> str:
    """As `lower(encode(..., 'escape'))` gives it."""
    shown = (f"\\{byte:03o}" if byte >= _NO_ASCII or not byte else chr(byte) for byte in form)
    return "".join("\\\\" if one == "\\" else one for one in shown).lower()


def _traces(customer_id: str, row: Row[tuple[object, ...]]) -> Traces:
    return Traces(
        customer_id=customer_id,
        name=row.name,
        addresses=tuple(dict.fromkeys(row.addresses)),
        references=(*row.messages, *row.devices, *row.cards),
        written_to=tuple(row.digests),
    )


def _forms(known: str) -> set[bytes]:
    """How the same text looks in JSON and in forms."""
    in_json = (json.dumps(known)[1:-1], json.dumps(known, ensure_ascii=False)[1:-1])
    written = (known, *in_json, quote(known, safe=""), quote(known), quote_plus(known))
    return {form.encode() for form in written}
