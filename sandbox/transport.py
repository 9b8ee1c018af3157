"""How does the sandbox drop a connection in the middle of a request?"""

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION = "sandbox"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# An empty answer can be cut short too, if it promised something.
_LEAST_PROMISED = 32


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
        transport = _transport_of(scope)
        if self._reset:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class TruncatedAnswer(Response):
    """An answer that promises its whole length and ends halfway, with the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport_of(scope)
        body = bytes(self._whole.body)
        promised = max(len(body), _LEAST_PROMISED)
        self._whole.headers["Content-Length"] = str(promised)
        start = {
            "type": "http.response.start",
            "status": self._whole.status_code,
            "headers": self._whole.raw_headers,
        }
        await send(start)
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def _transport_of(scope: Scope) -> asyncio.Transport:
    shown = scope.get("extensions", {}).get(_EXTENSION)
    if shown is None:
        message = "A connection can be dropped only under sandbox.transport.DroppableHttp."
        raise RuntimeError(message)
    transport: asyncio.Transport = shown["transport"]
    return transport
