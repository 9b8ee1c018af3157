"""On what is everything measured? PostgreSQL that syncs, Temporal on it, our roles beside them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from app.embedded import go_build
from app.embedded.postgres import DATABASE, EmbeddedPostgres
from app.embedded.process import ServerProcess, free_port, last_words
from app.embedded.temporal_server import TemporalServer
from store import migrations
from workflows.contracts import SEARCH_ATTRIBUTES

SECRET = "whsec_bench_0123456789abcdef"  # noqa: S105 (of no account)
LINK_SECRET = "bench-secret-key-0123456789abcdef"  # noqa: S105 (nor this)
PROGRAM = Path(sys.executable).with_name("dunning")
CACHE = go_build.CHECKOUT / ".dunning"
_OURS = ("DUNNING_", "TEMPORAL_", "SENDGRID_", "TWILIO_", "REVTAIN_")
_PATIENCE_SECONDS = 30.0
# A look costs a connection to the database, which is not free on the machine that is measured.
_LOOK_SECONDS = 0.25
_REGISTER = """
    WITH numbers AS (
        SELECT n, 'INV-' || n AS invoice FROM generate_series($1::integer, $1 + $2 - 1) AS g (n)
    ), customers AS (
        INSERT INTO customers (id, name, email, locale, timezone, country)
        SELECT 'cus-' || n, 'Ada', 'ada' || n || '@customer.example', 'en', 'America/New_York',
            'US' FROM numbers RETURNING id
    ), invoices AS (
        INSERT INTO invoices (id, customer_id, amount_due, currency, billing_period, link_id)
        SELECT invoice, 'cus-' || n, 4900, 'USD', 'month', 'link' || n FROM numbers RETURNING id
    )
    INSERT INTO transactions (transaction_id, invoice_id)
    SELECT '01BENCH' || lpad(n::text, 19, '0'), invoice FROM numbers
"""


class BenchError(Exception):
    """Something could not be measured; the text says what."""


@dataclass(slots=True)
class Numbers:
    """Numbers of payments, each used once."""

    _next: int = 0

    def take(self, count: int) -> int:
        """The first of so many."""
        first, self._next = self._next, self._next + count
        return first


@dataclass(frozen=True, slots=True)
class Servers:
    """What all rows share."""

    postgres: EmbeddedPostgres
    temporal: TemporalServer
    scratch: Path
    numbers: Numbers

    @classmethod
    @asynccontextmanager
    async def start(cls, scratch: Path) -> AsyncGenerator[Servers]:
        """Everything in its production shape, for as long as the block lasts."""
        programs = CACHE / "bin"
        async with (
            EmbeddedPostgres.start(scratch / "postgres") as postgres,
            TemporalServer.start(
                programs, postgres, search_attributes=SEARCH_ATTRIBUTES
            ) as temporal,
        ):
            await asyncio.to_thread(migrations.upgrade, postgres.url)
            yield cls(postgres, temporal, scratch, Numbers())

    async def database(self, name: str, invoices: int) -> Database:
        """A database of its own with so many registered invoices, all unknown to Temporal."""
        await self.postgres.create_database(name, template=DATABASE)
        first = self.numbers.take(invoices)
        database = Database(self.postgres.url_of(name), self.postgres.dsn_of(name), Numbers(first))
        connection = await asyncpg.connect(database.dsn)
        try:
            await connection.execute(_REGISTER, first, invoices)
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        return database

    def environment(self, database: Database, **more: str) -> dict[str, str]:
        """The environment of a role, with nothing left of the caller's own settings."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(_OURS)}
        return {
            **kept,
            "DUNNING_DATABASE_URL": database.url,
            "DUNNING_SECRET_KEY": LINK_SECRET,
            "DUNNING_EMAIL_FROM": "billing@merchant.example",
            "REVTAIN_WEBHOOK_SECRET": SECRET,
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_BASE_URL": "http://127.0.0.1:9",
            "TEMPORAL_ADDRESS": self.temporal.address,
            **more,
        }

    @asynccontextmanager
    async def web(self, database: Database, **more: str) -> AsyncGenerator[int]:
        """`dunning web`, once it answers; its port."""
        port = free_port()
        environment = self.environment(database, DUNNING_PORT=str(port), **more)
        async with self._role("web", environment) as role:
            await until(lambda: _answers(port), role)
            yield port

    @asynccontextmanager
    async def worker(self, database: Database, **more: str) -> AsyncGenerator[None]:
        """`dunning worker`, once it works."""
        async with self._role("worker", self.environment(database, **more)) as role:

            async def working() -> bool:
                return "working" in role.log.read_text(encoding="utf-8")

            await until(working, role)
            yield

    @asynccontextmanager
    async def _role(
        self, name: str, environment: Mapping[str, str]
    ) -> AsyncGenerator[ServerProcess]:
        log = self.scratch / f"{name}.log"
        log.unlink(missing_ok=True)
        role = await ServerProcess.start(
            [PROGRAM, name], log=log, stop_signal=signal.SIGTERM, environment=environment
        )
        try:
            yield role
        finally:
            await role.stop(patience=3.0)


@dataclass(frozen=True, slots=True)
class Database:
    """Where one row's tables are: for the product, and for a look into them."""

    url: str
    dsn: str
    numbers: Numbers

    async def value(self, query: str) -> Any:
        """The single value of a query."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def rows(self, query: str) -> list[Any]:
        """All rows of a query."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()


async def until(
    reached: Callable[[], Coroutine[Any, Any, bool]],
    process: ServerProcess | None = None,
    seconds: float = _PATIENCE_SECONDS,
) -> None:
    """Wait until something is so; BenchError when it takes too long, or the process ended."""
    try:
        async with asyncio.timeout(seconds):
            while not await reached():
                if process is not None and process.ended:
                    raise BenchError(f"a role ended: {last_words(process.log)}")
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        words = last_words(process.log) if process else "the rows did not come to rest"
        raise BenchError(f"nothing after {seconds:.0f} s: {words}") from None


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = await reader.read(12)
    writer.close()
    return answer.endswith(b"200")
