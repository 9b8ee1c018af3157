"""What is handed over when a customer complains? The story, what messages said, and its proof.

Addresses are left out unless they are asked for. Signed links are always left out: whoever has one
stands in the customer's place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from dunning.directory import Contact
from dunning.money import Money
from store.audit import Checked
from store.story import Letter
from web.documents import CaseSummary, MoneyDocument
from web.story import StoryDocument, StoryLine

_LINK = re.compile(r"(https?://[^\s<>\"']*/[pu]/)[^\s<>\"')\]]+")
_NO_ADDRESS = "[address left out]"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class LetterDocument(_Document):
    """What a message said."""

    subject: str | None
    body: str
    recipient: str | None = Field(description="Only in a file with personal data.")


class TrailDocument(_Document):
    """The audit trail of one case at that time."""

    cycle: int
    entries: int
    hash: str | None = Field(description="Of the last entry, which vouches for all before it.")
    problem: str | None = Field(description="Where the trail is broken; none when it is whole.")


class PersonDocument(_Document):
    """Who the customer is."""

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class StoryFile(_Document):
    """All of it."""

    written_at: datetime
    case: CaseSummary
    owed: MoneyDocument
    customer: PersonDocument
    timezone: str
    lines: list[StoryLine]
    letters: dict[str, LetterDocument] = Field(description="By the id of the message.")
    trails: list[TrailDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """From what a file is put together."""

    case: CaseSummary
    owed: Money
    contact: Contact
    story: StoryDocument
    letters: Mapping[str, Letter]
    trails: Iterable[Checked]


def story_file(parts: Parts, written_at: datetime, *, personal: bool) -> StoryFile:
    """Put it together; `personal` with addresses and the customer's name."""
    clean = _cleaner(_addresses(parts), personal=personal)
    contact = parts.contact
    named = {"name": contact.name, "email": contact.email, "phone": contact.phone}
    return StoryFile(
        written_at=written_at,
        case=parts.case,
        owed=MoneyDocument(amount=parts.owed.minor, currency=parts.owed.currency),
        customer=PersonDocument(id=contact.customer_id, **(named if personal else {})),
        timezone=parts.story.timezone,
        lines=[_line(line, clean) for line in parts.story.lines],
        letters={
            name: _letter(letter, clean, personal=personal)
            for name, letter in parts.letters.items()
        },
        trails=[_trail(checked) for checked in parts.trails],
    )


def _addresses(parts: Parts) -> list[str]:
    known = {parts.contact.email, parts.contact.phone}
    known |= {letter.recipient for letter in parts.letters.values()}
    return sorted((address for address in known if address), key=len, reverse=True)


def _cleaner(addresses: list[str], *, personal: bool) -> Callable[[str], str]:
    found = re.compile("|".join(map(re.escape, addresses)) or r"(?!)", re.IGNORECASE)

    def clean(words: str) -> str:
        without_links = _LINK.sub(r"\1…", words)
        return without_links if personal else found.sub(_NO_ADDRESS, without_links)

    return clean


def _line(line: StoryLine, clean: Callable[[str], str]) -> StoryLine:
    words = {name: getattr(line, name) for name in ("what", "about", "why", "note")}
    return line.model_copy(update={n: clean(w) for n, w in words.items() if w is not None})


def _letter(letter: Letter, clean: Callable[[str], str], *, personal: bool) -> LetterDocument:
    return LetterDocument(
        subject=None if letter.subject is None else clean(letter.subject),
        body=clean(letter.body),
        recipient=letter.recipient if personal else None,
    )


def _trail(checked: Checked) -> TrailDocument:
    return TrailDocument(
        cycle=checked.cycle,
        entries=checked.entries,
        hash=None if checked.head is None else checked.head.hash.hex(),
        problem=None if checked.fault is None else checked.fault.problem,
    )
