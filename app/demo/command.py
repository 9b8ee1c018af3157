"""What does `dunning demo` do? Sets everything up, plays the stories, shows what came of them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from app import wiring
from app.cli.output import print_line
from app.cli.story import print_story
from app.demo.endings import Ending, read
from app.demo.imagined import show_calendar
from app.demo.script import Moment, Story
from app.demo.stage import Stage
from app.demo.stories import TOLD_WHOLE, stories
from app.demo.table import WIDTH, table
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal
from app.policy_file import default_policy_text, read_policy
from app.running import stopping_on_signals
from app.settings import load
from store import migrations
from web import lookup
from workflows.contracts import SEARCH_ATTRIBUTES

_LENGTH = timedelta(days=50)
_BRAND = {
    "name": "Northwind Coffee",
    "support_email": "help@northwind.example",
    "website": "https://northwind.example",
    "color": "#0f766e",
    "postal_address": "12 Harbour Street, Portland, OR 97201",
}


_DECIDED = {
    "brand": _BRAND,
    "new_card": {"charged_by": "us"},
    "pay_page": {"destinations": ["hosted_link", "payment_url"]},
    "end": {"service": "cancel"},
}


async def demo(*, stay: bool | None) -> int:
    """Play the demo; 0 when the database, the inboxes and Temporal agree on every story."""
    console = Console(stderr=True)
    stays = sys.stdout.isatty() if stay is None else stay
    began = asyncio.get_running_loop().time()
    async with _stage(console) as stage:
        told = stories(stage.now)
        await _play(stage, told, console)
        endings = await read(stage, told)
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table(endings))
        if stage.settings.policy is not None:
            show_calendar(stage.settings.policy)
        agree = _compare(endings, console)
        await _tell_whole(stage)
        seconds = asyncio.get_running_loop().time() - began
        console.print(f"{_LENGTH.days} days of {len(told)} invoices took {seconds:.0f} seconds.")
        await _links(stage, console, stays=stays)
        return int(not agree)


async def _tell_whole(stage: Stage) -> None:
    """One story as `dunning case show` tells it: every line with its reason."""
    zones = wiring.zones(stage.settings)
    able = wiring.operations(stage.stores, stage.cases, zone_of=zones)
    story = await lookup.story(able, TOLD_WHOLE)
    print_line(f"\nWhy {TOLD_WHOLE} went as it did (`dunning case show {TOLD_WHOLE}`):")
    print_story(story)


def _compare(endings: Sequence[Ending], console: Console) -> bool:
    """Say whether all witnesses agree."""
    for one in endings:
        for disagreement in one.disagreements:
            console.print(Text(f"{one.story.invoice_id}: {disagreement}", style="red"))
    agree = not any(one.disagreements for one in endings)
    if agree:
        console.print("The database, the customers' inboxes and Temporal agree on every invoice.")
    return agree


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
                    reports=True,
                    DUNNING_POLICY=str(_policy(folder)),
                    REVTAIN_API_KEY="rev_demo",
                )
            )
        yield stage


def _policy(folder: Path) -> Path:
    """The default policy under a brand that looks like one, for a merchant who lets us charge."""
    document = read_policy(default_policy_text())[0].model_dump(mode="json")
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({**document, **_DECIDED}), encoding="utf-8")
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
