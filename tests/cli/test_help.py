"""Does a stranger understand each command from its help?"""

from __future__ import annotations

from typing import get_args

import pytest
from typer.testing import CliRunner

from app.cli.event import Status
from app.cli.program import program
from store.inbox import EventStatus

COMMANDS = (
    "up",
    "web",
    "worker",
    "demo",
    "init",
    "doctor",
    "db upgrade",
    "temporal setup",
    "policy check",
    "policy show",
    "policy simulate",
    "policy rehearse",
    "message preview",
    "invoice put",
    "invoice import",
    "invoice show",
    "customer exclude",
    "customer erase",
    "customer export",
    "retention run",
    "reconcile",
    "revtain status",
    "revtain pulse",
    "revtain decline",
    "recovery start",
    "recovery list",
    "case list",
    "case show",
    "case pause",
    "case resume",
    "case skip",
    "case send-now",
    "case stop",
    "case extend",
    "case replan",
    "case reopen",
    "case note",
    "case assign",
    "case decide",
    "event list",
    "event show",
    "alert list",
    "alert test",
    "channel list",
    "channel resume",
    "key add",
    "key list",
    "key revoke",
    "endpoint add",
    "endpoint list",
    "endpoint rotate",
    "endpoint remove",
    "endpoint enable",
    "endpoint test",
    "outgoing list",
    "outgoing replay",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does(command: str) -> None:
    shown = CliRunner().invoke(program, [*command.split(), "--help"])
    assert shown.exit_code == 0
    usage, _, rest = shown.output.partition("\n\n")
    assert command in usage
    assert len(rest.split("Options:")[0].strip()) > 10


def test_the_exit_codes_are_told() -> None:
    shown = " ".join(CliRunner().invoke(program, ["--help"]).output.split())
    assert "0 done; 1 something is wrong; 2 bad usage" in shown
    assert "3 a server cannot be reached" in shown


def test_the_columns_of_an_import_are_told() -> None:
    shown = " ".join(CliRunner().invoke(program, ["invoice", "import", "--help"]).output.split())
    assert "id, amount_due, currency" in shown
    assert "transaction_ids, idempotency_keys" in shown


def test_the_statuses_of_events_are_those_of_the_inbox() -> None:
    assert get_args(Status) == tuple(EventStatus)
