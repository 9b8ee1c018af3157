"""Which cases are there, and how does each of them stand?"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.advice import Advice
from dunning.promise import PromiseStatus
from dunning.service import Service, ServiceStatus
from dunning.states import Cause, Outcome, ReviewReason, State
from store import openings
from store.projection import one_statement, project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.view import CaseView
    from store.database import Database
    from store.openings import Opening

_GET = text("SELECT * FROM cases WHERE invoice_id = :invoice_id ORDER BY cycle DESC LIMIT 1")
_GET_RUN = text("SELECT * FROM cases WHERE workflow_id = :workflow_id")
_FIND = text("""
    SELECT * FROM cases
    WHERE (CAST(:state AS text) IS NULL OR state = :state)
    AND (CAST(:outcome AS text) IS NULL OR outcome = :outcome)
    AND (CAST(:owner AS text) IS NULL OR owner = :owner)
    AND (CAST(:before_id AS bigint) IS NULL OR id < :before_id)
    ORDER BY CASE WHEN :urgent_first THEN next_at END, id DESC LIMIT :limit
""")
_OVERDUE = text("""
    SELECT * FROM cases
    WHERE (closed_at IS NULL OR service_status = 'ending')
    AND (next_at < :since OR (state = 'opening' AND opened_at < :since))
    ORDER BY id LIMIT :limit
""")
_ASSIGN = text("""
    WITH latest AS (
        UPDATE cases SET owner = :owner, updated_at = clock_timestamp()
        WHERE id = (SELECT id FROM cases WHERE invoice_id = :id ORDER BY cycle DESC LIMIT 1)
        RETURNING id
    ), review AS (
        UPDATE reviews SET owner = :owner FROM latest
        WHERE reviews.case_id = latest.id AND reviews.decided_at IS NULL
    )
    SELECT id FROM latest
""")
_DECIDE = text("""
    UPDATE reviews SET decision = :decision, owner = COALESCE(reviews.owner, :author)
    WHERE id = (
        SELECT r.id FROM reviews r JOIN cases c ON c.id = r.case_id
        WHERE c.invoice_id = :id ORDER BY c.cycle DESC, r.id DESC LIMIT 1
    ) AND decision IS NULL
""")
_ADD_NOTE = text("""
    INSERT INTO notes (case_id, author, text)
    SELECT id, :author, :text FROM cases WHERE invoice_id = :id ORDER BY cycle DESC LIMIT 1
    RETURNING id
""")
_LIVE = text("""
    SELECT workflow_id FROM cases
    WHERE invoice_id = :id AND (closed_at IS NULL OR (service IS NOT NULL AND next_at IS NOT NULL))
    ORDER BY cycle DESC LIMIT 1
""")
_LIVE_OF = text("""
    SELECT c.workflow_id FROM cases c JOIN invoices i ON i.id = c.invoice_id
    WHERE i.customer_id = ANY (CAST(:customers AS text[])) AND c.closed_at IS NULL ORDER BY c.id
""")
_END = text("""
    WITH ended AS (UPDATE cases SET
        state = 'closed', outcome = 'stopped', closed_at = CAST(:now AS timestamptz),
        next_step = NULL, next_at = NULL, version = version + 1, updated_at = clock_timestamp(),
        viewed_at = CAST(:now AS timestamptz),
        paid_after_close_at = (
            SELECT CAST(:now AS timestamptz) FROM invoices i
            WHERE i.id = cases.invoice_id AND i.status = 'paid')
    WHERE workflow_id = :workflow_id AND closed_at IS NULL RETURNING id, invoice_id)
    SELECT alerts_raise('case_without_run', invoice_id, '{}', id::text) FROM ended
""")
# A service is not ended by a run that is gone.
_KEEP = text("""
    WITH kept AS (UPDATE cases SET
        service_status = 'kept', next_step = NULL, next_at = NULL, updated_at = clock_timestamp()
    WHERE workflow_id = :workflow_id AND closed_at IS NOT NULL AND service_status = 'ending'
    RETURNING id, invoice_id)
    SELECT alerts_raise('case_without_run', invoice_id, '{}', id::text) FROM kept
""")
_NOTES = text("""
    SELECT n.id, n.author, n.text, n.created_at FROM notes n JOIN cases c ON c.id = n.case_id
    WHERE c.invoice_id = :id ORDER BY n.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as it was projected last."""

    id: int
    invoice_id: str
    cycle: int
    workflow_id: str
    state: State
    outcome: Outcome | None
    cause: Cause | None
    campaign: str | None
    campaign_reason: str | None
    advice: Advice | None
    decline_code: str | None
    policy_digest: str | None
    version: int
    next_step: str | None
    next_at: datetime | None
    review_reason: ReviewReason | None
    review_round: int
    closed_channels: tuple[str, ...]
    promise_day: date | None
    promise_until: datetime | None
    promise_status: PromiseStatus | None
    service: Service | None
    service_status: ServiceStatus | None
    service_ends_at: datetime | None
    owner: str | None
    opened_at: datetime
    closed_at: datetime | None
    paid_after_close_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a person wrote about a case."""

    id: int
    author: str
    text: str
    created_at: datetime


