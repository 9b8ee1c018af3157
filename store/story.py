"""What is written down about an invoice's cases, in all the places where it is?

The queries for the whole story of a case stand here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from store.audit import AuditEntry, entries_of
from store.digest import address_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

_CUSTOMER = text("""
    SELECT u.id, u.email, u.phone FROM invoices i JOIN customers u ON u.id = i.customer_id
    WHERE i.id = :id
""")
# What vendors say of messages is told by the reports, what closes channels by the audit.
_EVENTS = text("""
    SELECT id, source, name, transaction_id, received_at, status, note FROM events
    WHERE invoice_id = :id
    AND source !~ '^(reach|erasure|sendgrid|twilio)'
    ORDER BY id
""")
_MESSAGES = text("""
    SELECT m.id, c.cycle, m.step, m.channel, m.template, m.status, m.reason, m.due_at,
        m.updated_at,
        (SELECT g.invoice_ids FROM told_together g WHERE g.message_id = m.id) AS together_with
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE c.invoice_id = :id ORDER BY m.due_at, m.step, m.channel
""")
_REPORTS = text("""
    SELECT r.id, m.id AS message_id, m.step, m.channel, c.cycle, r.status, r.code, r.at,
        r.recorded_at, r.applied
    FROM messages m
    JOIN cases c ON c.id = m.case_id
    JOIN reports r ON r.message_id = COALESCE(m.merged_into, m.id)
    WHERE c.invoice_id = :id ORDER BY r.id
""")
# Texts of the customer that belong to no case are told from the time of the first case on.
_REPLIES = text("""
    SELECT r.id, r.channel, r.meaning, r.received_at, r.handled_at, r.handled_by FROM replies r
    WHERE r.case_id IN (SELECT id FROM cases WHERE invoice_id = :id)
    OR (r.case_id IS NULL AND r.customer_id = :customer_id AND r.received_at >= (
        SELECT min(a.at) FROM audit a JOIN cases c ON c.id = a.case_id WHERE c.invoice_id = :id))
    ORDER BY r.id
""")
_NOTES = text("""
    SELECT n.id, n.text FROM notes n JOIN cases c ON c.id = n.case_id
    WHERE c.invoice_id = :id ORDER BY n.id
""")
_CLOSINGS = text("""
    SELECT channel, reason, source, created_at, lifted_at, lifted_by FROM suppressions
    WHERE address_digest = ANY (CAST(:digests AS text[])) ORDER BY id
""")
_LETTERS = text("""
    SELECT m.id AS message_id, l.recipient, l.subject, l.body
    FROM messages m
    JOIN cases c ON c.id = m.case_id
    JOIN letters l ON l.message_id = COALESCE(m.merged_into, m.id)
    WHERE c.invoice_id = :id AND l.body IS NOT NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event about the invoice, without its body."""

    id: int
    source: str
    name: str
    transaction_id: str | None
    received_at: datetime
    status: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message as the ledger has it now."""

    id: str
    cycle: int
    step: str
    channel: str
    template: str
    status: str
    reason: str | None
    due_at: datetime | None
    updated_at: datetime
    together_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a vendor said of a message; `at` by its clock. Not `applied`: it changed nothing."""

    id: int
    message_id: str
    step: str
    channel: str
    cycle: int
    status: str
    code: str | None
    at: datetime
    recorded_at: datetime
    applied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A customer's answer, by its meaning."""

    id: int
    channel: str
    meaning: str
    received_at: datetime
    handled_at: datetime | None
    handled_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Why one of the customer's addresses was closed, and by what."""

    channel: str
    reason: str
    source: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a message said, and where it went: personal data."""

    message_id: str
    recipient: str | None
    subject: str | None
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronicle:
    """Everything, each place in its own order. `notes` and `letters` are texts by id."""

    entries: tuple[AuditEntry, ...] = ()
    events: tuple[Arrival, ...] = ()
    messages: tuple[Planned, ...] = ()
    reports: tuple[Reported, ...] = ()
    replies: tuple[Replied, ...] = ()
    closings: tuple[Closed, ...] = ()
    notes: Mapping[int, str]
    letters: Mapping[str, Letter]


class Chronicles:
    """Reads them."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def of_invoice(self, invoice_id: str) -> Chronicle:
        """Everything about the cases of an invoice, as it stands now; empty without a case."""
        async with self._database.single() as connection:
            customer = await _read(connection, _CUSTOMER, invoice_id)
            known = dict(customer[0]) if customer else {"id": None, "email": None, "phone": None}
            asked = {
                "customer_id": known["id"],
                "digests": [address_digest(self._token_key, a) for a in known.values() if a],
            }
            messages = await _read(connection, _MESSAGES, invoice_id)
            return Chronicle(
                entries=tuple(await entries_of(connection, invoice_id)),
                events=tuple(Arrival(**r) for r in await _read(connection, _EVENTS, invoice_id)),
                messages=tuple(_planned(r) for r in messages),
                reports=tuple(Reported(**r) for r in await _read(connection, _REPORTS, invoice_id)),
                replies=tuple(
                    Replied(**r) for r in await _read(connection, _REPLIES, invoice_id, **asked)
                ),
                closings=tuple(
                    Closed(**r) for r in await _read(connection, _CLOSINGS, invoice_id, **asked)
                ),
                notes={r["id"]: r["text"] for r in await _read(connection, _NOTES, invoice_id)},
                letters={
                    r["message_id"]: Letter(**r)
                    for r in await _read(connection, _LETTERS, invoice_id)
                },
            )


async def _read(
    connection: AsyncConnection, query: Any, invoice_id: str, **more: object
) -> list[RowMapping]:
    return list((await connection.execute(query, {"id": invoice_id, **more})).mappings())


def _planned(row: RowMapping) -> Planned:
    values: dict[str, Any] = dict(row)
    values["together_with"] = tuple(values["together_with"] or ())
    return Planned(**values)
