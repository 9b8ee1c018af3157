"""Which events came in, and what became of each?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import ending
from app.cli.output import Json, print_facts, print_json, print_line, print_rows, say
from app.cli.session import current, operations, stores
from dunning.errors import DunningError

if TYPE_CHECKING:
    from store.inbox import EventRecord
    from web.documents import EventDocument

group = typer.Typer(name="event", help="What Revtain told us.", no_args_is_help=True)

Status = Literal["pending", "parked", "done", "unreadable"]
_Number = Annotated[int, typer.Argument(metavar="ID", help="As `event list` shows it.")]


class EventNotFoundError(DunningError):
    """No event has this number."""


@group.command("list")
def list_events(
    *,
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Only those that no invoice is known for.")
    ] = False,
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Events, newest first, without what they say of customers.

    pending: to be handled; parked: tried again later, such as one whose invoice is not registered
    yet; done: handled or recorded; unreadable: signed, but not what Revtain promises.
    """
    found = ending.run(_find(unmatched=unmatched, status=status, limit=limit))
    if as_json:
        print_json(found)
        return
    headings = ("ID", "RECEIVED", "EVENT", "STATUS", "TRANSACTION", "INVOICE", "NOTE")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such events.")


@group.command()
def show(
    event_id: _Number,
    *,
    body: Annotated[
        bool, typer.Option("--body", help="Print the body as received: it may hold personal data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One event, and what became of it."""
    from web.documents import EventDocument

    event = ending.run(_get(event_id))
    if body:
        say("The body is shown as it was received. It may hold personal data: do not share it.")
    document = EventDocument.model_validate(event).model_dump()
    if as_json:
        print_json({**document, "body": event.body} if body else document)
        return
    print_facts(document)
    if body:
        print_line(_body(event))


async def _find(*, unmatched: bool, status: Status | None, limit: int) -> list[EventDocument]:
    from store.inbox import EventStatus
    from web import lookup

    wanted = None if status is None else EventStatus(status)
    async with operations(current()) as able:
        page = await lookup.events(able, status=wanted, unmatched=unmatched, limit=limit)
    return page.events


async def _get(event_id: int) -> EventRecord:
    async with stores(current()) as found:
        event = await found.inbox.get_event(event_id)
    if event is None:
        raise EventNotFoundError(f"There is no event {event_id}. `dunning event list` lists them.")
    return event


def _row(event: EventDocument) -> tuple[object, ...]:
    name, reference = event.name or "(unreadable)", event.transaction_id or event.idempotency_key
    return event.id, event.received_at, name, event.status, reference, event.invoice_id, event.note


def _body(event: EventRecord) -> str:
    if event.body is None:
        return "The body was erased."
    return "\n".join(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in event.body.decode(errors="backslashreplace").splitlines()
    )
