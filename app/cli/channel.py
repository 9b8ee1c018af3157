"""Which channels wait because their vendor refuses us?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app import clock
from app.cli import ending
from app.cli.output import Json, print_json, print_rows, say
from app.cli.session import current, stores
from dunning.channel import Channel
from dunning.errors import DunningError

if TYPE_CHECKING:
    from store.channel_pauses import ChannelPause

group = typer.Typer(name="channel", help="Channels whose vendor refuses us.", no_args_is_help=True)


class ChannelNotPausedError(DunningError):
    """The channel does not wait."""


@group.command("list")
def list_channels(*, as_json: Json = False) -> None:
    """Channels that wait, why, and when the vendor is tried again.

    A channel waits when its vendor refuses our key, our account or our sender. Its messages are put
    off, none is lost; once a minute one is let through, and the first that is taken ends the wait.
    """
    found = ending.run(_open())
    if as_json:
        print_json(found)
        return
    rows = [(p.channel.value, p.since, p.until, p.reason) for p in found]
    print_rows(("CHANNEL", "SINCE", "TRIED AGAIN", "REASON"), rows)
    if not found:
        say("No channel waits.")


@group.command()
def resume(channel: Annotated[Channel, typer.Argument(help="As `channel list` names it.")]) -> None:
    """Do not wait for a try: what was put off goes out as soon as it is due again.

    If the vendor still refuses us, the channel waits again from the first message on.
    """
    if not ending.run(_clear(channel)):
        raise ChannelNotPausedError(f"The channel {channel.value} does not wait. Nothing was done.")
    say(f"The channel {channel.value} goes on. Its messages follow within five minutes.")


async def _open() -> list[ChannelPause]:
    async with stores(current()) as found:
        return await found.pauses.open()


async def _clear(channel: Channel) -> bool:
    async with stores(current()) as found:
        return await found.pauses.clear(channel, by="operator", now=clock.now())
