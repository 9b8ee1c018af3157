"""What does `dunning demo` do? Sets everything up, plays the stories, shows what came of them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.demo.stage import Stage
from app.demo.stories import Moment, Story, stories
from app.demo.table import read, table
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal
from app.policy_file import default_policy_text, read_policy
from app.running import stopping_on_signals
from app.settings import load
from store import migrations
from workflows.contracts import SEARCH_ATTRIBUTES

_LENGTH = timedelta(days=50)
_BRAND = {
    "name": "Northwind Coffee",
    "support_email": "help@northwind.example",
    "website": "https://northwind.example",
    "color": "#0f766e",
    "postal_address": "12 Harbour Street, Portland, OR 97201",
}


async def demo(*, stay: bool | None) -> int:
    """Play the demo; 0 when the database, the inboxes and Temporal agree on every story."""
    console = Console(stderr=True)
    stays = sys.stdout.isatty() if stay is None else stay
    async with _stage(console) as stage:
        told = stories(stage.now)
        await _play(stage, told, console)
        lines = [await read(stage, story) for story in told]
        Console(width=None if sys.stdout.isatty() else 150).print(table(lines))
        for line in lines:
            for disagreement in line.disagreements:
                console.print(f"[red]{line.invoice_id}: {disagreement}[/]")
        await _links(stage, console, stays=stays)
        return int(any(line.disagreements for line in lines))


@asynccontextmanager
async def _stage(console: Console) -> AsyncGenerator[Stage]:
    data_dir = load().data_dir
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dunning-demo-")))
        binary = await find_temporal(load().temporal_cli, data_dir, console=console)
        with console.status("Starting PostgreSQL, Temporal, the vendors' stand-ins, web, worker"):
            pg = await stack.enter_async_context(
                EmbeddedPostgres.start(folder / "postgres", durable=False)
            )
            await asyncio.to_thread(migrations.upgrade, pg.url)
            server = await stack.enter_async_context(
                TemporalDevServer.start(binary, search_attributes=SEARCH_ATTRIBUTES)
            )
            stage = await stack.enter_async_context(
                Stage.open(
                    pg.url,
                    server.address,
                    temporal_ui=server.ui_url,
                    DUNNING_POLICY=str(_policy(folder)),
                )
            )
        yield stage


def _policy(folder: Path) -> Path:
    """The default policy under a brand that looks like one."""
    document = read_policy(default_policy_text())[0].model_dump(mode="json")
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({**document, "brand": _BRAND}), encoding="utf-8")
    return path


async def _play(stage: Stage, told: tuple[Story, ...], console: Console) -> None:
    start = stage.now
    for story in told:
        if not story.late:
            await stage.register(story.invoice_id, **story.invoice)
    moments = sorted((m for s in told for m in s.moments), key=lambda m: m.after)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("day 0", total=_LENGTH.days)
        for moment in (*moments, Moment(after=_LENGTH, act=Stage.settle)):
            await stage.advance_to(start + moment.after)
            await moment.act(stage)
            days = moment.after.days
            progress.update(task, completed=days, description=f"day {days} of {_LENGTH.days}")


async def _links(stage: Stage, console: Console, *, stays: bool) -> None:
    if not stays:
        console.print("Everything is stopped again. `dunning demo --stay` leaves it running.")
        return
    console.print(f"Every message, as customers see it:  {stage.sandbox.url}")
    console.print(f"Every case in Temporal:              {stage.temporal_ui}")
    console.print(f"The HTTP interface:                  {stage.url}/docs")
    console.print("Ctrl-C ends it.")
    await stopping_on_signals().wait()
