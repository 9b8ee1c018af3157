"""Which commands are there?"""

from __future__ import annotations

import io
import sys
import traceback
from typing import NoReturn

import typer

from app import log
from app.cli import (
    alert,
    audit,
    case,
    channel,
    customer,
    directory,
    ending,
    endpoint,
    event,
    installation,
    invoice,
    key,
    message,
    orders,
    outgoing,
    policy,
    reconcile,
    recovery,
    reply,
    resolving,
    retention,
    revtain,
    roles,
    suppression,
)
from app.cli.faults import WRONG

_EPILOG = (
    "Exit codes: 0 done; 1 something is wrong; 2 bad usage, an argument or a setting; "
    "3 a server cannot be reached. Data goes to stdout, talk to stderr."
)

program = typer.Typer(
    name="dunning",
    help="Durable dunning for Revtain merchants: one Temporal workflow per failed invoice.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

roles.register(program)
installation.register(program)
program.add_typer(policy.group)
resolving.register(message.group)
program.add_typer(message.group)
program.add_typer(invoice.group)
program.add_typer(customer.group)
program.add_typer(directory.group)
orders.register(case.group)
program.add_typer(case.group)
program.add_typer(recovery.group)
program.add_typer(audit.group)
program.add_typer(event.group)
program.add_typer(alert.group)
program.add_typer(channel.group)
program.add_typer(reply.group)
program.add_typer(suppression.group)
program.add_typer(key.group)
program.add_typer(retention.group)
program.add_typer(endpoint.group)
program.add_typer(outgoing.group)
program.command()(reconcile.reconcile)
program.add_typer(revtain.group)


def main() -> NoReturn:
    """The command `dunning`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    log.configure()
    try:
        code = ending.attempt(program, sys.argv[1:])
    except Exception:  # noqa: BLE001 - the top level: a fault of the program shows its traceback
        traceback.print_exc()
        code = WRONG
    ending.leave(code)
