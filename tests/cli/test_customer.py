"""Can a customer be left out of all dunning from a terminal, be shown all, and be erased?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed

ADA = b'{"amount_due": 4900, "currency": "USD", "customer": {"id": "c1", "name": "Ada"}}'


async def test_a_customer_is_excluded_and_included_again(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    out = await dunning("customer", "exclude", "c1")
    while_out = json.loads((await dunning("invoice", "show", "INV-1", "--json")).out)
    back = await dunning("customer", "exclude", "c1", "--undo", "--json")
    after = json.loads((await dunning("invoice", "show", "INV-1", "--json")).out)
    assert (out.code, out.out) == (0, "c1: excluded\n")
    assert json.loads(back.out) == {"customer_id": "c1", "excluded": False}
    assert (while_out["customer"]["excluded"], after["customer"]["excluded"]) == (True, False)


async def test_an_unknown_customer_is_named(dunning: Typed) -> None:
    ended = await dunning("customer", "exclude", "nobody")
    assert (ended.code, ended.out) == (1, "")
    assert "nobody" in ended.err


async def test_a_customer_is_exported_and_erased(dunning: Typed, tmp_path: Path) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    file = tmp_path / "c1.json"
    written = await dunning("customer", "export", "c1", "--out", str(file))
    shown = await dunning("customer", "export", "c1")
    erased = await dunning("customer", "erase", "c1", "--yes", "--json")
    after = json.loads((await dunning("customer", "export", "c1")).out)
    assert (written.code, written.out, "Written to" in written.err) == (0, "", True)
    assert json.loads(file.read_text()) == json.loads(shown.out)
    assert json.loads(shown.out)["customer"]["name"] == "Ada"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (erased.code, json.loads(erased.out)["removed"]["customers"]) == (0, 1)
    assert after["customer"]["name"] is None


async def test_an_erasure_is_not_begun_unasked(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    asked = await dunning("customer", "erase", "c1")
    assert (asked.code, asked.out) == (2, "")
    assert "Add --yes" in asked.err
    assert json.loads((await dunning("customer", "export", "c1")).out)["customer"]["name"] == "Ada"


async def test_an_erasure_tells_people_what_was_removed(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    erased = await dunning("customer", "erase", "c1", "--yes")
    assert "in customers    1" in erased.out.splitlines()
    again = await dunning("invoice", "put", "INV-1", stdin=ADA)
    assert (again.code, "was erased" in again.err) == (1, True)


async def test_an_export_overwrites_nothing(dunning: Typed, tmp_path: Path) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    file = tmp_path / "there.json"
    file.write_text("mine")
    ended = await dunning("customer", "export", "c1", "--out", str(file))
    assert (ended.code, file.read_text()) == (2, "mine")
    assert "cannot be written (File exists)" in ended.err


@pytest.mark.parametrize("command", [("erase", "--yes"), ("export",)])
async def test_nobody_can_be_neither_erased_nor_exported(
    dunning: Typed, command: tuple[str, ...]
) -> None:
    ended = await dunning("customer", command[0], "nobody", *command[1:])
    assert (ended.code, ended.out, "nobody" in ended.err) == (1, "", True)
