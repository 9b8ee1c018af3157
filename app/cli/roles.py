"""How are the parts that serve started: everything at once, or role by role?"""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import ending
from app.cli.output import talk
from app.cli.session import checked
from app.settings import load


def register(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.command()(up)
    program.command()(web)
    program.command()(worker)
    program.command()(demo)


def up(
    *,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the web server; 0 takes a free one."),
    ] = None,
    stay: Annotated[
        bool, typer.Option(help="Run until Ctrl-C, or end once everything is up.")
    ] = True,
) -> None:
    """Run everything in one process, for a trial or a small merchant.

    Starts PostgreSQL and Temporal on DUNNING_DATA_DIR unless DUNNING_DATABASE_URL and
    TEMPORAL_ADDRESS name yours. Vendors without settings are stood in for by a sandbox on this
    machine, whose inbox page shows every message.
    """
    from app.up import up as run_up

    ending.run(run_up(talk(), port=port, stay=stay), fast=True)


def web() -> None:
    """Run the web role: webhooks, API and customer pages. Any number may run.

    Waits for PostgreSQL. Takes events in even while Temporal is away.
    """
    from app.running import run_web

    ending.run(run_web(checked(load())), fast=True)


def worker(
    *,
    build_id: Annotated[
        str | None,
        typer.Option(
            help="Name of this build. Once it polls, Temporal is told to send it the work; "
            "running cases move to it at their next step."
        ),
    ] = None,
) -> None:
    """Run the worker role: cases, lookups and sending. Any number may run.

    Waits for PostgreSQL and Temporal.
    """
    from app.running import run_worker

    ending.run(run_worker(checked(load()), build_id=build_id), fast=True)


def demo(
    *,
    stay: Annotated[
        bool | None,
        typer.Option(help="Leave the consoles open afterwards. Default: on a terminal only."),
    ] = None,
) -> None:
    """Play a month of dunning in about a minute, on servers of its own and a sandbox."""
    from app.demo.command import demo as run_demo

    raise typer.Exit(ending.run(run_demo(stay=stay)))
