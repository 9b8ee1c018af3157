"""Does a database fault mean that the same call may succeed later?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.errors import DatabaseBusyError, DatabaseDownError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL

# Classes of SQLSTATE: 08 connection exception, 57P0x shut down or starting, 53300 too many clients.
_STATES = ("08", "57P0", "53300")
# A deadlock that was broken, and a transaction that could not be put in order with another.
_MET_ANOTHER = ("40P01", "40001")
_MET_SENTENCE = "PostgreSQL ended a transaction that another one had met: nothing was written."


@contextmanager
def reachable(url: URL) -> Generator[None]:
    """Turn faults that may be over in a moment into one sentence; let all others pass."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, asyncpg.PostgresError, OSError) as error:
        if _state(error) in _MET_ANOTHER:
            raise DatabaseBusyError(_MET_SENTENCE) from error
        if not _means_down(error):
            raise
        raise DatabaseDownError(_sentence(url, error)) from error


def _means_down(error: Exception) -> bool:
    if isinstance(error, OSError | PoolTimeoutError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return (_state(error) or "").startswith(_STATES)


def _state(error: Exception) -> str | None:
    at_fault = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(at_fault, "sqlstate", None)
    return state if isinstance(state, str) else None


def _sentence(url: URL, error: Exception) -> str:
    place = f"{url.host or 'localhost'}:{url.port or 5432}"
    if isinstance(error, PoolTimeoutError):
        return f"PostgreSQL at {place} has no free connection: raise the pool size or wait."
    return f"PostgreSQL at {place} cannot be reached: check that it runs and accepts connections."
