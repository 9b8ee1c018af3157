"""How does a file come in from a terminal, and how is a person told of its bad rows?"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import typer

from app.cli import ending
from app.cli.faults import WRONG, UsageError
from app.cli.output import print_json, print_line, say
from store.errors import DatabaseDownError

STDIN = Path("-")


class BadRow(Protocol):
    """What is wrong with a row; `field` is empty when it is the whole of it."""

    @property
    def line(self) -> int: ...
    @property
    def field(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Tally(Protocol):
    """How far an import has come. A dataclass, whose fields are shown as JSON."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def problems(self) -> Sequence[BadRow]: ...
    @property
    def words(self) -> str: ...


def content(file: Path) -> bytes:
    """What stands in the file, or comes in where its name is `-`."""
    if file == STDIN:
        if sys.stdin.isatty():
            say("Reading from the terminal; end with Ctrl-D.")
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror}. Name another file.") from fault


def carry_out(work: Coroutine[Any, Any, None], tally: Tally, *, as_json: bool) -> None:
    """Import, and report what came of it; exit code 1 when rows were bad."""
    try:
        ending.run(work)
    except DatabaseDownError as fault:
        raise DatabaseDownError(
            f"{fault} So far: {tally.words}; import the file again then."
        ) from fault
    if as_json:
        print_json(asdict(tally))
    else:
        for problem in tally.problems:
            where = f"line {problem.line}" + (f", {problem.field}" if problem.field else "")
            say(f"{where}: {problem.reason}")
        print_line(tally.words)
    if tally.problems:
        raise typer.Exit(WRONG)
