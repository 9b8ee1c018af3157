"""Can a customer be left out of all dunning from a terminal, and let in again?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
