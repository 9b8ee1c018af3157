"""What does the least of all pages cost? One row by its key, in one route, in a process of its own.

python -m bench.bare_page '{"dsn": "postgresql://…", "port": 8000}'
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_QUERY = "SELECT id, amount_due, currency FROM invoices WHERE id = $1"
_CONNECTIONS = 10


class Task(BaseModel):
    """Where the rows are, and where to answer."""

    model_config = ConfigDict(frozen=True)

    dsn: str
    port: int


def application(dsn: str) -> Starlette:
    """The route, with as many connections to the database as `dunning web` has."""

    @asynccontextmanager
    async def connected(running: Starlette) -> AsyncGenerator[None]:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=_CONNECTIONS) as pool:
            running.state.pool = pool
            yield

    async def row(request: Request) -> Response:
        pool = request.app.state.pool
        found = await pool.fetchrow(_QUERY, request.path_params["invoice"])
        if found is None:
            return PlainTextResponse("there is no such row", status_code=404)
        return PlainTextResponse(f"{found['id']} {found['amount_due']} {found['currency']}")

    return Starlette(routes=[Route("/rows/{invoice}", row)], lifespan=connected)


def main() -> None:
    """Serve until the process is ended."""
    task = Task.model_validate_json(sys.argv[1])
    uvicorn.run(application(task.dsn), port=task.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
