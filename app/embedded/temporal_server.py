"""How does Temporal run in its production shape, as a server on PostgreSQL?"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.embedded.errors import EmbeddedServerError
from app.embedded.namespace import client_when_ready, register_attributes
from app.embedded.process import ServerProcess, free_ports, last_words, run
from app.embedded.temporal import COMMON_SETTINGS, HOST, PORT_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from temporalio.common import SearchAttributeKey

    from app.embedded.postgres import EmbeddedPostgres

SHARDS = 512
SCHEMAS = {
    "temporal": "postgresql/v12/temporal",
    "temporal_visibility": "postgresql/v12/visibility",
}
PORT_NAMES = (
    "FRONTEND_GRPC_PORT",
    "FRONTEND_HTTP_PORT",
    "FRONTEND_MEMBERSHIP_PORT",
    "HISTORY_GRPC_PORT",
    "HISTORY_MEMBERSHIP_PORT",
    "MATCHING_GRPC_PORT",
    "MATCHING_MEMBERSHIP_PORT",
    "WORKER_GRPC_PORT",
    "WORKER_MEMBERSHIP_PORT",
)


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """A `temporal-server` with all its services on loopback; it ends with its owner."""

    address: str
    metrics_url: str
    pid: int

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        programs: Path,
        postgres: EmbeddedPostgres,
        *,
        search_attributes: Sequence[SearchAttributeKey[Any]] = (),
    ) -> AsyncGenerator[TemporalServer]:
        """Serve from the databases of `postgres`, with the programs that `make temporal` built."""
        await _set_up_schemas(programs / "temporal-sql-tool", postgres)
        with tempfile.TemporaryDirectory(prefix="dunning-temporal-") as scratch:
            log = Path(scratch) / "temporal-server.log"
            for _ in range(PORT_ATTEMPTS):
                *ports, metrics = free_ports(len(PORT_NAMES) + 1)
                process = await ServerProcess.start(
                    [programs / "temporal-server", "--allow-no-auth", "start"],
                    log=log,
                    stop_signal=signal.SIGTERM,
                    environment=_environment(postgres, ports, metrics, Path(scratch)),
                )
                address = f"{HOST}:{ports[0]}"
                try:
                    client = await client_when_ready(process, address)
                    if client is not None:
                        await register_attributes(client, search_attributes)
                        yield cls(address, f"http://{HOST}:{metrics}/metrics", process.process.pid)
                        return
                finally:
                    await asyncio.shield(process.stop())
            raise EmbeddedServerError(f"Temporal could not start: {last_words(log)}")


def _environment(
    postgres: EmbeddedPostgres, ports: Sequence[int], metrics: int, scratch: Path
) -> dict[str, str]:
    settings = scratch / "dynamic-config.yaml"
    lines = [f"{name}:\n  - value: {value}\n" for name, value in COMMON_SETTINGS.items()]
    settings.write_text("".join(lines), encoding="utf-8")
    return {
        **os.environ,
        "DB": "postgres12",
        "POSTGRES_SEEDS": postgres.host,
        "DB_PORT": str(postgres.port),
        "POSTGRES_USER": postgres.user,
        "POSTGRES_PWD": postgres.password,
        "NUM_HISTORY_SHARDS": str(SHARDS),
        "SQL_MAX_CONNS": "40",
        # As many as there may be: to close and open one costs more than what it is used for.
        "SQL_MAX_IDLE_CONNS": "40",
        "BIND_ON_IP": HOST,
        "TEMPORAL_BROADCAST_ADDRESS": HOST,
        "DYNAMIC_CONFIG_FILE_PATH": str(settings),
        "PROMETHEUS_ENDPOINT": f"{HOST}:{metrics}",
        "LOG_LEVEL": "error",
        **dict(zip(PORT_NAMES, map(str, ports), strict=True)),
    }


async def _set_up_schemas(tool: Path, postgres: EmbeddedPostgres) -> None:
    for database, schema in SCHEMAS.items():
        await postgres.create_database(database)
        await _sql_tool(tool, postgres, database, "setup-schema", "-v", "0.0")
        await _sql_tool(tool, postgres, database, "update-schema", "--schema-name", schema)


async def _sql_tool(tool: Path, postgres: EmbeddedPostgres, database: str, *action: str) -> None:
    target = ["--ep", postgres.host, "-p", str(postgres.port), "-u", postgres.user]
    code, output = await run(
        [str(tool), "--plugin", "postgres12", *target, "--db", database, *action],
        environment={**os.environ, "SQL_PASSWORD": postgres.password},
    )
    if code != 0:
        last = output.strip().splitlines()[-1:]
        raise EmbeddedServerError(
            f"Temporal's schema could not be set up in {database} by {action[0]}: {last}"
        )
