"""What is held about a customer? All of it, as the tables have it, for the customer to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, and_, or_, select

from store import mentions
from store.tables import (
    CASES,
    CONSENTS,
    CUSTOMERS,
    IDEMPOTENCY_KEYS,
    INVOICES,
    LETTERS,
    MESSAGES,
    NOTES,
    PAYMENTS,
    PUSH_TOKENS,
    RECOVERIES,
    REPLIES,
    REPORTS,
    REVIEWS,
    SUPPRESSIONS,
    TRANSACTIONS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Column
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database
    from store.mentions import Traces

Record = dict[str, Any]


class Disclosure:
    """Gathers everything that is held about a customer."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def of(self, customer_id: str) -> Record | None:
        """One document; None for an unknown customer. Personal data: for who asked, only."""
        async with self._database.begin() as connection:
            known = await mentions.traces(connection, customer_id)
            if known is None:
                return None
            return await self._gathered(connection, known)

    async def _gathered(self, connection: AsyncConnection, known: Traces) -> Record:
        digests = known.digests(self._token_key)
        (customer,) = await _rows(connection, CUSTOMERS, CUSTOMERS.c.id == known.customer_id)
        cases = await _rows(connection, CASES, CASES.c.invoice_id.in_(_invoices(known)))
        answers = REPLIES.c.case_id.in_([case["id"] for case in cases])
        return {
            "customer": customer,
            "push_tokens": await _rows(connection, PUSH_TOKENS, _own(PUSH_TOKENS, known)),
            "invoices": await _invoices_with_references(connection, known),
            "cases": [await _with_messages(connection, case) for case in cases],
            "consents": await _rows(connection, CONSENTS, _own(CONSENTS, known, digests)),
            "suppressions": await _rows(
                connection, SUPPRESSIONS, SUPPRESSIONS.c.address_digest.in_(digests)
            ),
            "replies": await _rows(
                connection, REPLIES, or_(_own(REPLIES, known, digests), answers)
            ),
            "events": [_event(row) for row in await mentions.events(connection, known)],
        }


def _own(table: Table, of: Traces, digests: Sequence[str] = ()) -> ColumnElement[bool]:
    """By the id; by the address only where nobody else is named."""
    if not digests:
        return table.c.customer_id == of.customer_id
    unnamed = and_(table.c.customer_id.is_(None), table.c.address_digest.in_(digests))
    return or_(table.c.customer_id == of.customer_id, unnamed)


def _invoices(of: Traces) -> Any:
    return select(INVOICES.c.id).where(INVOICES.c.customer_id == of.customer_id)


async def _invoices_with_references(connection: AsyncConnection, of: Traces) -> list[Record]:
    found = await _rows(connection, INVOICES, _own(INVOICES, of))
    for invoice in found:
        for table in (TRANSACTIONS, IDEMPOTENCY_KEYS, RECOVERIES, PAYMENTS):
            rows = await _rows(connection, table, table.c.invoice_id == invoice["id"])
            invoice[table.name] = rows
    return found


async def _with_messages(connection: AsyncConnection, case: Record) -> Record:
    messages = await _rows(connection, MESSAGES, MESSAGES.c.case_id == case["id"])
    ids = [message["id"] for message in messages]
    letters = await _by_message(connection, LETTERS, LETTERS.c.message_id, ids)
    reports = await _by_message(connection, REPORTS, REPORTS.c.message_id, ids)
    told = [
        {
            **message,
            "letter": next(iter(letters.get(message["id"], [])), None),
            "reports": reports.get(message["id"], []),
        }
        for message in sorted(messages, key=_in_time)
    ]
    notes = await _rows(connection, NOTES, NOTES.c.case_id == case["id"])
    reviews = await _rows(connection, REVIEWS, REVIEWS.c.case_id == case["id"])
    return {**case, "messages": told, "notes": notes, "reviews": reviews}


def _in_time(message: Record) -> datetime:
    moment: datetime = message["due_at"] or message["updated_at"]
    return moment


async def _by_message(
    connection: AsyncConnection, table: Table, column: Column[Any], ids: Sequence[str]
) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in await _rows(connection, table, column.in_(ids)):
        found.setdefault(row["message_id"], []).append(row)
    return found


async def _rows(
    connection: AsyncConnection, table: Table, condition: ColumnElement[bool]
) -> list[Record]:
    """In the order of their keys, so that two disclosures can be compared."""
    statement = select(table).where(condition).order_by(*table.primary_key.columns)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


def _event(row: Mapping[Any, Any]) -> Record:
    shown: Record = {name: row[name] for name in ("id", "source", "name", "status", "received_at")}
    return {**shown, "body": bytes(row["body"]).decode(errors="backslashreplace")}
