"""Does a database fault mean that the server cannot be reached?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.errors import DatabaseDownError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL

# Classes of SQLSTATE: 08 connection exception, 57P0x shut down or starting, 53300 too many clients.
_STATES = ("08", "57P0", "53300")


@contextmanager
def reachable(url: URL) -> Generator[None]:
    """Turn faults that mean "not reachable" into one sentence; let all others pass."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, OSError) as error:
        if not _means_down(error):
            raise
        raise DatabaseDownError(_sentence(url, error)) from error


def _means_down(error: Exception) -> bool:
    if isinstance(error, OSError | PoolTimeoutError):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        return _has_down_state(getattr(error.orig, "sqlstate", None))
    return _has_down_state(getattr(error, "sqlstate", None))


def _has_down_state(state: object) -> bool:
    return isinstance(state, str) and state.startswith(_STATES)


def _sentence(url: URL, error: Exception) -> str:
    place = f"{url.host or 'localhost'}:{url.port or 5432}"
    if isinstance(error, PoolTimeoutError):
        return f"PostgreSQL at {place} has no free connection: raise the pool size or wait."
    return f"PostgreSQL at {place} cannot be reached: check that it runs and accepts connections."
