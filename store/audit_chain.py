"""Does an audit trail still say what was written, all of it, and nothing else?

Worked out here from the rows alone, with none of the database's own functions: an entry's hash is
SHA-256 over the hash before it and over its canonical text.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `detail` is the text of the document, since its bytes are what was sealed."""

    case_id: int
    seq: int
    at: datetime
    kind: str
    detail: str
    previous: bytes | None
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a chain ends, as the database says or as a copy kept elsewhere says."""

    case_id: int
    invoice_id: str
    cycle: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Where a chain is broken first; `seq` is none when the whole of it is gone."""

    case_id: int
    invoice_id: str
    cycle: int
    seq: int | None
    problem: str


def seal(entry: Entry) -> bytes:
    """The hash that the entry must have."""
    moment = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told = (str(entry.case_id), str(entry.seq), moment, entry.kind, entry.detail)
    return hashlib.sha256((entry.previous or b"") + "\n".join(told).encode()).digest()


def problem(
    entries: Sequence[Entry], head: Head | None, kept: Head | None = None
) -> tuple[int | None, str] | None:
    """The first thing that is wrong with the entries of one case, in the order of their numbers.

    `kept` is the head that a copy kept elsewhere has of this case.
    """
    return next(_problems(entries, head, kept), None)


def _problems(
    entries: Sequence[Entry], head: Head | None, kept: Head | None
) -> Iterator[tuple[int | None, str]]:
    if not entries:
        yield None, "the whole trail is gone"
        return
    yield from _in_themselves(entries)
    yield from _against_head(entries[-1], head)
    if kept is not None:
        yield from _against_copy(entries, kept)


def _in_themselves(entries: Sequence[Entry]) -> Iterator[tuple[int, str]]:
    before: bytes | None = None
    for number, entry in enumerate(entries, start=1):
        if entry.seq != number:
            yield number, f"entry {number} was removed"
        if entry.previous != before:
            yield entry.seq, f"entry {entry.seq} does not follow the one before it"
        if seal(entry) != entry.hash:
            yield entry.seq, f"entry {entry.seq} was changed"
        before = entry.hash


def _against_head(last: Entry, head: Head | None) -> Iterator[tuple[int, str]]:
    if head is None:
        yield last.seq, "the head of the trail is gone"
    elif last.seq < head.seq:
        yield last.seq + 1, f"entries {last.seq + 1} to {head.seq} were cut off at the end"
    elif last.seq > head.seq:
        yield head.seq + 1, f"entry {head.seq + 1} was put in behind the end"
    elif last.hash != head.hash:
        yield last.seq, f"entry {last.seq} is not the one that the head of the trail names"


def _against_copy(entries: Sequence[Entry], kept: Head) -> Iterator[tuple[int, str]]:
    count, seq = len(entries), kept.seq
    if seq > count:
        yield count + 1, f"entries {count + 1} to {seq} of the copy were cut off at the end"
    elif entries[seq - 1].hash != kept.hash:
        yield seq, f"entry {seq} is not the one that the copy names: the trail was rewritten"
