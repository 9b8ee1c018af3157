"""How fast does a door answer? A cheap client in a process of its own.

It shares the processors with what it measures, so it does next to nothing per request: they are
made beforehand, connections are kept open, and of an answer only status and length are read.

    python -m bench.load '{"port": 8080, "secret": "…", "requests": 1000, "connections": 32}'
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Literal, cast

import uvloop
from pydantic import BaseModel, ConfigDict

from app import clock
from bench import events, looks

Kind = Literal["failure", "success", "page", "row"]
_REQUESTS: Mapping[Kind, Callable[[int, str], bytes]] = {
    "failure": lambda number, secret: events.request(events.failure(number), secret),
    "success": lambda number, secret: events.request(events.success(number), secret),
    "page": looks.page,
    "row": looks.row,
}
_STATUS = slice(9, 12)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Load(BaseModel):
    """What to send. With a `rate` requests begin at fixed instants, whatever the answers do.

    The answers to the first `uncounted` requests do not count in the percentiles.
    """

    model_config = ConfigDict(frozen=True)

    port: int
    secret: str
    requests: int
    connections: int = 32
    seconds: float = 60.0
    rate: float | None = None
    first: int = 0
    uncounted: int = 0
    kind: Kind = "failure"
    stamped: bool = False


class Result(BaseModel):
    """What was answered, in milliseconds since each request was due.

    `sent_at` holds the wall time of each request, where it was asked for.
    """

    model_config = ConfigDict(frozen=True)

    accepted: int
    refused: int
    seconds: float
    p50: float
    p95: float
    p99: float
    worst: float
    sent_at: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.seconds


class _Client:
    """All connections, and what is left to send over them."""

    def __init__(self, requests: Sequence[bytes], uncounted: int) -> None:
        self.requests = requests
        self.uncounted = uncounted
        self.accepted = 0
        self.due: deque[int] = deque()
        self.due_at = [0.0] * len(requests)
        self.sent_at = [0.0] * len(requests)
        self.latencies: list[float] = []
        self.idle: list[_Connection] = []
        self.refused = 0
        self.complete = asyncio.Event()
        self._wall = clock.now().timestamp() - perf_counter()

    def begin(self, number: int) -> None:
        """A request is due now; it leaves as soon as a connection is free."""
        self.due_at[number] = perf_counter()
        if self.idle:
            self.idle.pop().send(number)
        else:
            self.due.append(number)

    def sent(self, number: int) -> None:
        now = perf_counter()
        self.sent_at[number] = self._wall + now
        self.due_at[number] = self.due_at[number] or now

    def answered(self, number: int, *, accepted: bool) -> None:
        if not accepted:
            self.refused += 1
        else:
            self.accepted += 1
            if number >= self.uncounted:
                self.latencies.append((perf_counter() - self.due_at[number]) * 1000)
        if self.accepted + self.refused == len(self.requests):
            self.complete.set()


class _Connection(asyncio.Protocol):
    def __init__(self, client: _Client) -> None:
        self._client = client
        self._received = b""
        self._number = -1
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, only alike.
        self._transport = cast("asyncio.Transport", transport)
        self._client.idle.append(self)

    def send(self, number: int) -> None:
        self._number = number
        self._client.sent(number)
        if self._transport is not None:
            self._transport.write(self._client.requests[number])

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        if length is None or len(self._received) < end + 4 + int(length[1]):
            return
        accepted = self._received[_STATUS] == b"200"
        self._received = b""
        self._client.answered(self._number, accepted=accepted)
        if self._client.due:
            self.send(self._client.due.popleft())
        else:
            self._client.idle.append(self)


async def _burst(client: _Client) -> None:
    """Every connection sends its next request when the one before it is answered."""
    client.due.extend(range(len(client.requests)))
    while client.idle and client.due:
        client.idle.pop().send(client.due.popleft())
    await client.complete.wait()


async def _steady(client: _Client, rate: float) -> None:
    """Requests begin at the given rate; one that has to wait for a connection counts its wait."""
    begin = perf_counter()
    for number in range(len(client.requests)):
        wait = begin + number / rate - perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        client.begin(number)
    await client.complete.wait()


async def run(load: Load) -> Result:
    """Send it all, or as much as fits into the time."""
    request = _REQUESTS[load.kind]
    numbers = range(load.first, load.first + load.requests)
    client = _Client([request(number, load.secret) for number in numbers], load.uncounted)
    loop = asyncio.get_running_loop()
    for _ in range(load.connections):
        await loop.create_connection(lambda: _Connection(client), "127.0.0.1", load.port)
    gc.disable()
    begin = perf_counter()
    with suppress(TimeoutError):
        async with asyncio.timeout(load.seconds):
            await (_burst(client) if load.rate is None else _steady(client, load.rate))
    seconds = perf_counter() - begin
    ordered = sorted(client.latencies) or [seconds * 1000]
    return Result(
        accepted=client.accepted,
        refused=client.refused,
        seconds=seconds,
        p50=_share(ordered, 0.50),
        p95=_share(ordered, 0.95),
        p99=_share(ordered, 0.99),
        worst=ordered[-1],
        sent_at=tuple(round(at, 4) for at in client.sent_at) if load.stamped else (),
    )


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Read the load from the command line, write the result to standard output."""
    load = Load.model_validate(json.loads(sys.argv[1]))
    sys.stdout.write(uvloop.run(run(load)).model_dump_json())


if __name__ == "__main__":
    main()
