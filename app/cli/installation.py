"""How is an installation set up, and is it sound?"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from app.cli import ending
from app.cli.faults import WRONG
from app.cli.output import Json, print_json, print_line, say
from app.cli.session import Session, current, unreachable
from app.settings import required
from dunning.errors import DunningError

_MARKS = {"ok": "✓", "note": "!", "wrong": "✗"}


class OccupiedError(DunningError):
    """A file is there that must not be overwritten."""


def register(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.command()(init)
    program.command()(doctor)
    database = typer.Typer(name="db", help="The tables in PostgreSQL.", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    database.callback()(_group)
    program.add_typer(database)
    namespace = typer.Typer(name="temporal", help="The namespace in Temporal.")
    namespace.command("setup")(set_up)
    namespace.callback()(_group)
    program.add_typer(namespace)


def _group() -> None:
    """Without this, typer would merge a group of one command into its parent."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")],
) -> None:
    """Write the default policy and all templates to DIR, to be made your own.

    Nothing that is there already is overwritten. Prints the path of the policy.
    """
    target = folder / "policy.yaml"
    occupied = [path for path in (target, folder / "templates") if path.exists()]
    if occupied:
        raise OccupiedError(f"{occupied[0]} is there already. Choose another folder, or remove it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with resources.as_file(resources.files("campaigns")) as source:
            shutil.copytree(source / "templates", folder / "templates")
            shutil.copyfile(source / "policy.yaml", target)
    except OSError as fault:
        raise OccupiedError(
            f"{folder} cannot be written ({fault.strerror}). Choose another folder."
        ) from fault
    say(f"Set DUNNING_POLICY={target}, edit it, then run `dunning policy check {target}`.")
    print_line(str(target))


def upgrade() -> None:
    """Bring the tables in DUNNING_DATABASE_URL to this version. May be repeated."""
    from store import migrations

    settings = current().settings
    url = required(settings.database_url, "DUNNING_DATABASE_URL").get_secret_value()
    if migrations.pending(url):
        migrations.upgrade(url)
        say("The tables are upgraded.")
    else:
        say("The tables are those of this version already.")


def set_up() -> None:
    """Register the search attributes in the configured Temporal namespace. May be repeated."""
    added = ending.run(_set_up(current()))
    say(f"Registered {', '.join(added)}." if added else "All search attributes are there already.")


async def _set_up(session: Session) -> list[str]:
    from app import temporal
    from workflows.errors import TemporalDownError

    try:
        return await temporal.set_up(await temporal.connect(session.temporal))
    except TemporalDownError as fault:
        raise unreachable(session) from fault


def doctor(*, as_json: Json = False) -> None:
    """Check every part that dunning needs, and say what to do about what is wrong.

    ✓ is fine, ! is worth knowing, ✗ is wrong. Exit code 1 when something is wrong.
    """
    from app import doctor as checks

    session = current()
    found = ending.run(checks.examine(session.settings, session.temporal))
    if as_json:
        print_json([asdict(check) for check in found])
    else:
        for check in found:
            print_line(f"{_MARKS[check.verdict]} {check.name}: {check.finding}")
            if check.next_step:
                print_line(f"    → {check.next_step}")
    if any(check.verdict is checks.Verdict.WRONG for check in found):
        raise typer.Exit(WRONG)
