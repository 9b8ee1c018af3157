"""Do the tables belong to this version of the program, and how do they get there?

Both functions run an event loop of their own: an async program calls them through a thread.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from store.database import asyncpg_url
from store.errors import SchemaError
from store.reachability import reachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

_R = TypeVar("_R")

_LOCK = 7_165_229_408_311
_REVISIONS = Path(__file__).parent / "revisions"


def upgrade(url: str) -> None:
    """Bring the tables to this version. Programs that start together wait for each other."""
    asyncio.run(_run(url, _upgrade))


def pending(url: str) -> bool:
    """Whether `upgrade` would change the tables."""
    return asyncio.run(_run(url, _pending))


async def _run(url: str, work: Callable[[Connection], _R]) -> _R:
    target = asyncpg_url(url)
    engine = create_async_engine(target, poolclass=NullPool, hide_parameters=True)
    try:
        with reachable(target):
            async with engine.begin() as connection:
                return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = _config()
    _refuse_newer(connection, config)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _pending(connection: Connection) -> bool:
    config = _config()
    _refuse_newer(connection, config)
    heads = set(ScriptDirectory.from_config(config).get_heads())
    return _current(connection) != heads


def _refuse_newer(connection: Connection, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    unknown = _current(connection) - known
    if unknown:
        raise SchemaError(
            f"The database has tables of another version (revision {', '.join(sorted(unknown))}): "
            "install the version of dunning that made them, or a later one."
        )


def _current(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
