"""How does the program talk to PostgreSQL?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Self

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine

from store.reachability import reachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy import URL, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

_DRIVER = "postgresql+asyncpg"
# A connection that answered so recently is not asked first whether it still does.
_TRUSTED_SECONDS = 1.0
_USED_AT = "used_at"


class Database:
    """A pool of connections. Opens none before the first use."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._url = engine.url
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        pool_size: int = 5,
        max_overflow: int = 5,
        pool_timeout: float = 10,
        connect_timeout: float = 5,
    ) -> Self:
        """Make a pool for `url`; times are seconds."""
        engine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout,
            hide_parameters=True,
            connect_args={
                "timeout": connect_timeout,
                "prepared_statement_cache_size": 500,
                "server_settings": {"application_name": "dunning", "jit": "off"},
            },
        )
        _check_the_rested(engine.sync_engine)
        return cls(engine)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back on any exception."""
        with reachable(self._url):
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def single(self) -> AsyncGenerator[AsyncConnection]:
        """A connection where each statement is its own transaction, in one round trip."""
        with reachable(self._url):
            async with self._autocommit.connect() as connection:
                yield connection

    async def check(self) -> None:
        """Raise DatabaseDownError unless the database answers."""
        async with self.single() as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close all pooled connections."""
        await self.engine.dispose()


def _check_the_rested(engine: Engine) -> None:
    """Ask a connection that rested whether it still answers; one that does not is replaced.

    The pool's own check asks at every use, which costs as much as the statement that follows.
    """

    def used(connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        del connection
        entry.info[_USED_AT] = monotonic()

    def check(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        del proxy
        if monotonic() - entry.info.get(_USED_AT, 0.0) <= _TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as fault:
            raise DisconnectionError(str(fault)) from fault

    event.listen(engine, "connect", used)
    event.listen(engine, "checkin", used)
    event.listen(engine, "checkout", check)


def asyncpg_url(url: str) -> URL:
    """The URL with the driver of this product, whatever PostgreSQL driver it names."""
    parsed = make_url(url)
    if parsed.drivername.split("+")[0] in ("postgresql", "postgres"):
        return parsed.set(drivername=_DRIVER)
    return parsed
