"""How is a policy put in force, and how are running cases moved to it?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import clock
from app.cli import ending
from app.cli.faults import WRONG, UsageError
from app.cli.orders import author
from app.cli.output import Json, print_json, print_line, print_rows, say, shown, talk, utc
from app.cli.session import Session, current, operations, stores
from dunning.orders import Move
from web.errors import CaseNotFoundError
from workflows.errors import NoRunError, OrderRefusedError

if TYPE_CHECKING:
    from app.moving import Change, Coming
    from app.wiring import Stores
    from dunning.policy import Policy
    from store.policies import PolicyVersion
    from web.operations import Operations

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]
_From = Annotated[str, typer.Option("--from", help="A version, or the beginning of a digest.")]
_To = Annotated[str, typer.Option("--to", help="The version to go on under.")]
_SHORT = 12


def register(group: typer.Typer) -> None:
    """Add the commands to the group."""
    group.command()(publish)
    group.command("list")(list_versions)
    group.command()(migrate)


def publish(
    file: _File,
    *,
    note: Annotated[str | None, typer.Option(help="What changed; kept with the version.")] = None,
    as_json: Json = False,
) -> None:
    """Put a policy in force for new cases, if nothing in it is to be mended.

    Running cases keep the policy under which they began; `policy migrate` moves them.
    """
    from app.cli.policy import read_text, words
    from app.policy_check import check, templates_beside
    from app.policy_file import read_policy

    session, text = current(), read_text(file)
    found = check(text, session.settings.templates or templates_beside(file))
    for finding in found:
        say(words(finding))
    if any(not finding.note for finding in found):
        say(f"{file} is not published. Mend what is said above.")
        raise typer.Exit(WRONG)
    policy, digest = read_policy(text)
    version = ending.run(_publish(session, policy, digest, note))
    if as_json:
        print_json({"version": version, "digest": digest})
    else:
        print_line(f"version {version}  {digest}")


def list_versions(*, as_json: Json = False) -> None:
    """The published policies, and how many open cases run under each.

    `file` is a policy that was never published; `policy migrate` takes its digest.
    """
    found = ending.run(_versions(current()))
    if as_json:
        print_json([asdict(version) for version in found])
        return
    if not found:
        say("Nothing is published: new cases begin under the file that DUNNING_POLICY names.")
        return
    headings = ("VERSION", "DIGEST", "PUBLISHED", "BY", "OPEN CASES", "NOTE")
    print_rows(headings, (_row(version) for version in found))


def migrate(
    *,
    source: _From,
    target: _To,
    preview: Annotated[bool, typer.Option("--preview", help="Change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Move the open cases of one policy to another, or show what that would change.

    What was sent stays; steps that the new policy would have sent before now are left out.
    """
    report = ending.run(_migrate(current(), source, target, preview=preview))
    if as_json:
        print_json(report.document(preview=preview))
    else:
        for change in report.changes:
            _print_change(change)
        for invoice_id, reason in report.refused:
            say(f"{invoice_id}: {reason}")
        print_line(report.words(preview=preview))
    if report.refused:
        raise typer.Exit(WRONG)


@dataclass(slots=True)
class _Report:
    changes: list[Change] = field(default_factory=list["Change"])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def words(self, *, preview: bool) -> str:
        differ = sum(change.differs for change in self.changes)
        verb = "would move" if preview else "moved"
        return (
            f"{len(self.changes) - len(self.refused)} cases {verb}; "
            f"for {differ} of them what is sent differs; {len(self.refused)} refused"
        )

    def document(self, *, preview: bool) -> dict[str, object]:
        cases = [{**asdict(change), "differs": change.differs} for change in self.changes]
        refused = [{"invoice_id": i, "reason": reason} for i, reason in self.refused]
        return {"preview": preview, "cases": cases, "refused": refused}


async def _publish(session: Session, policy: Policy, digest: str, note: str | None) -> int:
    async with stores(session) as found:
        document = policy.model_dump_json()
        return await found.policies.publish(digest, document, author=author(), note=note)


async def _versions(session: Session) -> list[PolicyVersion]:
    async with stores(session) as found:
        return await found.policies.versions()


async def _migrate(session: Session, source: str, target: str, *, preview: bool) -> _Report:
    from app import moving, wiring
    from app.embedded.progress import shown_on

    report = _Report()
    async with stores(session) as found, operations(session, orders=not preview) as able:
        old, new = await _named(found, source), await _named(found, target)
        if old == new:
            raise UsageError(f"{source} and {target} are the same policy. Name another.")
        opening = wiring.opening(session.settings, found, wiring.policy(session.settings))
        invoices = await found.policies.invoices_under(old)
        with shown_on(talk()) as progress:
            progress.begin("Moving cases", len(invoices))
            for invoice_id in invoices:
                case = await found.cases.get(invoice_id)
                if case is not None:
                    known = await found.ledger.messages(case.workflow_id)
                    change = await moving.preview(opening, case, known, new, clock.now())
                    report.changes.append(change)
                    if not preview:
                        await _move(able, invoice_id, new, report)
                progress.advance()
    return report


async def _move(able: Operations, invoice_id: str, digest: str, report: _Report) -> None:
    try:
        await able.order(invoice_id, Move(policy=digest), author=author())
    except (OrderRefusedError, NoRunError, CaseNotFoundError) as fault:
        report.refused.append((invoice_id, str(fault)))


async def _named(found: Stores, name: str) -> str:
    digest = await found.policies.named(name)
    if digest is None:
        raise UsageError(
            f"There is no policy {shown(name)}, or more than one. `dunning policy list` names them."
        )
    return digest


def _row(version: PolicyVersion) -> tuple[object, ...]:
    return (
        version.version or "file",
        version.digest[:_SHORT],
        version.published_at,
        version.author,
        version.open_cases,
        version.note,
    )


def _print_change(change: Change) -> None:
    campaigns = f"{change.campaign or 'no campaign'} -> {change.new_campaign or 'no campaign'}"
    print_line(f"{shown(change.invoice_id)}  {change.state}  {campaigns}")
    for coming in change.now_coming:
        if coming not in change.then_coming:
            print_line(f"  - {_coming(coming)}")
    for coming in change.then_coming:
        if coming not in change.now_coming:
            print_line(f"  + {_coming(coming)}")


def _coming(coming: Coming) -> str:
    return f"{utc(coming.due_at)}  {coming.channel}  {coming.step}"
