"""What does a policy file say, and would it do what its author meant?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending, explanation, rehearsal, versions
from app.cli.faults import WRONG, UsageError
from app.cli.output import Json, print_json, print_line, say

if TYPE_CHECKING:
    from app.cli.session import Session
    from dunning.lint import Finding
    from dunning.policy import Policy

group = typer.Typer(name="policy", help="Campaigns, windows and limits.", no_args_is_help=True)
versions.register(group)
rehearsal.register(group)
explanation.register(group)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]


@group.command()
def check(file: _File, *, as_json: Json = False) -> None:
    """Say everything that is wrong with a policy file, and how to mend it.

    Finds what cannot be read, and what can be read but would not do what was meant: a step that
    never falls into a send window, a campaign that is never chosen, a missing template. Templates
    are looked for in the folder `templates` beside the file, then among those that ship.
    """
    from app.policy_check import check as check_text
    from app.policy_check import templates_beside

    found = check_text(read_text(file), templates_beside(file))
    if as_json:
        print_json([_document(finding) for finding in found])
    else:
        for finding in found:
            print_line(words(finding))
    if any(not finding.note for finding in found):
        raise typer.Exit(WRONG)
    say(f"{file} is fine.")


@group.command()
def show(
    version: Annotated[
        str | None, typer.Argument(help="A published version; the one in force without it.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Print a policy, with all defaults written out.

    In force is the one published last; until one is, the file that DUNNING_POLICY names, or the
    one that ships with dunning.
    """
    import yaml

    from app.cli.session import current

    source, policy = ending.run(in_force(current(), version))
    document = policy.model_dump(mode="json")
    if as_json:
        print_json({"digest": policy.digest, "policy": document})
        return
    say(f"From {source}; digest {policy.digest}.")
    print_line(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())


async def in_force(session: Session, name: str | None) -> tuple[str, Policy]:
    """Where the policy is from, and what it says; the file's counts until one is published."""
    from activities.policies import Policies
    from app import wiring
    from app.cli.session import stores

    settings = session.settings
    file = wiring.policy(settings)
    if name is None and settings.database_url is None:
        return str(settings.policy or "the policy that ships"), file
    async with stores(session) as found:
        digest = await (found.policies.current() if name is None else found.policies.named(name))
        if digest is not None:
            return "what was published", await Policies(kept=found.policies, current=file).get(
                digest
            )
    if name is not None:
        raise UsageError(f"There is no policy {name}. `dunning policy list` names them.")
    return str(settings.policy or "the policy that ships"), file


def read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror}. Name a policy file.") from fault
    except UnicodeDecodeError as fault:
        raise UsageError(f"{file} is not UTF-8 text. Save it as UTF-8.") from fault


def _document(finding: Finding) -> dict[str, str]:
    return {name: value for name, value in asdict(finding).items() if value}


def words(finding: Finding) -> str:
    """A finding in one line."""
    if not finding.path:
        return finding.problem
    return f"{finding.path}: {finding.problem}. {finding.fix} [{finding.code}]"
