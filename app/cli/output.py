"""How does data reach stdout, for a person or a program, and talk reach stderr?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast
from zoneinfo import ZoneInfo

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dunning.money import Money

if TYPE_CHECKING:
    from web.documents import MoneyDocument, PaymentDocument

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def talk() -> Console:
    """Where talk goes; nothing said there is taken for markup."""
    return Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    """Tell a person something that is not the data asked for."""
    talk().print(shown(sentence, keep_lines=True))


def print_line(value: str) -> None:
    """One line of data."""
    sys.stdout.write(f"{value}\n")


def print_json(value: object) -> None:
    """A document for programs: instants in RFC 3339, names as in the rest of the product."""
    print_line(as_json_text(value))


def as_json_text(value: object) -> str:
    """The same document as a text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def print_rows(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; aligned lines that lose nothing when read by a program."""
    texts = [[shown(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        table = Table(*headings, box=None, header_style="bold", pad_edge=False)
        for row in texts:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    for line in _aligned([list(headings), *texts]):
        print_line(line)


def print_facts(facts: Mapping[str, object]) -> None:
    """One thing, a line for each fact that is known."""
    known = {name: value for name, value in facts.items() if value not in (None, "", ())}
    width = max((len(name) for name in known), default=0)
    for name, value in known.items():
        print_line(f"{name:<{width}}  {shown(value)}")


def shown(value: object, *, keep_lines: bool = False) -> str:
    """A value for people. Control characters, which could steer a terminal, become visible."""
    match value:
        case None:
            return ""
        case datetime():
            return utc(value)
        case _:
            kept = "\n" if keep_lines else ""
            return "".join(
                c if c.isprintable() or c in kept else c.encode("unicode_escape").decode()
                for c in str(value)
            )


def figure(minor: int, currency: str) -> str:
    """An amount in the currency's major unit: 49.00 USD."""
    return Money(minor=minor, currency=currency).figure


def figures(found: Iterable[MoneyDocument]) -> str | None:
    """Several amounts in a line; None when there is none."""
    return ", ".join(figure(one.amount, one.currency) for one in found) or None


def paid_parts(found: Iterable[PaymentDocument]) -> str | None:
    """Each payment with who told of it, and whether it counts."""
    parts = (
        f"{figure(one.amount, one.currency)} ({one.source}{'' if one.counted else ', not counted'})"
        for one in found
    )
    return ", ".join(parts) or None


def utc(moment: datetime) -> str:
    """An instant to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def local(moment: datetime, zone: str) -> str:
    """The same instant on the clock of a zone."""
    return f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case bytes():
            return value.decode(errors="replace")
        case BaseModel():
            return value.model_dump(mode="json")
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case set() | frozenset():
            return sorted(cast("set[str]", value))
        case _:
            return str(value)
