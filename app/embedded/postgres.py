"""How does a PostgreSQL of our own serve a data folder, with nothing installed by hand?"""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from app.embedded.data_folder import DataFolder
from app.embedded.errors import EmbeddedServerError
from app.embedded.identity import Identity, find_identity
from app.embedded.process import ServerProcess, free_port, last_words, require_free, run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

HOST = "127.0.0.1"
USER = "dunning"
DATABASE = "dunning"
PORT_ATTEMPTS = 3
START_PATIENCE = 60.0

SMALL_MACHINE = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A PostgreSQL server on loopback that stops when its owner stops, or is killed."""

    host: str
    port: int
    user: str
    password: str
    pid: int

    @classmethod
    @asynccontextmanager
    async def start(
        cls, data_dir: Path, *, port: int | None = None, durable: bool = True
    ) -> AsyncGenerator[EmbeddedPostgres]:
        """Serve `data_dir`, set up on first use; `durable=False` trades safety for test speed."""
        require_free(port, "PostgreSQL")
        data = DataFolder(data_dir)
        data.create()
        async with data.locked() as lock:
            data.discard_leftovers()
            identity = await find_identity(data.folder)
            await _set_up(data, identity, durable=durable)
            server, pg = await _serve(data, identity, lock, port, durable=durable)
            try:
                await pg.create_database(DATABASE)
                yield pg
            finally:
                await asyncio.shield(server.stop())

    @property
    def url(self) -> str:
        """The address of the default database, for SQLAlchemy."""
        return self.url_of(DATABASE)

    @property
    def dsn(self) -> str:
        """The address of the default database, for asyncpg and psql."""
        return self.dsn_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://{self._authority}/{database}"

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{self._authority}/{database}"

    @property
    def _authority(self) -> str:
        return f"{self.user}:{self.password}@{self.host}:{self.port}"

    async def create_database(self, name: str, *, template: str | None = None) -> str:
        """Make the database unless it is there, as a copy of `template`; its SQLAlchemy URL."""
        connection = await asyncpg.connect(self.dsn_of("postgres"))
        try:
            known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
            if not known:
                copy = f" TEMPLATE {_quoted(template)}" if template else ""
                await connection.execute(f"CREATE DATABASE {_quoted(name)}{copy}")
        finally:
            await connection.close()
        return self.url_of(name)

    async def drop_database(self, name: str) -> None:
        """Remove the database, whoever is connected to it."""
        connection = await asyncpg.connect(self.dsn_of("postgres"))
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        finally:
            await connection.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _set_up(data: DataFolder, identity: Identity, *, durable: bool) -> None:
    """Make the cluster unless it exists; a set-up that was cut short starts afresh."""
    if data.cluster.exists():
        return
    _ = data.password
    identity.take_over(data.folder)
    command: list[str | Path] = [
        identity.programs / "initdb",
        f"--pgdata={data.unfinished}",
        f"--username={USER}",
        f"--pwfile={data.password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    code, output = await run(command, identity=identity)
    if code != 0:
        reason = " | ".join(output.strip().splitlines()[-3:])
        raise EmbeddedServerError(
            f"PostgreSQL could not set up the data folder {data.folder}: {reason}"
        )
    data.unfinished.rename(data.cluster)


async def _serve(
    data: DataFolder, identity: Identity, lock: int, port: int | None, *, durable: bool
) -> tuple[ServerProcess, EmbeddedPostgres]:
    """Start on the port asked for, or on free ones until one stays free."""
    for _ in range(PORT_ATTEMPTS if port is None else 1):
        chosen = port or free_port()
        server = await _launch(data, identity, lock, chosen, durable=durable)
        pg = EmbeddedPostgres(HOST, chosen, USER, data.password, server.process.pid)
        try:
            if await _answers(server, pg):
                return server, pg
        except BaseException:
            await asyncio.shield(server.stop())
            raise
    reason = last_words(data.log)
    raise EmbeddedServerError(f"PostgreSQL could not start on {data.folder}: {reason}")


async def _launch(
    data: DataFolder, identity: Identity, lock: int, port: int, *, durable: bool
) -> ServerProcess:
    data.log.unlink(missing_ok=True)
    return await ServerProcess.start(
        _command(data, identity, port, durable=durable),
        log=data.log,
        stop_signal=signal.SIGINT,
        identity=identity,
        keep_open=[lock],
    )


def _command(data: DataFolder, identity: Identity, port: int, *, durable: bool) -> list[str]:
    settings = SMALL_MACHINE | {"port": str(port)} | ({} if durable else THROW_AWAY)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(identity.programs / "postgres"), "-D", str(data.cluster), *options]


async def _answers(server: ServerProcess, pg: EmbeddedPostgres) -> bool:
    """Wait until the server takes connections; False when it ended instead."""
    try:
        async with asyncio.timeout(START_PATIENCE):
            while not server.ended:
                if await _connects(pg):
                    return True
                await asyncio.sleep(0.02)
    except TimeoutError as fault:
        raise EmbeddedServerError(
            f"PostgreSQL did not answer for {START_PATIENCE:.0f} seconds: {last_words(server.log)}"
        ) from fault
    return False


async def _connects(pg: EmbeddedPostgres) -> bool:
    try:
        connection = await asyncpg.connect(pg.dsn_of("postgres"), timeout=5)
    except NOT_YET:
        return False
    await connection.close()
    return True
