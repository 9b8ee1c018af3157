"""How does an application answer on this machine for as long as a test needs it?"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.running import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from uvicorn import Config


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[str]:
    """Serve on a free port of the loopback until left; the base URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Connections wait in the backlog until the server has started.
        listener.listen()
        server = WebServer(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
