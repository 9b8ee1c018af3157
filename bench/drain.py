"""How fast does a full inbox become cases that wait, beside what the bare SDK can do?"""

from __future__ import annotations

from datetime import datetime

from bench import events
from bench.bare import Task
from bench.programs import bare_worker, output
from bench.rows import Row
from bench.servers import BenchError, Database, Servers, until
from bench.size import Size
from store.database import Database as Tables
from store.inbox import Inbox, NewEvent

_WAITING = "SELECT count(*) FROM cases WHERE state = 'waiting' AND next_step IS NOT NULL"
_SPAN = "SELECT min(opened_at), max(updated_at) FROM cases"
_PATIENCE_SECONDS = 90.0
_AT_ONCE = 500


async def drain(servers: Servers, size: Size) -> list[Row]:
    """Half of the bare cases, then ours, then the other half: the machine may tire."""
    half = size.cases // 2
    before = await _bare(servers, half)
    ours = await _ours(servers, size.cases)
    after = await _bare(servers, half)
    yardstick = 2 / (1 / before + 1 / after)
    row = Row(
        what="a full inbox to cases that wait for their first message",
        unit="cases/s",
        ours=ours,
        yardstick=yardstick,
        bound="at least",
        limit=0.75,
        figures={"yardstick_before": before, "yardstick_after": after},
    )
    return [row]


async def _bare(servers: Servers, cases: int) -> float:
    """Bare cases a second, from the first start to the end of the last one's activity."""
    first = servers.numbers.take(cases)
    task = Task(role="starter", address=servers.temporal.address, first=first, count=cases)
    async with bare_worker(task) as finished:
        began = float(await output("bench.bare", task))
        return cases / (await finished() - began)


async def _ours(servers: Servers, cases: int) -> float:
    """Cases a second, from the first claim to the last plan, all events there beforehand."""
    database = await servers.database("drain", cases)
    await fill(database, cases)
    async with servers.worker(database), servers.web(database):
        await until_all_wait(database, cases)
    [(began, finished)] = await database.rows(_SPAN)
    return cases / _seconds(began, finished)


async def until_all_wait(database: Database, cases: int) -> None:
    """Wait until so many cases wait for their first message."""

    async def all_wait() -> bool:
        waiting: int = await database.value(_WAITING)
        return waiting == cases

    await until(all_wait, seconds=_PATIENCE_SECONDS)


def _seconds(began: datetime, finished: datetime) -> float:
    seconds = (finished - began).total_seconds()
    if seconds <= 0:
        raise BenchError("the cases' instants make no sense")
    return seconds


async def fill(database: Database, cases: int) -> int:
    """Put a failure of so many payments into the inbox; the number of the first."""
    tables = Tables.connect(database.url, pool_size=1)
    inbox = Inbox(tables)
    first = database.numbers.take(cases)
    end = first + cases
    for begin in range(first, end, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, end))
        await inbox.put_many(
            [
                NewEvent(
                    source="revtain",
                    name="recovery.failed",
                    body=events.failure(number),
                    transaction_id=events.transaction_id(number),
                )
                for number in numbers
            ]
        )
    await tables.aclose()
    return first
