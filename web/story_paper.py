"""How does a story read on paper? As one HTML file that needs nothing else, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from dunning.money import Money
from web.story import StoryLine
from web.story_file import LetterDocument, StoryFile, TrailDocument

_STYLE = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1f26; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }
dt { color: #55606e } dd { margin: 0; overflow-wrap: anywhere }
ol { list-style: none; padding: 0 }
li { display: grid; grid-template-columns: 12rem 1fr; gap: 0 1rem; padding: .6rem 0;
  border-top: 1px solid #d9dee4; break-inside: avoid }
time { font-variant-numeric: tabular-nums } small { color: #55606e; display: block }
p { margin: 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f6f8; padding: .75rem;
  margin: .5rem 0 0; font: inherit; border-left: 3px solid #b9c2cc }
.why { color: #39424e } .planned { color: #55606e; font-style: italic } .broken { color: #a3180a }
@media (max-width: 40rem) { li { grid-template-columns: 1fr } }
"""


def html(told: StoryFile) -> str:
    """The page."""
    title = escape(_title(told))
    facts = "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in _facts(told))
    lines = "\n".join(_item(line, told.letters.get(line.message_id or "")) for line in told.lines)
    trails = "".join(
        f"<p{' class=broken' if trail.problem else ''}>{escape(_trail(trail))}</p>"
        for trail in told.trails
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex, nofollow">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>{facts}</dl>\n"
        f"<h2>What happened</h2>\n<ol>\n{lines}\n</ol>\n<h2>Proof</h2>\n{trails}\n"
        "</body>\n</html>\n"
    )


def markdown(told: StoryFile) -> str:
    """The same for a ticket."""
    facts = [f"- {_plain(name)}: {_plain(value)}" for name, value in _facts(told)]
    lines = [part for line in told.lines for part in _point(line, told)]
    trails = [f"- {_plain(_trail(trail))}" for trail in told.trails]
    parts = [f"# {_plain(_title(told))}", "", *facts, "", "## What happened", "", *lines]
    return "\n".join([*parts, "", "## Proof", "", *trails, ""])


def _title(told: StoryFile) -> str:
    return f"The dunning of invoice {told.case.invoice_id}"


def _facts(told: StoryFile) -> Iterator[tuple[str, str]]:
    case, person = told.case, told.customer
    known = {
        "Customer": ", ".join(filter(None, (person.id, person.name, person.email, person.phone))),
        "Owed": f"{_major(told)} {told.owed.currency}",
        "State": f"{case.state}{f', {case.outcome}' if case.outcome else ''}",
        "Campaign": case.campaign,
        "Opened": _utc(case.opened_at),
        "Closed": case.closed_at and _utc(case.closed_at),
        "Written": _utc(told.written_at),
        "Local times": f"on the clock of {told.timezone}",
    }
    yield from ((name, value) for name, value in known.items() if value)


def _major(told: StoryFile) -> str:
    return str(Money(minor=told.owed.amount, currency=told.owed.currency).major)


def _item(line: StoryLine, letter: LetterDocument | None) -> str:
    planned = " class=planned" if line.recorded_at is None else ""
    parts = [f"<p><strong>{escape(line.what)}</strong></p>"]
    parts += [f"<p>{escape(line.about)}</p>"] if line.about else []
    parts += [f'<p class="why">Why: {escape(line.why)}</p>'] if line.why else []
    parts += [f"<pre>{escape(words)}</pre>" for words in _words(line, letter)]
    when = f'<time datetime="{line.at.isoformat()}">{_local(line)}</time>'
    clocks = f"<div>{when}<small>{_utc(line.at)}</small></div>"
    return f"<li{planned}>{clocks}<div>{''.join(parts)}</div></li>"


def _point(line: StoryLine, told: StoryFile) -> Iterator[str]:
    about = f": {_plain(line.about)}" if line.about else ""
    yield f"- **{_local(line)}** ({_utc(line.at)}) {_plain(line.what)}{about}"
    if line.why:
        yield f"  - why: {_plain(line.why)}"
    for words in _words(line, told.letters.get(line.message_id or "")):
        yield ""
        yield from (f"  > {_plain(row)}  ".rstrip() for row in words.splitlines())
        yield ""


def _words(line: StoryLine, letter: LetterDocument | None) -> Iterator[str]:
    """What people wrote, and what a message that went out said."""
    if line.note is not None:
        yield line.note
    if letter is not None and line.kind in {"message.sent", "message.settled"}:
        head = (("To", letter.recipient), ("Subject", letter.subject))
        rows = [f"{name}: {value}" for name, value in head if value]
        yield "\n".join([*rows, "", letter.body] if rows else [letter.body])


def _trail(trail: TrailDocument) -> str:
    state = f"broken: {trail.problem}" if trail.problem else "whole, every hash worked out again"
    end = f"; its last hash is {trail.hash}" if trail.hash else ""
    return f"Audit trail of cycle {trail.cycle}: {trail.entries} entries, {state}{end}."


def _local(line: StoryLine) -> str:
    return f"{line.local:%a %Y-%m-%d %H:%M}"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _plain(words: str) -> str:
    """Words that Markdown does not take for its own signs."""
    signs = "\\`*_{}[]<>#|~"
    return "".join(f"\\{c}" if c in signs else c for c in " ".join(words.splitlines()))
