"""How is mended by hand what Revtain could not deliver?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UNREACHABLE, UsageError
from app.cli.output import Json, print_facts, print_json, say, talk
from app.cli.session import current, stores

if TYPE_CHECKING:
    from webhook.reconciling import Reconciled, Reconciliation

Step = Callable[[], Awaitable[None]]

_WORDS = {
    "asked": "asked",
    "successes": "missed successes",
    "failures": "missed failures",
    "nothing_new": "nothing new",
    "still_open": "still open at Revtain",
    "unknown_to_revtain": "unknown to Revtain",
    "refused": "refused by Revtain",
    "not_asked": "not asked",
}


def reconcile(
    *,
    since: Annotated[
        str,
        typer.Option(
            metavar="INSTANT", help="When the outage began, such as 2026-11-20T06:00:00Z."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask, say what was missed, and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask Revtain about everything still open that had no last word since INSTANT.

    Revtain redelivers for 24 hours. What it could not deliver in that time is found here: a missed
    success settles its invoice and closes the case, a missed failure opens a case. `dunning web`
    does it by itself after more than 24 hours without one. At most 55 questions a minute; a second
    run changes nothing. Needs REVTAIN_API_KEY. Exit code 3 when Revtain did not answer to the end.
    """
    found = ending.run(_run(_instant(since), keep=not dry_run))
    if as_json:
        print_json({"since": since, "dry_run": dry_run, **asdict(found)})
    else:
        facts = asdict(found)
        print_facts({words: facts[name] for name, words in _WORDS.items()})
        say(_ending(found, dry_run=dry_run))
    if found.fault is not None:
        raise typer.Exit(UNREACHABLE)


def _ending(found: Reconciled, *, dry_run: bool) -> str:
    if found.fault is not None:
        return f"{found.fault}. Run it again later; what was asked is not asked twice."
    if dry_run:
        return "Nothing was changed: this was a dry run."
    if not found.successes + found.failures:
        return "Nothing was missed."
    return "What was missed is handed to `dunning web`, which settles invoices and opens cases."


def _instant(since: str) -> datetime:
    from app import clock

    try:
        instant = datetime.fromisoformat(since)
    except ValueError as fault:
        raise UsageError(
            f"--since: {since} is no instant. Write it like 2026-11-20T06:00:00Z."
        ) from fault
    if instant.tzinfo is None:
        raise UsageError(f"--since: {since} lacks its zone. Write it like {since}Z for UTC.")
    if instant > clock.now():
        raise UsageError(f"--since: {since} is still to come. Write when the outage began.")
    return instant


async def _run(since: datetime, *, keep: bool) -> Reconciled:
    from app import clock, recovery

    session = current()
    async with (
        stores(session) as found,
        recovery.reconciling(session.settings, found) as reconciliation,
    ):
        began = clock.now()
        async with _shown(reconciliation, since, began) as step:
            return await reconciliation.run(since, began, keep=keep, step=step)


@asynccontextmanager
async def _shown(
    reconciliation: Reconciliation, since: datetime, began: datetime
) -> AsyncGenerator[Step]:
    """Progress, beyond what is done in a moment."""
    from app.embedded.progress import shown_on

    total = await reconciliation.count(since, began)
    with shown_on(talk()) as progress:

        async def step() -> None:
            progress.advance()

        progress.begin("Asking Revtain", total)
        yield step
