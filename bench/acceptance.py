"""How fast are signed failures made durable, with Temporal down and while cases are started?"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from bench.load import Load, Result
from bench.programs import express, load
from bench.rows import Rounds, Row
from bench.servers import SECRET, BenchError, Database, Numbers, Servers
from bench.size import Size
from bench.streams import Stream

_CONNECTIONS = 32
# What was under way when a stream begins is worked off first.
_STREAM = Stream(rate=300.0, lead_seconds=3.0, connections=256)
_WARM_UP = 300
_NO_TEMPORAL = "127.0.0.1:9"
_CASES = "SELECT count(*) FROM cases"
_EVENTS = "SELECT count(*) FROM events"


async def with_temporal_down(servers: Servers, size: Size) -> list[Row]:
    """The burst, first at the yardstick's door, then at ours, in turn."""
    database = await servers.database("acceptance_down", size.invoices)
    theirs: list[Result] = []
    ours: list[Result] = []
    async with (
        express() as their_port,
        servers.web(database, TEMPORAL_ADDRESS=_NO_TEMPORAL) as port,
    ):
        numbers = database.numbers
        await _warm_up(their_port, port, numbers)
        for _ in range(size.rounds):
            theirs.append(await _burst(their_port, numbers, size.yardstick_requests, size.seconds))
            ours.append(await _burst(port, numbers, size.requests, size.seconds))
    await _require_all(database, sum(result.accepted for result in ours) + _WARM_UP)
    return _burst_rows("Temporal down", theirs, ours, rate=6.0, share=1 / 3)


async def while_cases_start(servers: Servers, size: Size) -> list[Row]:
    """The burst, and then a steady stream, while the dispatcher and a worker are busy."""
    database = await servers.database("acceptance_up", size.invoices)
    numbers = database.numbers
    async with express() as their_port:
        async with servers.worker(database), servers.web(database) as port:
            await _warm_up(their_port, port, numbers)
            burst = await _bursts(port, numbers, size)
            started, begin = await database.value(_CASES), perf_counter()
            stream = await _streams(port, numbers, size)
            pace = (await database.value(_CASES) - started) / (perf_counter() - begin)
        their_burst = await _bursts(their_port, numbers, size, requests=size.yardstick_requests)
        their_stream = await _streams(their_port, numbers, size)
    rows = _burst_rows("cases being started", their_burst, burst, rate=3.0, share=None)
    return [*rows, _stream_row(their_stream, stream, pace)]


async def _warm_up(their_port: int, port: int, numbers: Numbers) -> None:
    for target in (their_port, port):
        await _burst(target, numbers, _WARM_UP, 10.0)


async def _burst(port: int, numbers: Numbers, requests: int, seconds: float) -> Result:
    what = Load(
        port=port,
        secret=SECRET,
        requests=requests,
        first=numbers.take(requests),
        connections=_CONNECTIONS,
        seconds=seconds,
    )
    return await load(what)


async def _bursts(
    port: int, numbers: Numbers, size: Size, *, requests: int | None = None
) -> list[Result]:
    many = requests or size.requests
    return [await _burst(port, numbers, many, size.seconds) for _ in range(size.rounds)]


async def _streams(port: int, numbers: Numbers, size: Size) -> list[Result]:
    loads = (_STREAM.load(port, SECRET, numbers, size.seconds) for _ in range(size.rounds))
    return [await load(each) for each in loads]


async def _require_all(database: Database, accepted: int) -> None:
    """What was answered with 200 must be in the table."""
    stored = await database.value(_EVENTS)
    if stored < accepted:
        raise BenchError(f"{accepted} events were accepted but only {stored} are stored")


def _burst_rows(
    when: str, theirs: Sequence[Result], ours: Sequence[Result], *, rate: float, share: float | None
) -> list[Row]:
    their, our = Rounds(results=tuple(theirs)), Rounds(results=tuple(ours))
    figures = {**our.figures("ours"), **their.figures("yardstick")}
    rows = [
        Row(
            what=f"acceptance of a burst, {when}",
            unit="events/s",
            ours=our.rate,
            yardstick=their.rate,
            bound="at least",
            limit=rate,
            figures=figures,
        )
    ]
    if share is not None:
        p99 = Row(
            what=f"p99 of it, {when}",
            unit="ms",
            ours=our.p99,
            yardstick=their.p99,
            bound="at most",
            limit=share,
        )
        rows.append(p99)
    return rows


def _stream_row(theirs: Sequence[Result], ours: Sequence[Result], started: float) -> Row:
    their, our = Rounds(results=tuple(theirs)), Rounds(results=tuple(ours))
    return Row(
        what=f"p99 of a stream of {_STREAM.rate:.0f}/s, cases being started",
        unit="ms",
        ours=our.p99,
        yardstick=their.p99,
        bound="at most",
        limit=1 / 3,
        note=f"{started:.0f} cases/s started meanwhile",
        figures={**our.figures("ours"), **their.figures("yardstick")},
    )
