"""Do invoices come in from a terminal, and does a mistake cost one sentence?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed

ADA = b'{"amount_due": 4900, "currency": "USD", "customer": {"id": "c1", "name": "Ada"}}'
FILE = (
    b"id,amount_due,currency,customer_id,transaction_ids\n"
    b"INV-1,4900,USD,c1,T1\n"
    b"INV-2,100,EUR,c2,T2\n"
)


async def test_an_invoice_is_put_once_and_shown(dunning: Typed) -> None:
    first = await dunning("invoice", "put", "INV-1", stdin=ADA)
    again = await dunning("invoice", "put", "INV-1", "--json", stdin=ADA)
    assert (first.code, first.out) == (0, "INV-1: created\n")
    assert json.loads(again.out) == {"invoice_id": "INV-1", "result": "unchanged"}
    shown = await dunning("invoice", "show", "INV-1")
    assert shown.out.splitlines()[:3] == [
        "invoice   INV-1",
        "amount    49.00 USD",
        "status    open",
    ]
    document = json.loads((await dunning("invoice", "show", "INV-1", "--json")).out)
    assert (document["amount_due"], document["customer"]["name"]) == (4900, "Ada")


async def test_what_is_not_an_invoice_is_told_field_by_field(dunning: Typed) -> None:
    wrong = b'{"amount_due": 49.5, "currency": "usd", "custome": {}}'
    ended = await dunning("invoice", "put", "INV-1", stdin=wrong)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        "amount_due: must be a whole number of minor units, such as 4900 for 49.00.",
        'currency: must be an ISO 4217 code of three capitals, such as "USD".',
        "custome: is not a known field.",
    ]
    for content, told in ((b"{", "This is not JSON: "), (b"[]", "An invoice is a JSON object")):
        ended = await dunning("invoice", "put", "INV-1", stdin=content)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(told)


async def test_a_new_invoice_needs_a_customer(dunning: Typed) -> None:
    ended = await dunning("invoice", "put", "INV-1", stdin=b'{"amount_due": 1, "currency": "USD"}')
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.strip() == ("Invoice INV-1 is not known yet: a new invoice needs customer.id.")


async def test_importing_again_changes_nothing(dunning: Typed, tmp_path: Path) -> None:
    file = tmp_path / "invoices.csv"
    file.write_bytes(FILE)
    first = await dunning("invoice", "import", str(file))
    again = await dunning("invoice", "import", str(file))
    assert (first.code, first.out) == (0, "2 created, 0 changed, 0 unchanged, 0 bad\n")
    assert (again.code, again.out) == (0, "0 created, 0 changed, 2 unchanged, 0 bad\n")


async def test_good_rows_are_kept_and_bad_ones_told(dunning: Typed) -> None:
    content = FILE + b"INV-3,9.99,EUR,c3,T3\nINV-4,100,EUR,c4,T1\n"
    ended = await dunning("invoice", "import", "-", "--json", stdin=content)
    assert ended.code == 1
    assert json.loads(ended.out) == {
        "created": 2,
        "changed": 0,
        "unchanged": 0,
        "problems": [
            {
                "line": 4,
                "field": "amount_due",
                "reason": "must be a whole number of minor units, such as 4900 for 49.00",
            },
            {
                "line": 5,
                "field": "transaction_ids",
                "reason": "Transaction T1 belongs to invoice INV-1: it cannot belong to invoice "
                "INV-4 as well.",
            },
        ],
    }
    plain = await dunning("invoice", "import", "-", stdin=content)
    assert "line 4, amount_due: must be a whole number of minor units" in plain.err
    assert plain.out == "0 created, 0 changed, 2 unchanged, 2 bad\n"


async def test_a_file_that_is_not_there_is_bad_usage(bare: Typed) -> None:
    ended = await bare("invoice", "import", "nowhere.csv")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.strip() == (
        "nowhere.csv cannot be read: No such file or directory. Name another file."
    )


async def test_an_unknown_invoice_is_one_sentence(dunning: Typed) -> None:
    ended = await dunning("invoice", "show", "INV-9")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Invoice INV-9 is not registered.")
