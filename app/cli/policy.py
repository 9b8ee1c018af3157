"""What does a policy file say, and would it do what its author meant?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.faults import WRONG, UsageError
from app.cli.output import Json, print_json, print_line, say
from dunning.errors import PolicyError

group = typer.Typer(name="policy", help="Campaigns, windows and limits.", no_args_is_help=True)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]


@group.command()
def check(file: _File, *, as_json: Json = False) -> None:
    """Say everything that is wrong with a policy file, and how to mend it.

    Finds what cannot be read, and what can be read but would not do what was meant: a step that
    never falls into a send window, a campaign that is never chosen, a missing template. Templates
    are looked for in the folder `templates` beside the file, then among those that ship.
    """
    problems = _problems(file)
    if as_json:
        print_json(problems)
    else:
        for problem in problems:
            print_line(" ".join(part for part in _words(problem) if part))
    if problems:
        raise typer.Exit(WRONG)
    say(f"{file} is fine.")


@group.command()
def show(*, as_json: Json = False) -> None:
    """Print the policy in force, with all defaults written out.

    It is the file that DUNNING_POLICY names, or the one that ships with dunning.
    """
    import yaml

    from app import wiring
    from app.cli.session import current

    settings = current().settings
    policy = wiring.policy(settings)
    document = policy.model_dump(mode="json")
    if as_json:
        print_json({"digest": policy.digest, "policy": document})
        return
    say(f"From {settings.policy or 'the policy that ships'}; version {policy.digest}.")
    print_line(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())


def _problems(file: Path) -> list[dict[str, str]]:
    from app.policy_file import read_policy
    from app.template_names import template_names
    from dunning.lint import lint

    try:
        policy, _ = read_policy(_text(file))
    except PolicyError as fault:
        return [{"code": "invalid", "problem": problem} for problem in fault.problems]
    folder = file.parent / "templates"
    names = template_names(folder if folder.is_dir() else None, policy)
    return [asdict(finding) for finding in lint(policy, names)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror}. Name a policy file.") from fault
    except UnicodeDecodeError as fault:
        raise UsageError(f"{file} is not UTF-8 text. Save it as UTF-8.") from fault


def _words(problem: dict[str, str]) -> tuple[str, ...]:
    path = f"{problem['path']}:" if "path" in problem else ""
    code = f"[{problem['code']}]" if "path" in problem else ""
    end = "." if "fix" in problem else ""
    return path, problem["problem"] + end, problem.get("fix", ""), code
