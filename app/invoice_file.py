"""Which invoices does a CSV file name, and what is wrong with its other rows?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.csv_file import CsvFileError, records
from dunning.registration import (
    CustomerRegistration,
    InvoiceRegistration,
    RevtainRegistration,
    check_invoice_id,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_ID = "id"
_CUSTOMER = "customer_"
_OWN = tuple(n for n in InvoiceRegistration.model_fields if n not in ("customer", "revtain"))
_OF_CUSTOMER = tuple(_CUSTOMER + name for name in CustomerRegistration.model_fields)
_OF_REVTAIN = tuple(RevtainRegistration.model_fields)
_LISTS = frozenset({"customer_tags", "customer_push_tokens", *_OF_REVTAIN})
_NUMBERS = frozenset({"amount_due"})
_NEWLINES = re.compile(r"\s*[\r\n]\s*")
_WHOLE = re.compile(r"-?[0-9]{1,15}")

_MINOR_UNITS = "must be a whole number of minor units, such as 4900 for 49.00"
_PLAIN = {
    "extra_forbidden": "is not a known field",
    "int_type": _MINOR_UNITS,
    "int_from_float": _MINOR_UNITS,
    "string_type": "must be a text",
    "string_too_long": "is too long",
    "string_too_short": "must not be empty",
}

COLUMNS = (_ID, *_OWN, *_OF_CUSTOMER, *_OF_REVTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field of one row. `field` is empty when it is the whole row."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodRow:
    """An invoice to be put. An empty cell says nothing, so it changes nothing."""

    line: int
    invoice_id: str
    patch: InvoiceRegistration


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot be put."""

    problems: tuple[Problem, ...]


Row = GoodRow | BadRow


def read_invoices(content: bytes) -> list[Row]:
    """Every row of the file that is not blank; `CsvFileError` when there cannot be any."""
    lines = records(content)
    header = next(lines, None)
    if header is None:
        raise CsvFileError("The file is empty. Its first line must name the columns.")
    if isinstance(header[1], str):
        raise CsvFileError(f"Line 1 is not CSV: {header[1]}. Correct the line.")
    columns = _columns(header[1])
    known: dict[str, int] = {}
    return [_row(line, record, columns, known) for line, record in lines]


def column(path: Sequence[object]) -> str:
    """The column that holds a field of a registration: customer.email is in customer_email."""
    names = [part for part in path if isinstance(part, str)]
    match names:
        case ["customer", name, *_]:
            return _CUSTOMER + name
        case ["revtain", name, *_]:
            return name
        case [name, *_]:
            return name
        case _:
            return ""


def _columns(header: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in header]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise CsvFileError(
            f"Line 1 names columns that are not known: {', '.join(repr(n) for n in unknown)}. "
            f"Known are: {', '.join(COLUMNS)}."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CsvFileError(f"Line 1 names columns twice: {', '.join(twice)}. Keep one of each.")
    if _ID not in names:
        raise CsvFileError(f"Line 1 does not name the column `{_ID}`. Add it.")
    return names


def _row(line: int, record: list[str] | str, columns: Sequence[str], known: dict[str, int]) -> Row:
    if isinstance(record, str):
        return _bad(line, {"": f"is not CSV: {record}"})
    if len(record) != len(columns):
        return _bad(line, {"": f"has {len(record)} cells, but there are {len(columns)} columns"})
    cells = {name: _NEWLINES.sub(" ", c.strip()) for name, c in zip(columns, record, strict=True)}
    cells = {name: cell for name, cell in cells.items() if cell}
    problems = _of_id(cells.get(_ID, ""), line, known) | _of_numbers(cells)
    patch = _patch({n: c for n, c in cells.items() if n not in problems})
    if isinstance(patch, dict):
        problems |= patch
    if problems or isinstance(patch, dict):
        return _bad(line, problems)
    return GoodRow(line=line, invoice_id=cells[_ID], patch=patch)


def _bad(line: int, problems: Mapping[str, str]) -> BadRow:
    found = (Problem(line=line, field=field, reason=why) for field, why in problems.items())
    return BadRow(problems=tuple(found))


def _of_id(invoice_id: str, line: int, known: dict[str, int]) -> dict[str, str]:
    if not invoice_id:
        return {_ID: "is missing"}
    try:
        check_invoice_id(invoice_id)
    except ValueError:
        return {_ID: "must be 1 to 200 characters without control characters"}
    first = known.setdefault(invoice_id, line)
    return {} if first == line else {_ID: f"is on line {first} already; keep one of the rows"}


def _of_numbers(cells: Mapping[str, str]) -> dict[str, str]:
    odd = [name for name in _NUMBERS if name in cells and not _WHOLE.fullmatch(cells[name])]
    return dict.fromkeys(odd, _MINOR_UNITS)


def _patch(cells: Mapping[str, str]) -> InvoiceRegistration | dict[str, str]:
    values = {name: _value(name, cell) for name, cell in cells.items()}
    document: dict[str, object] = {n: v for n, v in values.items() if n in _OWN}
    customer = {n.removeprefix(_CUSTOMER): v for n, v in values.items() if n in _OF_CUSTOMER}
    revtain = {name: value for name, value in values.items() if name in _OF_REVTAIN}
    document |= {"customer": customer} if customer else {}
    document |= {"revtain": revtain} if revtain else {}
    try:
        return InvoiceRegistration.model_validate(document)
    except ValidationError as fault:
        return {column(error["loc"]): reason(error) for error in fault.errors(include_input=False)}


def _value(name: str, cell: str) -> object:
    if name in _LISTS:
        return tuple(cell.split())
    return int(cell) if name in _NUMBERS else cell


def reason(error: ErrorDetails) -> str:
    """What is wrong, in the words of whoever checked; never the value itself."""
    return _PLAIN.get(error["type"], error["msg"].removeprefix("Value error, "))
