"""What did a client really send, and what does it do when the server misbehaves on cue?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One whole request, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A canned answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Fault(Enum):
    """A way not to answer."""

    DROP_BEFORE_READING = "drop before reading"
    DROP_AFTER_READING = "drop after reading"
    DROP_INSIDE_ANSWER = "drop inside answer"
    SILENCE = "silence"
    SILENCE_BEFORE_READING = "silence before reading"


class ScriptedServer:
    """Answers one connection after the other as its script says, on loopback."""

    def __init__(self, *script: Reply | Fault) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._script = list(script)
        self._over = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        # A connection accepted last needs some turns to get its task; a closed server drops it.
        for _turn in range(10):
            await asyncio.sleep(0)
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        try:
            await self._play(self._script.pop(0), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away first
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _play(
        self, step: Reply | Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if step is Fault.DROP_BEFORE_READING:
            return
        if step is Fault.SILENCE_BEFORE_READING:
            await self._over.wait()
            return
        self.received.append(await _read(reader))
        match step:
            case Reply():
                writer.write(_encode(step))
                await writer.drain()
            case Fault.DROP_INSIDE_ANSWER:
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")
                await writer.drain()
            case Fault.SILENCE:
                await self._over.wait()
            case _:
                pass


def refusing_url() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _version = head[0].split(" ")
    headers = {
        name.lower(): value.strip()
        for name, _colon, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method=method, target=target, headers=headers, body=body)


def _encode(reply: Reply) -> bytes:
    headers = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode() + reply.body
