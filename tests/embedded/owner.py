"""Which program owns an embedded server until it is killed? `owner.py {postgres|temporal} PATH`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer


def _tell(pid: int, address: str) -> None:
    sys.stdout.write(f"{pid} {address}\n")
    sys.stdout.flush()


async def own(kind: str, path: Path) -> None:
    """Print where the server is, then hold it for ever."""
    if kind == "postgres":
        async with EmbeddedPostgres.start(path) as postgres:
            _tell(postgres.pid, postgres.dsn)
            await asyncio.Event().wait()
    async with TemporalDevServer.start(path, ui_port=0) as temporal:
        _tell(temporal.pid, temporal.address)
        await asyncio.Event().wait()


asyncio.run(own(sys.argv[1], Path(sys.argv[2])))
