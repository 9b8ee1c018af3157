"""Who is to be left alone, whatever they owe, and what is held about somebody?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import ending
from app.cli.faults import WRONG, UsageError
from app.cli.orders import author
from app.cli.output import (
    Json,
    as_json_text,
    print_facts,
    print_json,
    print_line,
    say,
    shown,
)
from app.cli.session import Session, current, operations, stores

if TYPE_CHECKING:
    from store.erasure import Erased

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


@group.command()
def erase(
    customer_id: _Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a customer's personal data everywhere, for good.

    The id stays, and what was owed and paid. Open cases are stopped, nothing is sent to the
    customer any more, and addresses that were closed stay closed. docs/privacy.md has it all.
    """
    _confirm(customer_id, yes=yes)
    erased = ending.run(_erase(current(), customer_id))
    if as_json:
        print_json(erased)
        return
    removed = {f"in {table}": count for table, count in erased.removed.items()}
    print_facts({"erased": customer_id, "since": erased.erased_at, **removed})
    if erased.stopping:
        say(f"{erased.stopping} open case(s) are being stopped by `dunning web`.")


@group.command()
def export(
    customer_id: _Id,
    *,
    out: Annotated[
        Path | None, typer.Option(help="A new file, readable by you only; else stdout.")
    ] = None,
) -> None:
    """Everything that is held about a customer, as JSON."""
    found = ending.run(_export(current(), customer_id))
    if out is None:
        print_json(found)
        return
    _write(out, as_json_text(found))
    say(f"Written to {out}. It holds personal data: hand it to the customer only.")


def _confirm(customer_id: str, *, yes: bool) -> None:
    """Ask first: nobody can undo it. Without a terminal nobody can answer."""
    question = f"Erase the personal data of {shown(customer_id)} for good?"
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} Nobody can be asked without a terminal. Add --yes if it is meant."
        )
    if not typer.confirm(question, err=True):
        say("Nothing was changed.")
        raise typer.Exit(WRONG)


def _write(path: Path, document: str) -> None:
    """A file that was not there before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{document}\n")
    except OSError as fault:
        raise UsageError(
            f"--out: {path} cannot be written ({fault.strerror}). Name a new file in a folder "
            "that is there."
        ) from fault


async def _erase(session: Session, customer_id: str) -> Erased:
    from app import wiring

    async with stores(session) as found:
        return await wiring.personal_data(found).erase(customer_id, author=author())


async def _export(session: Session, customer_id: str) -> dict[str, Any]:
    from app import wiring

    async with stores(session) as found:
        return await wiring.personal_data(found).export(customer_id)


async def _exclude(session: Session, customer_id: str, *, excluded: bool) -> None:
    async with operations(session) as able:
        await able.exclude(customer_id, excluded=excluded)
