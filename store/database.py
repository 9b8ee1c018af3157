"""How does the program talk to PostgreSQL?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from store.reachability import reachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_DRIVER = "postgresql+asyncpg"


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
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "timeout": connect_timeout,
                "prepared_statement_cache_size": 500,
                "server_settings": {"application_name": "dunning", "jit": "off"},
            },
        )
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


def asyncpg_url(url: str) -> URL:
    """The URL with the driver of this product, whatever PostgreSQL driver it names."""
    parsed = make_url(url)
    if parsed.drivername.split("+")[0] in ("postgresql", "postgres"):
        return parsed.set(drivername=_DRIVER)
    return parsed
