"""What does an operator without a worker, or without Temporal, get to see?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app import clock
from store.cases import Cases
from store.database import Database

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


async def test_a_case_is_shown_with_its_notes(dunning: Typed, opened: str) -> None:
    await dunning("case", "note", opened, "called,\x1b[31m will pay")
    await dunning("case", "assign", opened, "ada")
    shown = await dunning("case", "show", opened)
    assert shown.code == 0
    assert "owner     ada" in shown.out
    assert "workflow  dunning:INV-1:1" in shown.out
    assert "No messages are planned." in shown.out
    assert shown.out.endswith("  called,\\x1b[31m will pay\n")
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
