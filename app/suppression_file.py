"""Which addresses does a CSV file close, and what is wrong with its other rows?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, ValidationError

from app.csv_file import CsvFileError, records
from dunning.channel import Channel
from dunning.registration import check_email, check_phone
from dunning.suppression import Reason, Scope

COLUMNS = ("channel", "address", "reason", "scope")
_LONGEST = 200
_DEFAULTS = {"reason": Reason.OPTED_OUT.value, "scope": Scope.EVERYTHING.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How the file says it: our column and its own name for it, and what holds for every row."""

    names: Mapping[str, str] = field(default_factory=dict[str, str])
    given: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRow:
    """An address that is to be closed."""

    line: int
    channel: Channel
    address: str
    reason: Reason
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """What is wrong with a row; `field` is empty when it is the whole of it."""

    line: int
    field: str
    reason: str


class _Cells(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    channel: Channel
    address: str
    reason: Reason
    scope: Scope


def read_suppressions(content: bytes, columns: Columns) -> list[ClosedRow | BadRow]:
    """Every row that is not blank; `CsvFileError` when there cannot be any.

    Columns that are neither ours nor named are passed by: exports have many.
    """
    lines = records(content)
    header = next(lines, None)
    if header is None:
        raise CsvFileError("The file is empty. Its first line must name the columns.")
    if isinstance(header[1], str):
        raise CsvFileError(f"Line 1 is not CSV: {header[1]}. Correct the line.")
    places = _places(header[1], columns)
    return list(_rows(lines, places, columns.given, len(header[1])))


def _places(header: Sequence[str], columns: Columns) -> dict[str, int]:
    """In which column each of ours is."""
    found = [name.strip().lower() for name in header]
    places: dict[str, int] = {}
    for ours in COLUMNS:
        theirs = columns.names.get(ours, ours).strip().lower()
        if theirs in found:
            places[ours] = found.index(theirs)
        elif ours in columns.names:
            raise CsvFileError(
                f"Line 1 does not name the column {columns.names[ours]!r}. "
                f"It names: {', '.join(found)}."
            )
    missing = [n for n in COLUMNS if n not in {*places, *columns.given, *_DEFAULTS}]
    if missing:
        raise CsvFileError(
            f"Line 1 does not name the column `{missing[0]}`. Say which one it is with "
            f"`--column {missing[0]}=NAME`" + _or_for_all(missing[0])
        )
    return places


def _or_for_all(name: str) -> str:
    return ", or give it for all rows with `--channel`." if name == "channel" else "."


def _rows(
    lines: Iterator[tuple[int, list[str] | str]],
    places: Mapping[str, int],
    given: Mapping[str, str],
    width: int,
) -> Iterator[ClosedRow | BadRow]:
    for line, record in lines:
        if isinstance(record, str):
            yield BadRow(line=line, field="", reason=f"is not CSV: {record}")
        elif len(record) != width:
            reason = f"has {len(record)} cells, but there are {width} columns"
            yield BadRow(line=line, field="", reason=reason)
        else:
            cells = {name: record[place].strip() for name, place in places.items()}
            said = {name: cell for name, cell in cells.items() if cell}
            yield _row(line, {**_DEFAULTS, **said, **given})


def _row(line: int, cells: Mapping[str, str]) -> ClosedRow | BadRow:
    if "address" not in cells:
        return BadRow(line=line, field="address", reason="is missing")
    try:
        read = _Cells.model_validate(dict(cells))
    except ValidationError as fault:
        name = str(fault.errors(include_input=False)[0]["loc"][0])
        return BadRow(line=line, field=name, reason=_wanted(name, cells))
    problem = problem_of(read.channel, read.address)
    if problem is not None:
        return BadRow(line=line, field="address", reason=problem)
    return ClosedRow(
        line=line,
        channel=read.channel,
        address=read.address,
        reason=read.reason,
        scope=read.scope,
    )


def _wanted(name: str, cells: Mapping[str, str]) -> str:
    if name not in cells:
        return "is missing"
    kinds = {"channel": Channel, "reason": Reason, "scope": Scope}
    return f"must be one of: {', '.join(kind.value for kind in kinds[name])}"


def problem_of(channel: Channel, address: str) -> str | None:
    """What is wrong with an address; a push address is a customer's id, which may be any."""
    if not address.isprintable() or len(address) > _LONGEST:
        return f"must be 1 to {_LONGEST} characters without control characters"
    check = {Channel.EMAIL: check_email, Channel.SMS: check_phone}.get(channel)
    if check is None:
        return None
    try:
        check(address)
    except ValueError as fault:
        return str(fault)
    return None
