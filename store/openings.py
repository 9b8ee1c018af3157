"""Does a failure open a case, join one, or come too late?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.ids import workflow_id
from store import payments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_OPEN = text("""
    WITH given AS (
        SELECT i.id AS invoice_id, i.status <> 'open' OR i.amount_due <= i.paid_minor AS settled,
            g.workflow_id,
            c.cycle, c.workflow_id AS case_workflow_id, c.closed_at IS NULL AS live
        FROM unnest(CAST(:invoice_ids AS text[]), CAST(:workflow_ids AS text[]))
            AS g (invoice_id, workflow_id)
        JOIN invoices i ON i.id = g.invoice_id
        LEFT JOIN LATERAL (
            SELECT * FROM cases WHERE invoice_id = i.id ORDER BY cycle DESC LIMIT 1
        ) AS c ON true
    ), started AS (
        INSERT INTO cases (invoice_id, cycle, workflow_id, opened_at)
        SELECT invoice_id, 1, workflow_id, CAST(:now AS timestamptz)
        FROM given WHERE cycle IS NULL AND NOT settled ORDER BY invoice_id
        ON CONFLICT DO NOTHING
        RETURNING invoice_id
    )
    SELECT given.invoice_id, COALESCE(case_workflow_id, given.workflow_id) AS workflow_id,
        COALESCE(cycle, 1) AS cycle,
        CASE
            WHEN started.invoice_id IS NOT NULL THEN 'started'
            WHEN cycle IS NOT NULL AND live THEN 'running'
            WHEN settled THEN 'settled'
            WHEN cycle IS NOT NULL THEN 'closed'
        END AS kind
    FROM given LEFT JOIN started ON started.invoice_id = given.invoice_id
""")
_LATEST = text("""
    SELECT c.cycle, c.workflow_id, c.closed_at, c.outcome,
        i.status <> 'open' OR i.amount_due <= i.paid_minor AS settled
    FROM cases c JOIN invoices i ON i.id = c.invoice_id
    WHERE c.invoice_id = :id ORDER BY c.cycle DESC LIMIT 1 FOR NO KEY UPDATE OF i
""")
_REOPEN = text("""
    INSERT INTO cases (invoice_id, cycle, workflow_id, opened_at)
    VALUES (:id, :cycle, :workflow_id, CAST(:now AS timestamptz))
""")


class OpeningKind(StrEnum):
    """What a failure finds.

    `started`: this call made the case. `running`: there was one. `closed`: the invoice's case has
    ended and stays so. `settled`: nothing is owed and no case runs.
    """

    STARTED = "started"
    RUNNING = "running"
    CLOSED = "closed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The latest case of an invoice; for `settled` without any, the one there might have been."""

    workflow_id: str
    cycle: int
    kind: OpeningKind


async def open_many(
    connection: AsyncConnection, invoice_ids: Sequence[str], now: datetime
) -> dict[str, Opening]:
    """Open what is owed and has no case. Each statement commits by itself.

    Invoices that somebody else opens at this moment are asked for again, since their rows were
    not yet to be seen.
    """
    openings: dict[str, Opening] = {}
    missing = sorted(set(invoice_ids))
    while missing:
        values = {
            "invoice_ids": missing,
            "workflow_ids": [workflow_id(invoice_id, 1) for invoice_id in missing],
            "now": now,
        }
        rows = (await connection.execute(_OPEN, values)).all()
        openings |= {row.invoice_id: _opening(row) for row in rows if row.kind is not None}
        missing = [row.invoice_id for row in rows if row.kind is None]
    return openings


async def reopen(connection: AsyncConnection, invoice_id: str, now: datetime) -> Opening | None:
    """Begin the next cycle of a case that ended unpaid; None for an invoice that never had one."""
    row = (await connection.execute(_LATEST, {"id": invoice_id})).one_or_none()
    if row is None:
        return None
    refusal = _refusal(row)
    if refusal is not None:
        return Opening(workflow_id=row.workflow_id, cycle=row.cycle, kind=refusal)
    cycle = row.cycle + 1
    run = workflow_id(invoice_id, cycle)
    values = {"id": invoice_id, "cycle": cycle, "workflow_id": run, "now": now}
    await connection.execute(_REOPEN, values)
    await payments.keep_service(connection, invoice_id)
    return Opening(workflow_id=run, cycle=cycle, kind=OpeningKind.STARTED)


def _refusal(row: Row[tuple[object, ...]]) -> OpeningKind | None:
    if row.closed_at is None:
        return OpeningKind.RUNNING
    if row.settled:
        return OpeningKind.SETTLED
    return OpeningKind.CLOSED if row.outcome == "recovered" else None


def _opening(row: Row[tuple[object, ...]]) -> Opening:
    return Opening(workflow_id=row.workflow_id, cycle=row.cycle, kind=OpeningKind(row.kind))
