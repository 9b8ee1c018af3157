"""What does an operator without a worker, or without Temporal, get to see?"""

from __future__ import annotations

import asyncio
import json
import os
import pty
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import pytest

from app import clock
from dunning.money import Money
from store.cases import Cases
from store.database import Database
from store.settlement import Settlements
from tests.cli.conftest import KEY, PROGRAM

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

INVOICE = (
    b'{"amount_due": 4900, "currency": "USD", '
    b'"customer": {"id": "c1", "timezone": "Europe/Berlin"}}'
)


@pytest.fixture
async def opened(dunning: Typed, database_url: str) -> str:
    """An invoice whose case is opening, for nobody works on it."""
    await dunning("invoice", "put", "INV-1", stdin=INVOICE)
    database = Database.connect(database_url, pool_size=1)
    await Cases(database).open_many(["INV-1"], clock.now())
    await database.aclose()
    return "INV-1"


async def test_cases_are_listed_for_people_and_programs(dunning: Typed, opened: str) -> None:
    plain = await dunning("case", "list")
    assert plain.code == 0
    heading, row = plain.out.splitlines()
    assert heading.split()[:3] == ["INVOICE", "STATE", "OUTCOME"]
    assert row.split()[:2] == [opened, "opening"]
    (case,) = json.loads((await dunning("case", "list", "--json")).out)
    assert (case["invoice_id"], case["state"]) == (opened, "opening")
    none = await dunning("case", "list", "--state", "review", "--json")
    assert (json.loads(none.out), none.err) == ([], "")


async def test_a_person_finds_the_own_cases(dunning: Typed, opened: str) -> None:
    await dunning("invoice", "put", "INV-2", stdin=INVOICE)
    await dunning("case", "assign", opened, "ada")
    for more in ([], ["--state", "opening"]):
        own = await dunning("case", "list", "--owner", "ada", "--json", *more)
        assert [case["invoice_id"] for case in json.loads(own.out)] == [opened]
        other = await dunning("case", "list", "--owner", "grace", "--json", *more)
        assert json.loads(other.out) == []


async def test_a_case_is_shown_with_its_notes(dunning: Typed, opened: str) -> None:
    await dunning("case", "note", opened, "called,\x1b[31m will pay")
    await dunning("case", "assign", opened, "ada")
    shown = await dunning("case", "show", opened)
    assert shown.code == 0
    assert "owner     ada" in shown.out
    assert "workflow  dunning:INV-1:1" in shown.out
    assert "No messages are planned." in shown.out
    assert "    | called,\\x1b[31m will pay\n" in shown.out
    document = json.loads((await dunning("case", "show", opened, "--json")).out)
    assert document["timezone"] == "Europe/Berlin"
    assert [note["text"] for note in document["notes"]] == ["called,\x1b[31m will pay"]


async def test_an_order_without_temporal_is_exit_code_3(dunning: Typed, opened: str) -> None:
    ended = await dunning("case", "pause", opened, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.strip() == (
        "Temporal at 127.0.0.1:1 does not answer. Start it, or set TEMPORAL_ADDRESS."
    )


async def test_an_invoice_without_a_case_is_one_sentence(dunning: Typed) -> None:
    ended = await dunning("case", "assign", "INV-9", "ada")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Invoice INV-9 has no case.")


@pytest.mark.parametrize("until", ["yesterday", "2026-12-01T09:00:00", "3x"])
async def test_an_end_of_a_pause_that_cannot_be_read_is_bad_usage(
    dunning: Typed, until: str
) -> None:
    ended = await dunning("case", "pause", "INV-1", "--until", until)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"--until: '{until}' is neither an instant with its zone")


CLOSING = [("stop",), ("decide", "write_off"), ("decide", "stop")]


@pytest.mark.parametrize("order", CLOSING)
async def test_closing_a_case_needs_a_terminal_or_a_yes(
    dunning: Typed, opened: str, order: tuple[str, ...]
) -> None:
    name, *decision = order
    nowhere = "127.0.0.1:1"
    refused = await dunning("case", name, opened, *decision, TEMPORAL_ADDRESS=nowhere)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.strip().endswith(
        "of INV-1? Nobody can be asked without a terminal. Add --yes if it is meant."
    )
    meant = await dunning("case", name, opened, *decision, "--yes", TEMPORAL_ADDRESS=nowhere)
    assert meant.code == 3
    assert meant.err.startswith("Temporal at 127.0.0.1:1 does not answer.")


async def test_other_decisions_are_not_asked_about(dunning: Typed, opened: str) -> None:
    ended = await dunning("case", "decide", opened, "resume", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert ended.code == 3


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [("n", 1, "Nothing was changed."), ("y", 3, "Temporal at 127.0.0.1:1 does not answer.")],
)
async def test_at_a_terminal_a_person_is_asked(
    database_url: str, opened: str, typed: str, code: int, told: str
) -> None:
    here = {"DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY}
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *("case", "stop", opened),
        stdin=theirs,
        stdout=DEVNULL,
        stderr=PIPE,
        env={**os.environ, **here, "TEMPORAL_ADDRESS": "127.0.0.1:1"},
    )
    os.write(ours, f"{typed}\n".encode())
    _, said = await process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, "Stop the case for good of INV-1? [y/N]" in said.decode()) == (
        code,
        True,
    )
    assert told in said.decode()


async def test_both_figures_are_shown(dunning: Typed, opened: str, database_url: str) -> None:
    database = Database.connect(database_url, pool_size=1)
    received = Money(minor=4500, currency="EUR")
    await Settlements(database).settle(opened, received, None, clock.now())
    await database.aclose()
    case = (await dunning("case", "show", opened)).out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in case if line[:4] in {"owed", "rece"}] == [
        "49.00 USD",
        "45.00 EUR",
    ]
    invoice = (await dunning("invoice", "show", opened)).out.splitlines()
    figures = [line.split(maxsplit=1)[1] for line in invoice if line[:6] in {"amount", "receiv"}]
    assert figures == ["49.00 USD", "45.00 EUR"]


async def test_a_promise_needs_a_day_that_can_be_read_and_a_case_that_takes_it(
    dunning: Typed, opened: str
) -> None:
    wrong = await dunning("case", "promise", opened, "friday")
    assert (wrong.code, wrong.err) == (2, "'friday' is not a day. Write it like 2026-12-01.\n")
    away = await dunning("case", "promise", opened, "2026-12-01", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (away.code, away.err) == (
        3,
        "Temporal at 127.0.0.1:1 does not answer. Start it, or set TEMPORAL_ADDRESS.\n",
    )
