"""In which directories are invoices looked up? The settings choose."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from activities.directories import Directories
from app import clock
from app.policy_file import load_document
from app.settings import Settings, SettingsError, required
from dunning.errors import DirectoryError, PolicyError
from dunning.lookup import DirectoryName
from dunning.ports import InvoiceDirectory
from providers.merchant.directory import HttpDirectory, LookupAddress
from store.directory_faults import DirectoryFaults
from store.endpoints import PREFIX
from store.refreshing import Refreshing
from store.sql_directory import SqlDirectory
from store.sql_queries import Queries, QueriesError, read_queries
from webhook.signing import signed

if TYPE_CHECKING:
    from app.wiring import Stores

_log = structlog.get_logger(__name__)

_NO_INVOICE = "dunning-doctor"
_OF_HTTP = "DUNNING_DIRECTORY_URL"
_OF_SQL = ("DUNNING_DIRECTORY_SQL_URL", "DUNNING_DIRECTORY_SQL_FILE")


def sources(
    settings: Settings, *, now: Callable[[], datetime] = clock.now
) -> dict[DirectoryName, InvoiceDirectory]:
    """All directories but the registry, in order; SettingsError names what is missing.

    Nothing is connected before the first use.
    """
    made: dict[DirectoryName, Callable[[], InvoiceDirectory]] = {
        DirectoryName.HTTP: lambda: http(settings, now=now),
        DirectoryName.SQL: lambda: sql(settings),
    }
    return {name: made[name]() for name in settings.directories if name in made}


def directories(
    settings: Settings, stores: Stores, *, now: Callable[[], datetime] = clock.now
) -> Directories:
    """The directories as cases and events use them."""
    return Directories(
        sources=sources(settings, now=now),
        refreshing=Refreshing(stores.database, settings.token_key),
        faults=DirectoryFaults(stores.database),
        remembers=timedelta(seconds=settings.directory_cache),
        registered_counts=DirectoryName.REGISTRY in settings.directories,
    )


async def check(settings: Settings) -> None:
    """SettingsError when a query cannot be used; a database that is away is waited for later."""
    if DirectoryName.HTTP in settings.directories:
        http(settings)
    if DirectoryName.SQL not in settings.directories:
        return
    directory = sql(settings)
    try:
        await directory.check()
    except QueriesError as fault:
        raise SettingsError(_in_file(settings, fault)) from None
    except DirectoryError as fault:
        _log.warning("directory_fault", directory=DirectoryName.SQL.value, reason=fault.reason)
    finally:
        await directory.aclose()


async def attempt(source: InvoiceDirectory) -> str:
    """What was found when it was tried; `DirectoryError` or `QueriesError` if it is of no use."""
    if isinstance(source, SqlDirectory):
        await source.check()
        return "answers, and its queries can be used"
    if await source.invoice(_NO_INVOICE) is not None:
        raise DirectoryError("it knows an invoice that is none; an unknown one is answered by 404")
    return "answers"


def http(settings: Settings, *, now: Callable[[], datetime] = clock.now) -> HttpDirectory:
    """The merchant's look-up endpoint."""
    invoice = required(settings.directory_url, _OF_HTTP).get_secret_value()
    address = LookupAddress(invoice=invoice, transaction=settings.directory_transaction_url)
    own = secret(settings)

    def sign(webhook_id: str, body: bytes, moment: datetime) -> Mapping[str, str]:
        return signed(webhook_id, body, secrets=[own], now=moment)

    return HttpDirectory(address, sign=sign, now=now)


def sql(settings: Settings) -> SqlDirectory:
    """The merchant's own database."""
    url = required(settings.directory_sql_url, _OF_SQL[0]).get_secret_value()
    try:
        return SqlDirectory(url, _queries(settings))
    except QueriesError as fault:
        raise SettingsError(_in_file(settings, fault)) from None


def secret(settings: Settings) -> str:
    """With what the look-up endpoint verifies that we are the ones who ask."""
    return PREFIX + base64.b64encode(settings.directory_key).decode()


def _queries(settings: Settings) -> Queries:
    file = settings.directory_sql_file
    if file is None:
        required(None, _OF_SQL[1])
    path = Path(file or "")
    try:
        return read_queries(load_document(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
        raise QueriesError(f"The file cannot be read: {why}. Correct the path.") from None
    except PolicyError as fault:
        raise QueriesError(str(fault)) from None


def _in_file(settings: Settings, fault: QueriesError) -> str:
    return f"{_OF_SQL[1]} ({settings.directory_sql_file}):\n{fault}"
