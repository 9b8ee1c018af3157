"""Where did each audit trail end when somebody last looked, according to a copy kept elsewhere?

One line a case: its id, cycle, number of entries, the hash of the last one, and the invoice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.faults import UsageError
from store.audit_chain import Head

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TITLE = "# Ends of dunning audit trails: case, cycle, entries, hash, invoice"
_PARTS = 5


def read_heads(path: Path) -> dict[int, Head]:
    """The heads by case."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"--heads: {path} cannot be read ({_reason(fault)}).") from fault
    if not lines or lines[0] != _TITLE:
        raise UsageError(
            f"--heads: {path} is not a file of heads. Name a new file to have one written."
        )
    heads = (_head(path, number, line) for number, line in enumerate(lines[1:], start=2))
    return {head.case_id: head for head in heads}


def write_heads(path: Path, heads: Mapping[int, Head]) -> None:
    """Put the file there whole, in place of an older one."""
    lines = (
        f"{h.case_id}\t{h.cycle}\t{h.seq}\t{h.hash.hex()}\t{_quoted(h.invoice_id)}"
        for _, h in sorted(heads.items())
    )
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text("\n".join([_TITLE, *lines, ""]), encoding="utf-8")
        beside.replace(path)
    except OSError as fault:
        raise UsageError(f"--heads: {path} cannot be written ({fault.strerror}).") from fault


def _head(path: Path, number: int, line: str) -> Head:
    parts = line.split("\t", _PARTS - 1)
    try:
        case_id, cycle, seq, digest, invoice_id = parts
        return Head(
            case_id=int(case_id),
            cycle=int(cycle),
            seq=_entries(seq),
            hash=bytes.fromhex(digest),
            invoice_id=invoice_id.encode().decode("unicode_escape"),
        )
    except ValueError as fault:
        raise UsageError(f"--heads: line {number} of {path} is damaged.") from fault


def _entries(written: str) -> int:
    count = int(written)
    if count < 1:
        raise ValueError(written)
    return count


def _quoted(invoice_id: str) -> str:
    return invoice_id.encode("unicode_escape").decode("ascii")


def _reason(fault: OSError | UnicodeDecodeError) -> str:
    return fault.strerror or "" if isinstance(fault, OSError) else "it is not text"
