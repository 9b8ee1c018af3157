"""How does the story of a case reach a person: on the terminal, or as a file for a complaint?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import local, print_line, say, shown, utc
from app.cli.session import Session, operations

if TYPE_CHECKING:
    from pathlib import Path

    from web.story import StoryDocument, StoryLine
    from web.story_file import StoryFile


def print_story(story: StoryDocument) -> None:
    """Each line with both clocks; what is to come stands apart."""
    print_line(f"\nWHAT HAPPENED (local time: {story.timezone})")
    came = False
    for line in story.lines:
        if line.recorded_at is None and not came:
            came = True
            print_line("\nSTILL TO COME")
        _print(line, story.timezone)


def write_story(session: Session, invoice_id: str, path: Path, *, personal: bool) -> None:
    """Write the file, and beside it the same as JSON."""
    beside = path.with_suffix(".json")
    if path.suffix not in {".html", ".md"}:
        raise UsageError(f"--export: {path} must end in .html or .md; a .json is written beside.")
    told = ending.run(_told(session, invoice_id, personal=personal))
    document = json.dumps(told.model_dump(mode="json"), indent=2, ensure_ascii=False)
    for place, words in ((path, _paper(told, path.suffix)), (beside, f"{document}\n")):
        try:
            place.write_text(words, encoding="utf-8")
        except OSError as fault:
            reason = fault.strerror
            raise UsageError(f"--export: {place} cannot be written ({reason}).") from fault
    what = "with addresses" if personal else "without addresses"
    say(f"The story of {shown(invoice_id)} stands in {path} and {beside}, {what}.")


def _print(line: StoryLine, zone: str) -> None:
    about = f": {shown(line.about)}" if line.about else ""
    print_line(f"{local(line.at, zone)}  {utc(line.at)}  {shown(line.what)}{about}")
    if line.why:
        print_line(f"    why: {shown(line.why)}")
    for words in (line.note or "").splitlines():
        print_line(f"    | {shown(words)}")


async def _told(session: Session, invoice_id: str, *, personal: bool) -> StoryFile:
    from web import lookup

    async with operations(session) as able:
        return await lookup.story_file(able, invoice_id, personal=personal)


def _paper(told: StoryFile, suffix: str) -> str:
    from web import story_paper

    return story_paper.html(told) if suffix == ".html" else story_paper.markdown(told)
