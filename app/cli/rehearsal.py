"""How would past cases have gone under another policy? `dunning policy rehearse`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import Json, print_json, print_line, print_rows, say, talk, utc
from app.cli.session import Session, current, stores
from app.cli.simulation import simulate

if TYPE_CHECKING:
    from datetime import datetime

    from app.rehearsal.compare import Side
    from app.rehearsal.rehearse import Rehearsal
    from app.rehearsal.tally import Tally
    from dunning.policy import Policy
    from store.past_cases import PastCase

_FILES = frozenset({".yaml", ".yml"})
# As long as the real name of a link, which decides how long a text is.
_LINK = "A" * 12

_New = Annotated[Path, typer.Option("--policy", metavar="FILE", help="The policy to try.")]
_Old = Annotated[
    str | None,
    typer.Option(metavar="FILE|VERSION", help="Compare with this; the one in force without it."),
]
_Since = Annotated[str, typer.Option(metavar="SPAN", help="How far to look back: 90d.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group."""
    group.command()(simulate)
    group.command()(rehearse)


def rehearse(
    *, policy: _New, against: _Old = None, since: _Since = "90d", as_json: Json = False
) -> None:
    """Run the cases of the last months through a policy, and compare with the one in force.

    Nothing is sent or stored. Cases begin as they did, end when the money really came, and are
    looked at until now; invoices and customers are taken as they are known today. Names nobody.
    """
    from app import clock

    session, now = current(), clock.now()
    begin = now - _span(since)
    tried = _Tried.of(session, policy, against)
    cases = ending.run(_past(session, begin))
    if not cases:
        say(f"No case was opened since {utc(begin)}. Look back further with --since.")
    found = _rehearsed(cases, tried, now)
    old, new = tried.side(found.old, new=False), tried.side(found.new, new=True)
    if as_json:
        print_json(_document(found, old, new, begin, now))
    else:
        _show(found, old, new, begin)


class _Tried:
    """Both policies, each with the folder that its own templates are in."""

    def __init__(
        self, session: Session, new: tuple[Policy, Path | None], old: tuple[Policy, Path | None]
    ) -> None:
        self.session = session
        self.new, self._new_templates = new
        self.old, self._old_templates = old

    @classmethod
    def of(cls, session: Session, policy: Path, against: str | None) -> _Tried:
        if against is not None and (Path(against).suffix in _FILES or Path(against).is_file()):
            return cls(session, _of_file(session, policy), _of_file(session, Path(against)))
        from app.cli.policy import in_force

        _, old = ending.run(in_force(session, against))
        return cls(session, _of_file(session, policy), (old, session.settings.templates))

    def side(self, tally: Tally, *, new: bool) -> Side:
        """What a tally says, with the texts measured in the words of its policy."""
        from app.rehearsal.compare import Side, segments_of, texts_of
        from messages.links import PayLinks
        from messages.render import Renderer

        policy = self.new if new else self.old
        folder = self._new_templates if new else self._old_templates
        renderer = Renderer(folder, default_locale=policy.account.locale)
        links = PayLinks(secret_key=_LINK, public_url=self.session.settings.public_url)
        measured = segments_of(renderer, policy, links.url(_LINK))
        return Side(tally=tally, texts=texts_of(tally, policy, measured), digest=policy.digest)


def _of_file(session: Session, file: Path) -> tuple[Policy, Path | None]:
    from app.cli.policy import read_text
    from app.policy_check import templates_beside
    from app.policy_file import read_policy

    policy, _ = read_policy(read_text(file))
    return policy, templates_beside(file) or session.settings.templates


def _span(text: str) -> timedelta:
    from dunning.duration import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as fault:
        raise UsageError(f"--since: {fault}") from fault
    if not found:
        raise UsageError("--since: nothing is shorter than 0d. Write a longer span, such as 90d.")
    return found


async def _past(session: Session, since: datetime) -> list[PastCase]:
    from store.past_cases import PastCases

    async with stores(session) as found:
        past = PastCases(found.database, session.settings.token_key)
        return await past.opened_since(since)


def _rehearsed(cases: list[PastCase], tried: _Tried, until: datetime) -> Rehearsal:
    from app.embedded.progress import shown_on
    from app.rehearsal.rehearse import rehearse as run

    with shown_on(talk()) as progress:
        progress.begin("Rehearsing cases", len(cases))

        def done(number: int) -> None:
            for _ in range(number):
                progress.advance()

        return run(cases, tried.old, tried.new, until, done=done)


def _show(found: Rehearsal, old: Side, new: Side, since: datetime) -> None:
    from app.rehearsal.compare import rows

    print_line(f"{found.cases} cases of {found.customers} customers, opened since {utc(since)}")
    print_line("")
    print_rows(("", "OLD", "NEW", "CHANGE"), rows(old, new))
    moved = _moved(found)
    if moved:
        print_line("\nAnother campaign:")
    for before, after, number in moved:
        print_line(f"  {before or 'none'} -> {after or 'none'}: {number}")
    unpriced = max(old.texts.unpriced, new.texts.unpriced)
    if unpriced:
        say("Some texts have no price: name their countries, or `default`, in `prices.sms`.")


def _moved(found: Rehearsal) -> list[tuple[str | None, str | None, int]]:
    changed = ((old, new, n) for (old, new), n in found.moved.items() if old != new)
    return sorted(changed, key=lambda one: (-one[2], one[0] or "", one[1] or ""))


def _document(
    found: Rehearsal, old: Side, new: Side, since: datetime, until: datetime
) -> dict[str, object]:
    return {
        "since": since,
        "until": until,
        "cases": found.cases,
        "customers": found.customers,
        "old": old.document(),
        "new": new.document(),
        "other_campaign": [
            {"old": before, "new": after, "cases": number}
            for before, after, number in _moved(found)
        ],
    }