class Cases:
    """The cases of all invoices, one live case per invoice at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_many(self, invoice_ids: Sequence[str], now: datetime) -> Mapping[str, Opening]:
        """Open a case for each invoice that is owed and never had one; unknown ones are left out.

        A closed case stays closed; only `reopen` begins another cycle.
        """
        async with self._database.single() as connection:
            return await openings.open_many(connection, invoice_ids, now)

    async def reopen(self, invoice_id: str, now: datetime) -> Opening | None:
        """Begin the next cycle of a case that ended unpaid.

        The kind is `started` if so, else it says why not; None when there never was a case.
        """
        async with self._database.begin() as connection:
            return await openings.reopen(connection, invoice_id, now)

    async def project(self, view: CaseView, now: datetime | None = None) -> bool:
        """Write a view, unless the same or a later version was written before."""
        database = self._database
        async with database.single() if one_statement(view) else database.begin() as connection:
            return await project(connection, view, now)

    async def close(self, view: CaseView, now: datetime | None = None) -> bool:
        """Write the last view of a case; a payment that came too late for it is noted."""
        if view.closed_at is None or view.outcome is None or view.state is not State.CLOSED:
            raise ValueError(f"The view of {view.workflow_id} does not say how the case closed.")
        return await self.project(view, now)

    async def get(self, invoice_id: str) -> CaseRecord | None:
        """The latest case of an invoice."""
        async with self._database.single() as connection:
            return await latest(connection, invoice_id)

    async def get_run(self, workflow_id: str) -> CaseRecord | None:
        """The case that runs, or ran, under a workflow id."""
        async with self._database.single() as connection:
            found = await connection.execute(_GET_RUN, {"workflow_id": workflow_id})
            row = found.one_or_none()
            return None if row is None else _record(row)

    async def find(
        self,
        *,
        state: State | None = None,
        outcome: Outcome | None = None,
        owner: str | None = None,
        limit: int = 100,
        before_id: int | None = None,
        urgent_first: bool = False,
    ) -> list[CaseRecord]:
        """Newest first; the next page begins before the last id of this one.

        With `urgent_first`, those that act next come first, and there are no pages.
        """
        values = {
            "state": state,
            "outcome": outcome,
            "owner": owner,
            "limit": limit,
            "before_id": before_id,
            "urgent_first": urgent_first,
        }
        async with self._database.single() as connection:
            return [_record(row) for row in await connection.execute(_FIND, values)]

    async def live_workflow(self, invoice_id: str) -> str | None:
        """The workflow id of the invoice's open case, or of one whose service is about to end."""
        async with self._database.single() as connection:
            found: str | None = await connection.scalar(_LIVE, {"id": invoice_id})
            return found

    async def live_of_customers(self, customers: Sequence[str]) -> list[str]:
        """The workflow ids of all open cases of these customers, the oldest first."""
        async with self._database.single() as connection:
            found = await connection.scalars(_LIVE_OF, {"customers": list(customers)})
            return list(found)

    async def end_as_stopped(self, workflow_id: str, now: datetime) -> bool:
        """Close a case whose run was ended by hand in Temporal, and tell the team.

        One that is closed keeps its outcome, and the service goes on; False when that is settled.
        """
        values = {"workflow_id": workflow_id, "now": now}
        async with self._database.single() as connection:
            ended = (await connection.execute(_END, values)).all()
            return bool(ended or (await connection.execute(_KEEP, values)).all())

    async def overdue(self, since: datetime, limit: int = 100) -> list[CaseRecord]:
        """Cases that should have moved before `since` and did not: their run may be lost."""
        async with self._database.single() as connection:
            found = await connection.execute(_OVERDUE, {"since": since, "limit": limit})
            return [_record(row) for row in found]

    async def assign(self, invoice_id: str, owner: str | None) -> bool:
        """Give the latest case, and its open review, to a person; False when there is none."""
        values = {"id": invoice_id, "owner": owner}
        async with self._database.single() as connection:
            return await connection.scalar(_ASSIGN, values) is not None

    async def record_decision(self, invoice_id: str, decision: str, author: str) -> bool:
        """Keep what was decided in the latest review; False when nothing is to be decided."""
        values = {"id": invoice_id, "decision": decision, "author": author}
        async with self._database.single() as connection:
            return bool((await connection.execute(_DECIDE, values)).rowcount)

    async def add_note(self, invoice_id: str, *, author: str, note: str) -> int | None:
        """Keep a person's words; the id may travel, the words never do. None without a case."""
        values = {"id": invoice_id, "author": author, "text": note}
        async with self._database.single() as connection:
            note_id: int | None = await connection.scalar(_ADD_NOTE, values)
            return note_id

    async def notes(self, invoice_id: str) -> list[Note]:
        """All notes on an invoice's cases, oldest first."""
        async with self._database.single() as connection:
            found = await connection.execute(_NOTES, {"id": invoice_id})
            return [Note(**row) for row in found.mappings()]


async def latest(connection: AsyncConnection, invoice_id: str) -> CaseRecord | None:
    """The latest case of an invoice."""
    row = (await connection.execute(_GET, {"invoice_id": invoice_id})).one_or_none()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> CaseRecord:
    values: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(CaseRecord)}
    values["closed_channels"] = tuple(row.closed_channels)
    for name, kind in _KINDS.items():
        values[name] = None if values[name] is None else kind(values[name])
    return CaseRecord(**values)


_KINDS = {
    "state": State,
    "outcome": Outcome,
    "cause": Cause,
    "advice": Advice,
    "review_reason": ReviewReason,
    "promise_status": PromiseStatus,
    "service": Service,
    "service_status": ServiceStatus,
}
