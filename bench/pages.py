"""How fast is the page behind the link of a message, beside a route that reads one row?"""

from __future__ import annotations

import asyncpg

from activities.policies import Policies
from app import wiring
from app.embedded.process import free_port
from app.settings import load as load_settings
from bench import bare_page
from bench.load import Kind, Result
from bench.programs import load, serving
from bench.rows import Rounds, Row
from bench.servers import LINK_SECRET, BenchError, Database, Numbers, Servers
from bench.size import Size
from bench.streams import Stream

_STREAM = Stream(rate=200.0, lead_seconds=2.0, connections=32)
_MOST_MILLISECONDS = 30.0
_NO_TEMPORAL = "127.0.0.1:9"
# Every page is that of a case that waits, at which a day to pay can be chosen.
_CASES = """
    INSERT INTO cases (invoice_id, cycle, workflow_id, state, policy_digest, version, opened_at,
        updated_at)
    SELECT id, 1, 'dunning:' || id || ':1', 'waiting', $1, 1, now(), now() FROM invoices
"""


async def pages(servers: Servers, size: Size) -> list[Row]:
    """Customers who look at a steady rate, at the yardstick and at ours in turn."""
    database = await servers.database("pages", size.pages)
    await _open_cases(servers, database)
    numbers = Numbers(database.numbers.take(0))
    theirs: list[Result] = []
    ours: list[Result] = []
    task = bare_page.Task(dsn=database.dsn, port=free_port())
    async with (
        serving("bench.bare_page", task, task.port),
        servers.web(database, TEMPORAL_ADDRESS=_NO_TEMPORAL) as port,
    ):
        for _ in range(size.rounds):
            theirs.append(await _look(task.port, "row", numbers, size.seconds))
            ours.append(await _look(port, "page", numbers, size.seconds))
    return [_row(Rounds(results=tuple(theirs)), Rounds(results=tuple(ours)), size)]


async def _open_cases(servers: Servers, database: Database) -> None:
    settings = load_settings(
        {
            name: value
            for name, value in servers.environment(database).items()
            if name.startswith(("DUNNING_", "REVTAIN_", "SENDGRID_"))
        }
    )
    stores = wiring.stores(settings)
    policies = Policies(kept=stores.policies, current=wiring.policy(settings))
    digest, _ = await policies.pin(None)
    await stores.database.aclose()
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute(_CASES, digest)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _look(port: int, kind: Kind, numbers: Numbers, seconds: float) -> Result:
    """Each invoice is looked at once at each side."""
    what = _STREAM.load(port, LINK_SECRET, numbers, seconds, kind)
    found = await load(what)
    if found.accepted < what.requests:
        raise BenchError(
            f"of {what.requests} looks at a {kind} only {found.accepted} were answered"
        )
    return found


def _row(theirs: Rounds, ours: Rounds, size: Size) -> Row:
    return Row(
        what=f"p95 of looks at a customer's page, {_STREAM.rate:.0f}/s",
        unit="ms",
        ours=ours.p95,
        yardstick=theirs.p95,
        bound="at most",
        limit=_MOST_MILLISECONDS,
        absolute=True,
        note=f"{size.pages:,} invoices; yardstick: a bare route that reads one row",
        figures={**ours.figures("ours"), **theirs.figures("yardstick")},
    )
