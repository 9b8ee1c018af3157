"""Under which lasting address may a server be stopped and started again elsewhere?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from app.embedded.process import free_port

_HOST = "127.0.0.1"


@dataclass(slots=True)
class Relay:
    """Passes connections on to a server; while there is none, they are refused."""

    port: int = field(default_factory=free_port)
    _target: int = 0
    _listening: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"

    async def lead_to(self, port: int) -> None:
        """Connections go to this port of the same machine from now on."""
        self._target = port
        self._listening = await asyncio.start_server(self._pass_on, _HOST, self.port)

    async def fall_silent(self) -> None:
        """Connections are taken, and nothing is ever answered."""
        await self.cut()
        self._listening = await asyncio.start_server(self._hold, _HOST, self.port)

    async def cut(self) -> None:
        """Nobody is there any more."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
        for writer in self._open:
            writer.transport.abort()

    async def _hold(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(_HOST, self._target)
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._open.add(sink)
        try:
            while some := await source.read(65536):
                sink.write(some)
                await sink.drain()
        except OSError:
            return
        finally:
            self._open.discard(sink)
            sink.close()
