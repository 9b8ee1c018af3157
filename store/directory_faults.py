"""Since when does a directory give no answer, for all invoices or for one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from store.alerts import add_within

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.errors import DirectoryError
    from dunning.lookup import DirectoryName
    from store.database import Database

_BEGIN = text("""
    INSERT INTO directory_faults (directory, invoice_id, since, reason)
    VALUES (:directory, CAST(:invoice_id AS text), CAST(:now AS timestamptz), :reason)
    ON CONFLICT (directory, COALESCE(invoice_id, '')) WHERE cleared_at IS NULL
    DO UPDATE SET reason = excluded.reason
    RETURNING since, xmax = 0 AS begun
""")
# An answer about one invoice shows that the directory answers at all.
_CLEAR = text("""
    UPDATE directory_faults SET cleared_at = GREATEST(CAST(:now AS timestamptz), since)
    WHERE directory = :directory AND cleared_at IS NULL
    AND (invoice_id IS NULL OR invoice_id = CAST(:invoice_id AS text))
    RETURNING invoice_id
""")
_OPEN = text("""
    SELECT directory, invoice_id, since, reason FROM directory_faults
    WHERE cleared_at IS NULL ORDER BY since, id LIMIT :limit
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryFault:
    """A fault that goes on. Without `invoice_id` it concerns every invoice."""

    directory: str
    invoice_id: str | None
    since: datetime
    reason: str


class DirectoryFaults:
    """The faults of all directories. Their instants are those of the cases that met them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, directory: DirectoryName, fault: DirectoryError, invoice_id: str | None, now: datetime
    ) -> datetime:
        """Write a fault down, or find it open; since when. The team is told when it begins."""
        about = None if fault.general else invoice_id
        values = {"directory": directory, "invoice_id": about, "now": now, "reason": fault.reason}
        async with self._database.begin() as connection:
            row = (await connection.execute(_BEGIN, values)).one()
            if row.begun:
                await add_within(connection, _alert(directory, fault.reason, about))
            since: datetime = row.since
            return since

    async def clear(self, directory: DirectoryName, invoice_id: str | None, now: datetime) -> None:
        """The directory has answered; the team is told if it did not before."""
        async with self._database.begin() as connection:
            await clear_within(connection, directory, invoice_id, now)

    async def open(self, limit: int = 100) -> list[DirectoryFault]:
        """Faults that go on, the oldest first."""
        async with self._database.single() as connection:
            found = await connection.execute(_OPEN, {"limit": limit})
            return [DirectoryFault(**row) for row in found.mappings()]


async def clear_within(
    connection: AsyncConnection, directory: DirectoryName, invoice_id: str | None, now: datetime
) -> None:
    """End the faults that an answer about an invoice ends, within the caller's transaction."""
    values = {"directory": directory, "invoice_id": invoice_id, "now": now}
    ended = (await connection.execute(_CLEAR, values)).scalars().all()
    if None in ended:
        alert = Alert(kind=AlertKind.DIRECTORY_BACK, subject=directory)
        await add_within(connection, alert)


def _alert(directory: DirectoryName, reason: str, invoice_id: str | None) -> Alert:
    if invoice_id is None:
        kind = AlertKind.DIRECTORY_DOWN
        return Alert(kind=kind, subject=directory, detail={"reason": reason})
    detail = {"reason": reason, "directory": directory.value}
    return Alert(kind=AlertKind.DIRECTORY_ENTRY, subject=invoice_id, detail=detail)
