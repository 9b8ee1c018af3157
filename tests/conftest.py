"""What does every test stand on: real servers of its own, a clean environment, a closed network?"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from rich.console import Console

from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

ROOT = Path(__file__).resolve().parents[1]
OURS = ("DUNNING_", "TEMPORAL_", "SENDGRID_", "TWILIO_", "REVTAIN_", "FCM_")
KEPT = frozenset({"DUNNING_SPECS"})
TEMPLATE = "dunning_template"
CONFIGURED_CLI = os.environ.get("TEMPORAL_CLI")
# `make soak` chooses this one; the gate keeps the default of 100 examples.
settings.register_profile("soak", max_examples=5000, deadline=None)


class ClosedNetworkError(BaseException):
    """A test tried to leave this machine; not an Exception, so that no fault handling hides it."""


def _clean_environment() -> None:
    for name in [name for name in os.environ if name.startswith(OURS) and name not in KEPT]:
        del os.environ[name]


def pytest_configure() -> None:
    _clean_environment()


def pytest_unconfigure() -> None:
    # The Temporal client may crash the interpreter when its last objects die at exit.
    gc.collect()


def _is_local(address: Any) -> bool:
    """True for socket files and loopback addresses, false for everything else."""
    if isinstance(address, str | bytes):
        return True
    host = str(address[0])
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def closed_network() -> Generator[None]:
    """Python's own sockets connect to this machine only."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_unless_local(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_unless_local(address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


def _refuse_unless_local(address: Any) -> None:
    if not _is_local(address):
        raise ClosedNetworkError(f"the tests may not connect to {address!r}")


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[EmbeddedPostgres]:
    """A PostgreSQL server of this test process, fast because nothing on it needs to last."""
    folder = tmp_path_factory.mktemp("postgres")
    async with EmbeddedPostgres.start(folder, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
async def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with all tables and no rows, to be copied."""
    from store.migrations import upgrade

    url = await postgres.create_database(TEMPLATE)
    await asyncio.to_thread(upgrade, url)
    return TEMPLATE


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> AsyncGenerator[str]:
    """A fresh, migrated database for one test."""
    name = f"test_{secrets.token_hex(6)}"
    yield await postgres.create_database(name, template=migrated_template)
    await postgres.drop_database(name)


@pytest.fixture(scope="session")
async def temporal_cli() -> Path:
    """The Temporal CLI, built if need be."""
    configured = Path(CONFIGURED_CLI) if CONFIGURED_CLI else None
    return await find_temporal(configured, ROOT / ".dunning", console=Console(stderr=True))


@pytest.fixture(scope="session")
async def temporal(temporal_cli: Path) -> AsyncGenerator[TemporalDevServer]:
    """A Temporal dev server of this test process that can skip time and knows our attributes."""
    from workflows.contracts import SEARCH_ATTRIBUTES

    async with TemporalDevServer.start(
        temporal_cli, ui_port=0, search_attributes=SEARCH_ATTRIBUTES
    ) as server:
        yield server
