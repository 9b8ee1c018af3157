"""How does an operator settle a message of which nobody can tell whether it left?"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.output import Json, print_json, print_rows, say


class Found(StrEnum):
    """What the operator found in the vendor's console."""

    SENT = "sent"
    NOT_SENT = "not-sent"


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(unresolved)
    group.command()(resolve)


def unresolved(*, as_json: Json = False) -> None:
    """List messages of unknown outcome: the vendor may have them, and none is sent again by itself.

    It happens when a connection breaks, or a worker dies, after a request has left.
    """
    from app.cli import ending
    from app.cli.session import current, stores

    async def listed() -> list[dict[str, object]]:
        async with stores(current()) as found:
            return [asdict(one) for one in await found.ledger.unresolved()]

    messages = ending.run(listed())
    if as_json:
        print_json(messages)
    elif messages:
        columns = ("id", "invoice_id", "step", "channel", "requested_at", "reason")
        print_rows(columns, [[one[name] for name in columns] for one in messages])
    else:
        say("No message is in doubt.")


def resolve(
    message_id: Annotated[str, typer.Argument(help="As `dunning message unresolved` shows it.")],
    found: Annotated[Found, typer.Argument(help="What the vendor's own list says.")],
    *,
    note: Annotated[str | None, typer.Option(help="Why; kept with the case.")] = None,
) -> None:
    """Say what became of a message of unknown outcome.

    `sent`: the case goes on as if the vendor had answered. `not-sent`: the message waits for its
    turn again, so be sure; a customer may get it twice if the vendor has it after all.
    """
    from app.cli import ending
    from app.cli.orders import author
    from app.cli.session import current, operations

    async def settle() -> None:
        async with operations(current()) as able:
            sent = found is Found.SENT
            await able.resolve(message_id, sent=sent, author=author(), note=note)

    ending.run(settle())
    say(f"Message {message_id} counts as {found.value}; its case hears of it in a moment.")
