"""What does a place where a team reads hold in the end? A real HTTP receiver on this machine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass(slots=True)
class Receiver:
    """Takes Apprise's JSON, or answers `status` to it; `hangs` makes it never answer."""

    port: int = 0
    status: int = 200
    hangs: bool = False
    got: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    refused: int = 0

    @property
    def url(self) -> str:
        """With a secret in it, that nobody may ever read."""
        return f"json://127.0.0.1:{self.port}/team-secret-path?cto=1&rto=1"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]

    async def take(self, request: web.Request) -> web.Response:
        if self.hangs:
            await asyncio.sleep(3)
        if self.status >= 400:
            self.refused += 1
        else:
            self.got.append(await request.json())
        return web.Response(status=self.status)


@asynccontextmanager
async def receiving(**behaviour: Any) -> AsyncGenerator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver(**behaviour)
    application = web.Application()
    application.router.add_post("/team-secret-path", receiver.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", receiver.port)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()
