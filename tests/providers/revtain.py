"""How does a test speak to a Revtain that answers by script?"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from providers.revtain.api import RevtainApi
from tests.providers.scripted_server import Fault, Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HTML = b"<html><body>Bad gateway</body></html>"
# Nothing of it may ever stand in a fault.
SECRET = "pm_secret ada@example.com"


def reply(status: int, body: object, **headers: str) -> Reply:
    """An answer in JSON; underscores in names of headers are hyphens."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), shown)


@asynccontextmanager
async def scripted(
    *script: Reply | Fault, key: str | None = "rev_1"
) -> AsyncGenerator[tuple[RevtainApi, ScriptedServer]]:
    """An adapter that loses its patience quickly, and what it speaks to."""
    quick = timedelta(seconds=0.5)
    async with (
        ScriptedServer(*script) as server,
        RevtainApi(key, now=lambda: NOW, base_url=server.url, timeout=quick) as api,
    ):
        yield api, server
