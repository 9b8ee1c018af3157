"""What does the merchant's own database say of an invoice? It is read, and never written."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from dunning.errors import DirectoryError
from dunning.lookup import read_document
from store.database import asyncpg_url
from store.sql_queries import PARAMETERS, Queries, QueriesError, check_columns, document

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from dunning.lookup import Entry

TIMEOUT = timedelta(seconds=3)

_POSTGRESQL = "postgresql"
_CONNECT_SECONDS = 3
_CANCELLED, _READ_ONLY = "57014", "25006"
# An id that cannot be one of this column's: the invoice is not there.
_BAD_VALUES = frozenset({"22P02", "22003", "22007", "22008"})


class SqlDirectory:
    """An `InvoiceDirectory` on a database of the merchant's.

    On PostgreSQL each look-up is a read-only transaction with a time limit; elsewhere it is rolled
    back, and the user that the URL names should have no right to write.
    """

    def __init__(self, url: str, queries: Queries, *, timeout: timedelta = TIMEOUT) -> None:
        self._queries = queries
        self._seconds = timeout.total_seconds()
        self._engine = _engine(url)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def invoice(self, invoice_id: str) -> Entry | None:
        """What the query `invoice` finds."""
        row = await self._row("invoice", self._queries.invoice, invoice_id)
        return None if row is None else read_document(document({**row}), invoice_id)

    async def transaction(self, transaction_id: str) -> Entry | None:
        """What the query `transaction` finds; None as well when there is none."""
        query = self._queries.transaction
        row = None if query is None else await self._row("transaction", query, transaction_id)
        return None if row is None else read_document(document({**row}))

    async def check(self) -> None:
        """Try each query: `QueriesError` names it, `DirectoryError` if nothing answers."""
        problems = list[str]()
        for name, query in self._queries.named.items():
            try:
                await self._check(name, query)
            except QueriesError as fault:
                problems.append(str(fault))
        if problems:
            raise QueriesError("\n".join(problems))

    async def _check(self, name: str, query: str) -> None:
        try:
            columns, rows = await self._run(query, PARAMETERS[name], None)
        except DBAPIError as fault:
            if _state(fault) in (None, _CANCELLED):
                raise _unanswered(name, fault, self._seconds) from None
            raise QueriesError(_refused(name, fault)) from None
        check_columns(name, columns)
        if rows:
            raise QueriesError(
                f"Query `{name}` finds rows whatever :{PARAMETERS[name]} is. Compare a column "
                "with it."
            )

    async def _row(self, name: str, query: str, value: str) -> RowMapping | None:
        try:
            _, rows = await self._run(query, PARAMETERS[name], value)
        except DBAPIError as fault:
            if _state(fault) in _BAD_VALUES:
                return None
            raise _unanswered(name, fault, self._seconds) from None
        if len(rows) > 1:
            raise DirectoryError(f"query `{name}` finds several rows: one at most may be found")
        return rows[0] if rows else None

    async def _run(
        self, query: str, parameter: str, value: str | None
    ) -> tuple[tuple[str, ...], Sequence[RowMapping]]:
        # An untyped parameter would take the type of the column, and refuse a text.
        given = bindparam(parameter, value, type_=Text())
        missed = f"no answer came within {self._seconds:g} seconds"
        try:
            async with asyncio.timeout(self._seconds + _CONNECT_SECONDS), self._reading() as one:
                found = await one.execute(text(query).bindparams(given))
                return tuple(found.keys()), found.mappings().fetchmany(2)
        except TimeoutError:
            pass
        except (OSError, SQLAlchemyError) as fault:
            if isinstance(fault, DBAPIError):
                raise
            missed = f"no connection could be made ({type(fault).__name__})"
        raise DirectoryError(missed, general=True)

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        async with self._engine.connect() as connection:
            if self._engine.dialect.name == _POSTGRESQL:
                limit = f"SET LOCAL statement_timeout = {round(self._seconds * 1000)}"
                await connection.execute(text(limit))
            yield connection
            await connection.rollback()


def _engine(url: str) -> AsyncEngine:
    options: dict[str, Any] = {}
    try:
        parsed = asyncpg_url(url)
        if parsed.get_backend_name() == _POSTGRESQL:
            options["execution_options"] = {"postgresql_readonly": True}
        if parsed.drivername == "postgresql+asyncpg":
            named = {"application_name": "dunning"}
            options["connect_args"] = {"timeout": _CONNECT_SECONDS, "server_settings": named}
        return create_async_engine(
            parsed, pool_size=5, max_overflow=0, pool_pre_ping=True, hide_parameters=True, **options
        )
    except (SQLAlchemyError, ImportError, ValueError, TypeError) as fault:
        bad = "is not the address of a database" if isinstance(fault, ArgumentError) else None
        raise QueriesError(
            f"DUNNING_DIRECTORY_SQL_URL {bad or 'names a driver that cannot be used here'}. "
            "Write it like postgresql://user:password@host:5432/name, and install the driver of "
            "another kind of database, which must be one for asyncio."
        ) from None


def _state(fault: DBAPIError) -> str | None:
    state = getattr(fault.orig, "sqlstate", None)
    return state if isinstance(state, str) and not state.startswith(("08", "57P0")) else None


def _away(fault: DBAPIError) -> DirectoryError:
    name = type(fault.orig).__name__
    return DirectoryError(f"the database cannot be reached ({name})", general=True)


def _unanswered(name: str, fault: DBAPIError, seconds: float) -> DirectoryError:
    state = _state(fault)
    if state is None:
        return _away(fault)
    return DirectoryError(f"query `{name}` {_why(state, seconds)}", general=True)


def _why(state: str, seconds: float) -> str:
    if state == _CANCELLED:
        return f"takes longer than {seconds:g} seconds"
    if state == _READ_ONLY:
        return "tries to write, which is refused"
    return f"is refused by the database (SQLSTATE {state})"


def _refused(name: str, fault: DBAPIError) -> str:
    """At the start nothing of a customer's is in it yet, so the database may speak for itself."""
    said = str(fault.orig).splitlines()[0].rpartition(">: ")[2]
    return f"Query `{name}` is refused by the database: {said}. Correct it."
