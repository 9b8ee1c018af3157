"""Against which database and which Temporal does a command work?"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app import trial
from app.settings import Settings, SettingsError, load, required
from workflows.errors import TemporalDownError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import Client

    from app.wiring import Stores
    from web.operations import Operations

_URL = "DUNNING_DATABASE_URL"
_ADDRESS = "TEMPORAL_ADDRESS"
# The SDK waits without end for a connection that is taken and never answered.
_CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The settings in force, and where Temporal is unless its own configuration says so."""

    settings: Settings
    temporal: str | None


def current() -> Session:
    """The environment's settings; without a database there, those of a running `dunning up`."""
    settings = load()
    if settings.database_url is not None:
        return Session(settings=checked(settings), temporal=None)
    found = trial.running(settings.data_dir)
    if not found:
        return Session(settings=settings, temporal=None)
    address = None if _ADDRESS in os.environ else found.get(_ADDRESS)
    return Session(settings=load({**found, **os.environ}), temporal=address)


def checked(settings: Settings) -> Settings:
    """The same settings, if their database address can be one."""
    from store.database import asyncpg_url

    text = required(settings.database_url, _URL).get_secret_value()
    try:
        known = asyncpg_url(text).drivername.startswith("postgresql")
    except Exception as fault:
        raise _not_postgresql() from fault
    if not known:
        raise _not_postgresql()
    return settings


def _not_postgresql() -> SettingsError:
    return SettingsError(
        f"{_URL} is not the address of a PostgreSQL database. "
        "Write it like postgresql://user:password@host:5432/name."
    )


@asynccontextmanager
async def stores(session: Session) -> AsyncGenerator[Stores]:
    """The tables, for one command."""
    from app import wiring

    if session.settings.database_url is None:
        raise SettingsError(
            f"{_URL} is not set, and no `dunning up` runs on {_folder(session.settings)}. "
            "Set it, or start `dunning up`."
        )
    found = wiring.stores(session.settings, pool_size=2)
    try:
        yield found
    finally:
        await found.database.aclose()


@asynccontextmanager
async def operations(session: Session, *, orders: bool = False) -> AsyncGenerator[Operations]:
    """What an operator can do. `orders` need Temporal: TemporalDownError before anything is done.

    Without them nothing is connected to Temporal.
    """
    from app import wiring
    from workflows.client import CaseClient

    async with stores(session) as found:
        client = await reach(session, lazy=not orders)
        zone_of = wiring.zones(session.settings)
        yield wiring.operations(found, CaseClient(client), zone_of=zone_of)


async def reach(session: Session, *, lazy: bool = False) -> Client:
    """A client; TemporalDownError says where Temporal should answer, and what to do."""
    from app import temporal

    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await temporal.connect(session.temporal, lazy=lazy)
    except (TemporalDownError, TimeoutError) as fault:
        raise unreachable(session) from fault


def unreachable(session: Session) -> TemporalDownError:
    """The fault with its place and what to do about it."""
    from app import temporal

    where = session.temporal or temporal.address()
    return TemporalDownError(f"Temporal at {where} does not answer. Start it, or set {_ADDRESS}.")


def _folder(settings: Settings) -> Path:
    return settings.data_dir.absolute()
