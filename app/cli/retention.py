"""How is forgotten by hand what was kept for long enough?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import Json, print_facts, print_json, say
from app.cli.session import Session, current, stores

if TYPE_CHECKING:
    from store.retention import Forgotten

group = typer.Typer(
    name="retention", help="For how long texts and bodies are kept.", no_args_is_help=True
)


@group.callback()
def _group() -> None:
    """One command so far; with this it keeps its name."""


@group.command()
def run(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what is due, and forget nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Forget at once what is due; `dunning web` does it by itself every hour.

    Bodies of webhooks after DUNNING_KEEP_EVENTS days, texts of messages and replies after
    DUNNING_KEEP_TEXTS days. Their digests stay.
    """
    found = ending.run(_run(current(), dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    print_facts({name.replace("_", " "): count for name, count in asdict(found).items()})
    say("Nothing was forgotten: this was a dry run." if dry_run else "Forgotten.")


async def _run(session: Session, *, dry_run: bool) -> Forgotten:
    from webhook.retention import RetentionTask

    async with stores(session) as found:
        if dry_run:
            return await found.retention.due()
        return await RetentionTask(found.retention).once()
