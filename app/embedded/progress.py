"""How does a person see that a build of minutes is alive, on a terminal and in a plain log?"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """Where long work reports what it does and how far it is."""

    def begin(self, what: str, total: int | None = None) -> None:
        """Start a new stretch of work; without `total` its length is not known."""

    def advance(self) -> None:
        """One more piece is done."""


class LiveProgress:
    """A spinner, a bar and the elapsed time on a terminal."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def begin(self, what: str, total: int | None = None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total)

    def advance(self) -> None:
        if self._task is not None:
            self._bars.advance(self._task)


class PlainProgress:
    """A line at each stretch and every ten seconds, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._spoken = time.monotonic()
        self._what, self._total, self._done = "", None, 0

    _total: int | None

    def begin(self, what: str, total: int | None = None) -> None:
        self._what, self._total, self._done = what, total, 0
        self._speak()

    def advance(self) -> None:
        self._done += 1
        if time.monotonic() - self._spoken >= SECONDS_BETWEEN_LINES:
            self._speak()

    def _speak(self) -> None:
        self._spoken = time.monotonic()
        of = f" of {self._total}" if self._total else ""
        count = f": {self._done}{of}" if self._done else ""
        self._console.print(f"{self._what}{count} ({self._spoken - self._started:.0f} s)")


@contextmanager
def shown_on(console: Console) -> Generator[Progress]:
    """Progress in the form that suits the console."""
    if not console.is_terminal:
        yield PlainProgress(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Bars(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console) as bars:
        yield LiveProgress(bars)
