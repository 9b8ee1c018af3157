"""How long does it take from a payment's event to a closed case?"""

from __future__ import annotations

from bench import events
from bench.bare import Task
from bench.drain import fill, until_all_wait
from bench.load import Load
from bench.programs import bare_worker, load, output
from bench.rows import Row
from bench.servers import SECRET, Database, Servers, until
from bench.size import Size

_RATE = 50.0
_CLOSED = """
    SELECT invoice_id, extract(epoch FROM updated_at)::float8 FROM cases WHERE closed_at IS NOT NULL
"""
_CLOSED_COUNT = "SELECT count(*) FROM cases WHERE closed_at IS NOT NULL"


async def closing(servers: Servers, size: Size) -> list[Row]:
    """Payments at a steady rate for cases that wait, each timed from its sending."""
    cases = size.recoveries
    database = await servers.database("closing", cases)
    first = await fill(database, cases)
    async with servers.worker(database), servers.web(database) as port:
        await until_all_wait(database, cases)
        sent = await load(
            Load(
                port=port,
                secret=SECRET,
                requests=cases,
                first=first,
                connections=32,
                rate=_RATE,
                seconds=cases / _RATE * 3,
                kind="success",
                stamped=True,
            )
        )
        await until(lambda: _all_closed(database, cases))
    sent_at = {events.invoice_id(first + n): at for n, at in enumerate(sent.sent_at)}
    took = sorted((at - sent_at[invoice]) * 1000 for invoice, at in await database.rows(_CLOSED))
    return [
        Row(
            what=f"p99 from a payment's event to a closed case, {_RATE:.0f}/s",
            unit="ms",
            ours=took[int(len(took) * 0.99)],
            yardstick=await _round_trip(servers, cases),
            bound="at most",
            limit=1000,
            absolute=True,
            note="yardstick: a signal's round trip alone",
            figures={"ours_p50_ms": took[len(took) // 2], "ours_worst_ms": took[-1]},
        )
    ]


async def _all_closed(database: Database, cases: int) -> bool:
    closed: int = await database.value(_CLOSED_COUNT)
    return closed == cases


async def _round_trip(servers: Servers, cases: int) -> float:
    """Milliseconds within which 99 of 100 signals to bare cases were accepted."""
    first = servers.numbers.take(cases)
    task = Task(
        role="starter", address=servers.temporal.address, first=first, count=cases, rate=_RATE
    )
    async with bare_worker(task) as finished:
        await output("bench.bare", task)
        await finished()
        told = await output("bench.bare", task.model_copy(update={"role": "signaller"}))
    took = sorted(float(line) for line in told.split())
    return took[int(len(took) * 0.99)]
