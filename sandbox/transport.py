"""How does the sandbox drop a connection in the middle of a request?"""

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION = "sandbox"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class DroppableHttp(HttpToolsProtocol):
    """The server's ordinary HTTP protocol, which also shows its transport to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"transport": self.transport}}


class DroppedConnection(Response):
    """An answer that never comes: the connection closes instead, with a reset if so wanted."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature is ASGI's
        shown = scope.get("extensions", {}).get(_EXTENSION)
        if shown is None:
            message = "A connection can be dropped only under sandbox.transport.DroppableHttp."
            raise RuntimeError(message)
        transport: asyncio.Transport = shown["transport"]
        if self._reset:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
