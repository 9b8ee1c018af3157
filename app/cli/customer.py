"""Who is to be left alone, whatever they owe?"""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import ending
from app.cli.output import Json, print_json, print_line
from app.cli.session import Session, current, operations

group = typer.Typer(name="customer", help="Who owes.", no_args_is_help=True)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The merchant's customer id.")]


@group.command()
def exclude(
    customer_id: _Id,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Write to the customer again.")] = False,
    as_json: Json = False,
) -> None:
    """Write to a customer no more, in any of their cases.

    It holds for what fails later too, until undone. The cases go on: what would have been sent is
    withheld as `customer_excluded`, and their ends are those of cases that nobody paid.
    """
    ending.run(_exclude(current(), customer_id, excluded=not undo))
    if as_json:
        print_json({"customer_id": customer_id, "excluded": not undo})
    else:
        print_line(f"{customer_id}: {'included again' if undo else 'excluded'}")


async def _exclude(session: Session, customer_id: str, *, excluded: bool) -> None:
    async with operations(session) as able:
        await able.exclude(customer_id, excluded=excluded)
