"""Which replies of customers wait for a person?"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import Json, print_json, print_line, print_rows, say
from app.cli.session import current, stores
from dunning.errors import DunningError

if TYPE_CHECKING:
    from store.replies import ReplyRecord

group = typer.Typer(name="reply", help="What customers answered.", no_args_is_help=True)

_Number = Annotated[int, typer.Argument(metavar="ID", help="As `reply list` shows it.")]


class ReplyNotFoundError(DunningError):
    """No reply has this number."""


@group.command("list")
def list_replies(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that were dealt with, by whomever.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Replies that a person should read, newest first. Holds personal data.

    Stops, starts and requests for help were obeyed at once and are only shown with --all.
    """
    found = ending.run(_find(every=every, limit=limit))
    if as_json:
        print_json(found)
        return
    headings = ("ID", "RECEIVED", "CUSTOMER", "INVOICE", "MEANING", "HANDLED BY", "TEXT")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such replies.")


@group.command()
def done(
    reply_id: _Number,
    *,
    by: Annotated[
        str | None, typer.Option(help="Who dealt with it; without it the user of this machine.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that a reply was dealt with. Who said so first stays."""
    ending.run(_done(reply_id, by or getpass.getuser()))
    if as_json:
        print_json({"reply_id": reply_id, "handled": True})
    else:
        print_line(f"{reply_id}: done")


async def _find(*, every: bool, limit: int) -> list[ReplyRecord]:
    async with stores(current()) as found:
        return await found.replies.find(handled=every, limit=limit)


async def _done(reply_id: int, by: str) -> None:
    async with stores(current()) as found:
        if not await found.replies.done(reply_id, by=by):
            raise ReplyNotFoundError(
                f"There is no reply {reply_id}. `dunning reply list` lists those that wait."
            )


def _row(reply: ReplyRecord) -> tuple[object, ...]:
    text = "(erased)" if reply.body is None else reply.body or "(no text)"
    told = reply.received_at, reply.customer_id, reply.invoice_id, reply.meaning
    return reply.id, *told, reply.handled_by, text
