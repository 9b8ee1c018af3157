"""Does the product hold its numbers, each beside its yardstick, on this machine?

python -m bench [--quick] [ROW …]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from app.embedded.errors import EmbeddedServerError
from bench import acceptance, budget, closing, drain, nudges, pages, rehearsal, report
from bench.rows import Row
from bench.servers import BenchError, Servers
from bench.size import FULL, QUICK, Size

_LONGEST_SECONDS = 700.0
Measurement = Callable[[Servers, Size], Awaitable[list[Row]]]
_MEASUREMENTS: dict[str, tuple[str, Measurement]] = {
    "burst": ("Sending a burst with Temporal down", acceptance.with_temporal_down),
    "drain": ("Draining a full inbox", drain.drain),
    "stream": ("Sending while cases are started", acceptance.while_cases_start),
    "pages": ("Looking at the customers' pages", pages.pages),
    "closing": ("Sending payments", closing.closing),
    "budget": ("Playing one case to its end", budget.budget),
    "nudges": ("Sending everything that is due at once", nudges.nudges),
    "rehearsal": ("Rehearsing a policy", rehearsal.rehearsal),
}


async def measure(size: Size, chosen: list[str], rows: list[Row], console: Console) -> None:
    """Add the rows, one measurement after the other, on the same servers."""
    with tempfile.TemporaryDirectory(prefix="dunning-bench-") as scratch:
        async with asyncio.timeout(_LONGEST_SECONDS), Servers.start(Path(scratch)) as servers:
            for name in chosen:
                words, measurement = _MEASUREMENTS[name]
                with console.status(words):
                    rows += await measurement(servers, size)


def main() -> int:
    """Print the table, write the file; 1 when a figure does not hold, 2 when one is missing."""
    given = _arguments()
    console = Console(stderr=True)
    chosen = given.rows or list(_MEASUREMENTS)
    rows: list[Row] = []
    missing = False
    try:
        asyncio.run(measure(QUICK if given.quick else FULL, chosen, rows, console))
    except (BenchError, EmbeddedServerError, TimeoutError) as fault:
        missing = True
        console.print(str(fault) or "not finished in time", style="red", markup=False)
    report.write(rows)
    report.show(rows)
    if missing:
        return 2
    return 0 if all(row.holds for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(_MEASUREMENTS))
    given = parser.parse_args()
    unknown = [row for row in given.rows if row not in _MEASUREMENTS]
    if unknown:
        parser.error(f"there is no row {unknown[0]}: choose from {', '.join(_MEASUREMENTS)}")
    return given


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The Temporal client may crash the interpreter when its last objects die at exit.
    os._exit(code)
