"""What is kept for good of each case, how is it added to, and is it still whole?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from store.audit_chain import Entry, Fault, Head, problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.audit_kinds import AuditKind
    from store.database import Database

_PAGE = 500

_HOLD = text("SELECT FROM audit_heads WHERE case_id = :case_id FOR UPDATE")
_APPEND = text("""
    SELECT audit_append(:case_id, :kind, CAST(:detail AS jsonb))
    WHERE CAST(:request AS text) IS NULL OR NOT EXISTS (
        SELECT FROM audit WHERE case_id = :case_id AND kind = :kind
        AND detail ->> 'request' = :request)
""")
_OF_INVOICE = text("""
    SELECT a.case_id, c.cycle, a.seq, a.at, a.kind, a.detail, encode(a.hash, 'hex') AS hash
    FROM audit a JOIN cases c ON c.id = a.case_id
    WHERE c.invoice_id = :id ORDER BY c.cycle, a.seq
""")
# One instant for all that is read, so that nothing that is written meanwhile looks like a break.
_STILL = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_CASES = text("""
    SELECT c.id AS case_id, c.invoice_id, c.cycle, h.seq, h.hash
    FROM cases c LEFT JOIN audit_heads h ON h.case_id = c.id
    WHERE c.id > :after AND (CAST(:invoice_id AS text) IS NULL OR c.invoice_id = :invoice_id)
    ORDER BY c.id LIMIT :page
""")
_ENTRIES = text("""
    SELECT case_id, seq, at, kind, CAST(detail AS text) AS detail, previous, hash
    FROM audit WHERE case_id = ANY (CAST(:ids AS bigint[])) ORDER BY case_id, seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An entry as people look at it; `at` is the database's time."""

    case_id: int
    cycle: int
    seq: int
    at: datetime
    kind: str
    detail: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One case whose trail was checked; `head` as the database has it, `fault` if it is broken."""

    cycle: int
    entries: int
    head: Head | None
    fault: Fault | None


class Audit:
    """The trails of all cases. Triggers write them; what only we know is appended here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self,
        case_id: int,
        kind: AuditKind,
        detail: Mapping[str, object],
        *,
        request_id: str | None = None,
    ) -> bool:
        """Add an entry; with a `request_id` one at most of that kind. False if it was there.

        The detail holds ids, our words and instants: no address, no name of a customer, no text.
        """
        values = {
            "case_id": case_id,
            "kind": kind,
            "detail": json.dumps({**detail, "request": request_id}),
            "request": request_id,
        }
        async with self._database.begin() as connection:
            await connection.execute(_HOLD, values)
            return await connection.scalar(_APPEND, values) is not None

    async def of_invoice(self, invoice_id: str) -> list[AuditEntry]:
        """All entries of an invoice's cases, the first cycle first."""
        async with self._database.single() as connection:
            return await entries_of(connection, invoice_id)

    async def verify(
        self, invoice_id: str | None = None, kept: Iterable[Head] = ()
    ) -> AsyncIterator[Checked]:
        """Check each case, or those of an invoice, as all of them stand at one instant.

        `kept` are heads from a copy that was kept elsewhere: each must still be in its trail.
        """
        missing = {head.case_id: head for head in kept if invoice_id in (None, head.invoice_id)}
        async with self._database.begin() as connection:
            await connection.execute(_STILL)
            async for rows in _pages(connection, invoice_id):
                entries = await _entries(connection, [row.case_id for row in rows])
                for row in rows:
                    known = missing.pop(row.case_id, None)
                    yield _checked(row, entries.get(row.case_id, []), known)
        for head in missing.values():
            fault = _fault(head, None, "the case is gone")
            yield Checked(cycle=head.cycle, entries=0, head=None, fault=fault)


async def entries_of(connection: AsyncConnection, invoice_id: str) -> list[AuditEntry]:
    """The same within the caller's reading."""
    found = await connection.execute(_OF_INVOICE, {"id": invoice_id})
    return [AuditEntry(**row) for row in found.mappings()]


async def _pages(
    connection: AsyncConnection, invoice_id: str | None
) -> AsyncIterator[Sequence[Row[Any]]]:
    values = {"after": 0, "invoice_id": invoice_id, "page": _PAGE}
    while rows := (await connection.execute(_CASES, values)).all():
        yield rows
        values["after"] = rows[-1].case_id


async def _entries(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, list[Entry]]:
    rows = (await connection.execute(_ENTRIES, {"ids": list(ids)})).mappings()
    entries = (Entry(**row) for row in rows)
    return {case_id: list(own) for case_id, own in groupby(entries, key=lambda e: e.case_id)}


def _checked(row: Row[Any], entries: Sequence[Entry], known: Head | None) -> Checked:
    found = problem(entries, _head(row), known)
    fault = None if found is None else _fault(row, *found)
    return Checked(cycle=row.cycle, entries=len(entries), head=_head(row), fault=fault)


def _head(row: Row[Any]) -> Head | None:
    if row.seq is None:
        return None
    return Head(
        case_id=row.case_id,
        invoice_id=row.invoice_id,
        cycle=row.cycle,
        seq=row.seq,
        hash=row.hash,
    )


def _fault(case: Head | Row[Any], seq: int | None, told: str) -> Fault:
    return Fault(
        case_id=case.case_id,
        invoice_id=case.invoice_id,
        cycle=case.cycle,
        seq=seq,
        problem=told,
    )
