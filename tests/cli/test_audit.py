"""Can an operator prove that nobody changed what was kept, and hand a whole story over?"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from store.cases import Cases
from store.database import Database
from store.ledger import Ledger
from store.reservations import Draft, Reserved

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

NOW = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
EMAIL, PHONE = "ada@example.com", "+12125550123"
INVOICE = {
    "amount_due": 4900,
    "currency": "USD",
    "customer": {"id": "c1", "name": "Ada", "email": EMAIL, "phone": PHONE},
}
BODY = f"Dear Ada ({EMAIL}),\npay at https://pay.example/p/abc.DEF-1 <b>soon</b>."


@pytest.fixture
async def database(dunning: Typed, database_url: str) -> AsyncGenerator[Database]:
    opened = Database.connect(database_url, pool_size=1)
    yield opened
    await opened.aclose()


@pytest.fixture
async def told(dunning: Typed, database: Database) -> str:
    """A case of which one email left, and what it said was kept."""
    await dunning("invoice", "put", "INV-1", stdin=json.dumps(INVOICE).encode())
    await Cases(database).open_many(["INV-1"], NOW)
    ledger = Ledger(database, b"key")
    draft = Draft(step="first", channel=Channel.EMAIL, template="card", due_at=NOW, now=NOW)
    reserved = await ledger.reserve("dunning:INV-1:1", draft)
    assert isinstance(reserved, Reserved)
    await ledger.record_sent(reserved.message_id, provider_id="sg-1", occurred_at=NOW)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO letters (message_id, recipient, subject, body) VALUES (:m, :r, :s, :b)"
            ),
            {"m": reserved.message_id, "r": EMAIL, "s": "Pay *now*", "b": BODY},
        )
    await dunning("case", "note", "INV-1", f"wrote from {EMAIL.upper()}")
    return "INV-1"


async def tamper(database: Database, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(statement))


async def test_whole_trails_are_exit_code_0(dunning: Typed, told: str) -> None:
    ended = await dunning("audit", "verify")
    assert (ended.code, ended.out, ended.err) == (0, "", "3 entries of 1 cases are whole.\n")
    asked = await dunning("audit", "verify", "--invoice", told, "--json")
    assert json.loads(asked.out) == {"cases": 1, "entries": 3, "whole": True, "faults": []}


async def test_a_changed_entry_is_exit_code_1_and_named(
    dunning: Typed, told: str, database: Database
) -> None:
    await tamper(database, "UPDATE audit SET detail = detail - 'provider_id' WHERE seq = 2")
    ended = await dunning("audit", "verify")
    assert (ended.code, ended.out) == (1, "INV-1, cycle 1 (case 1): entry 2 was changed\n")
    assert ended.err.startswith("1 trails are broken, of 3 entries of 1 cases.")
    (fault,) = json.loads((await dunning("audit", "verify", "--json")).out)["faults"]
    assert (fault["invoice_id"], fault["seq"], fault["problem"]) == (told, 2, "entry 2 was changed")


async def test_an_invoice_without_a_case_is_said(dunning: Typed, told: str) -> None:
    for command in (("verify", "--invoice"), ("list",)):
        ended = await dunning("audit", *command, "INV-9")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("Invoice INV-9 has no case.")


async def test_heads_are_written_compared_and_renewed(
    dunning: Typed, told: str, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "heads"
    await dunning("audit", "verify", "--heads", str(file))
    first = file.read_text()
    assert first.splitlines()[1].split("\t")[:3] == ["1", "1", "3"]
    await dunning("case", "note", told, "more")
    assert (await dunning("audit", "verify", "--heads", str(file))).code == 0
    assert file.read_text().splitlines()[1].split("\t")[:3] == ["1", "1", "4"]
    cut = (
        "WITH cut AS (DELETE FROM audit WHERE seq = 4) "
        "UPDATE audit_heads SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)"
    )
    await tamper(database, cut)
    assert (await dunning("audit", "verify")).code == 0
    kept = file.read_text()
    found = await dunning("audit", "verify", "--heads", str(file))
    assert (found.code, file.read_text()) == (1, kept)
    assert found.out.endswith("entries 4 to 4 of the copy were cut off at the end\n")


@pytest.mark.parametrize("words", ["", "1\t2\t3", "# Ends of something else"])
async def test_a_file_that_holds_no_heads_is_bad_usage(
    dunning: Typed, told: str, tmp_path: Path, words: str
) -> None:
    file = tmp_path / "heads"
    file.write_text(words)
    ended = await dunning("audit", "verify", "--heads", str(file))
    assert (ended.code, ended.out, file.read_text()) == (2, "", words)
    assert ended.err.startswith(f"--heads: {file} is not a file of heads.")


async def test_a_damaged_line_of_heads_is_named(dunning: Typed, told: str, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    await dunning("audit", "verify", "--heads", str(file))
    whole = file.read_text()
    for damaged in (whole.replace("\t3\t", "\t0\t"), whole + "x\n", whole + "\n"):
        file.write_text(damaged)
        ended = await dunning("audit", "verify", "--heads", str(file))
        assert (ended.code, ended.err.split(" of ")[0][:14]) == (2, "--heads: line ")


async def test_the_trail_is_listed(dunning: Typed, told: str) -> None:
    entries = json.loads((await dunning("audit", "list", told, "--json")).out)
    assert [entry["kind"] for entry in entries] == ["case.opened", "message.sent", "note.added"]
    rows = (await dunning("audit", "list", told)).out.splitlines()
    assert [row.split()[:2] for row in rows[1:]] == [["1", "1"], ["1", "2"], ["1", "3"]]


@pytest.mark.parametrize("suffix", [".html", ".md"])
async def test_an_exported_story_has_the_texts_and_no_address(
    dunning: Typed, told: str, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"complaint{suffix}"
    ended = await dunning("case", "show", told, "--export", str(file))
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("without addresses.\n")
    beside = json.loads(file.with_suffix(".json").read_text())
    for words in (file.read_text(), file.with_suffix(".json").read_text()):
        assert EMAIL not in words.lower()
        assert PHONE not in words
        assert "abc.DEF-1" not in words
        assert "Dear Ada (" in words.replace("\\", "")
    assert beside["customer"] == {"id": "c1", "name": None, "email": None, "phone": None}
    assert [line["kind"] for line in beside["lines"]] == [
        "case.opened",
        "message.sent",
        "note.added",
    ]
    (trail,) = beside["trails"]
    assert (trail["entries"], trail["problem"]) == (3, None)
    assert trail["hash"] in file.read_text()


async def test_addresses_are_exported_when_asked_for_but_never_links(
    dunning: Typed, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "complaint.html"
    ended = await dunning("case", "show", told, "--export", str(file), "--with-personal-data")
    assert ended.err.endswith("with addresses.\n")
    words = file.read_text()
    assert (EMAIL in words, PHONE in words, "abc.DEF-1" in words) == (True, True, False)
    (letter,) = json.loads(file.with_suffix(".json").read_text())["letters"].values()
    assert letter["recipient"] == EMAIL


async def test_what_people_wrote_is_no_markup(dunning: Typed, told: str, tmp_path: Path) -> None:
    html, markdown = tmp_path / "a.html", tmp_path / "a.md"
    for file in (html, markdown):
        await dunning("case", "show", told, "--export", str(file))
    assert "&lt;b&gt;soon&lt;/b&gt;" in html.read_text()
    assert r"\<b\>soon\</b\>" in markdown.read_text()
    assert r"Pay \*now\*" in markdown.read_text()


async def test_an_exported_story_says_when_its_proof_is_broken(
    dunning: Typed, told: str, database: Database, tmp_path: Path
) -> None:
    await tamper(database, "UPDATE audit SET at = at + interval '1 hour' WHERE seq = 2")
    file = tmp_path / "complaint.md"
    await dunning("case", "show", told, "--export", str(file))
    assert "broken: entry 2 was changed" in file.read_text()


@pytest.mark.parametrize("name", ["story.pdf", "story", "no/such/folder/story.html"])
async def test_a_file_that_cannot_be_written_is_bad_usage(
    dunning: Typed, told: str, tmp_path: Path, name: str
) -> None:
    ended = await dunning("case", "show", told, "--export", str(tmp_path / name))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"--export: {tmp_path / name}")
    assert list(tmp_path.rglob("story*")) == []


async def test_a_case_is_shown_with_its_story(dunning: Typed, told: str) -> None:
    document = json.loads((await dunning("case", "show", told, "--json")).out)
    assert [line["what"] for line in document["story"]] == [
        "The case was opened",
        "Email sent",
        "Note by " + document["notes"][0]["author"],
    ]
    shown = (await dunning("case", "show", told)).out
    assert "UTC  Email sent: step first, template card\n    why: a step of the campaign" in shown
