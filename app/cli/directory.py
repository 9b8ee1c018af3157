"""Where are invoices looked up, what is said of one, and by what does the endpoint know us?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import ending
from app.cli.output import Json, as_json_text, print_json, print_line, say
from app.cli.session import Session, current, stores
from dunning.errors import DirectoryError, DunningError, RegistryError

if TYPE_CHECKING:
    from dunning.lookup import Entry
    from dunning.ports import InvoiceDirectory
    from store.refreshing import Refreshing

group = typer.Typer(
    name="directory", help="Where invoices are looked up before each message.", no_args_is_help=True
)


class NothingUsableError(DunningError):
    """A directory gave no answer, or one that cannot be registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What one directory says. Without an invoice and a problem, it does not know it."""

    directory: str
    seconds: float
    invoice: str | None = None
    says: dict[str, Any] | None = None
    changes: bool | None = None
    problem: str | None = None

    @property
    def summary(self) -> str:
        match self.problem, self.changes:
            case str() as problem, _:
                return problem
            case _, None:
                return "does not know it"
            case _, True:
                return "knows it, and something would change"
            case _:
                return "knows it, and nothing would change"


@group.command()
def secret() -> None:
    """Print the secret by which the look-up endpoint verifies our requests, alone on stdout."""
    from app import directories

    print_line(directories.secret(current().settings))


@group.command("test")
def try_out(
    invoice: Annotated[str, typer.Argument(help="The id of an invoice.")],
    *,
    transaction: Annotated[
        bool, typer.Option("--transaction", help="It is the id of a transaction of Revtain.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what each directory says of an invoice and how it would be registered; change nothing.

    What is printed holds personal data of the customer.
    """
    words = ending.run(_ask(current(), invoice, by_transaction=transaction))
    if as_json:
        print_json(words)
    else:
        for word in words:
            _print(word)
    if not words:
        say("No directory but the registry is configured; DUNNING_DIRECTORIES names them.")
    failed = [word.directory for word in words if word.problem is not None]
    if failed:
        raise NothingUsableError(
            f"Directory {', '.join(failed)} says nothing that can be registered. Correct it; "
            "docs/directories.md says what is expected."
        )


async def _ask(session: Session, given: str, *, by_transaction: bool) -> list[Word]:
    from app import directories
    from store.refreshing import Refreshing

    words = list[Word]()
    async with stores(session) as found:
        refreshing = Refreshing(found.database, session.settings.token_key)
        for name, source in directories.sources(session.settings).items():
            try:
                word = await _word(name, source, refreshing, given, by_transaction=by_transaction)
                words.append(word)
            finally:
                await source.aclose()
    return words


async def _word(
    name: str,
    source: InvoiceDirectory,
    refreshing: Refreshing,
    given: str,
    *,
    by_transaction: bool,
) -> Word:
    from app import clock

    began = clock.now()
    try:
        entry = await (source.transaction(given) if by_transaction else source.invoice(given))
        if entry is not None and by_transaction:
            entry = entry.naming(given)
    except DirectoryError as fault:
        return Word(directory=name, seconds=_seconds(clock.now() - began), problem=fault.reason)
    seconds = _seconds(clock.now() - began)
    if entry is None:
        return Word(directory=name, seconds=seconds)
    return await _rehearsed(name, refreshing, entry, seconds)


async def _rehearsed(name: str, refreshing: Refreshing, entry: Entry, seconds: float) -> Word:
    says = entry.patch.model_dump(mode="json", exclude_unset=True)
    changes, problem = None, None
    try:
        changes = await refreshing.rehearse(entry)
    except RegistryError as fault:
        problem = fault.reason
    return Word(
        directory=name,
        seconds=seconds,
        invoice=entry.invoice_id,
        says=says,
        changes=changes,
        problem=problem,
    )


def _print(word: Word) -> None:
    print_line(f"{word.directory}: {word.summary} ({word.seconds:.2f} s)")
    if word.says is not None:
        print_line(f"PUT /v1/invoices/{word.invoice}")
        print_line(as_json_text(word.says))


def _seconds(spent: timedelta) -> float:
    return round(spent.total_seconds(), 3)
