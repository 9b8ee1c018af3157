"""Does an operator see what each directory says, and is everything refused that cannot be meant?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import KEY, started
from tests.cli.test_doctor import examined
from tests.providers.scripted_server import Reply, ScriptedServer, refusing_url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed

DOCUMENT = {"amount_due": 4900, "currency": "USD", "status": "open", "customer": {"id": "cus_1"}}
BAD_FILE = "queries:\n  invoice: SELECT 'open' AS stand, :invoice_id AS plan\n"
GOOD_FILE = """\
queries:
  invoice: >
    SELECT 4900 AS amount_due, 'USD' AS currency, 'open' AS status, 'cus_1' AS customer_id
    WHERE :invoice_id = 'INV-1'
"""


def endpoint(url: str) -> dict[str, str]:
    return {
        "DUNNING_DIRECTORIES": "registry, http",
        "DUNNING_DIRECTORY_URL": f"{url}/invoices/{{invoice_id}}",
        "DUNNING_DIRECTORY_TRANSACTION_URL": f"{url}/payments/{{transaction_id}}",
    }


def said(**changes: object) -> Reply:
    return Reply(200, json.dumps({**DOCUMENT, **changes}).encode())


async def test_the_secret_is_printed_alone_and_stays_the_same(dunning: Typed) -> None:
    first, second = await dunning("directory", "secret"), await dunning("directory", "secret")
    assert (first.code, first.err, first.out) == (0, "", second.out)
    assert first.out.startswith("whsec_")
    assert len(first.out.strip()) == len("whsec_") + 44


async def test_what_is_said_is_shown_and_nothing_is_registered(dunning: Typed) -> None:
    async with ScriptedServer(said(), said(id="INV-1")) as server:
        settings = endpoint(server.url)
        by_id = await dunning("directory", "test", "INV-1", "--json", settings=settings)
        by_transaction = await dunning(
            "directory", "test", "01KKZ", "--transaction", settings=settings
        )
    (word,) = json.loads(by_id.out)
    assert (by_id.code, by_id.err) == (0, "")
    assert {**word, "seconds": 0} == {
        "directory": "http",
        "seconds": 0,
        "invoice": "INV-1",
        "says": DOCUMENT,
        "changes": True,
        "problem": None,
    }
    assert by_transaction.out.startswith("http: knows it, and something would change (")
    assert '"01KKZ"' in by_transaction.out
    assert (await dunning("invoice", "show", "INV-1")).code == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (said(plan_name="pro"), "http: plan_name: is not a field of an invoice"),
        (Reply(200, b'{"status": "open"}'), "http: Invoice INV-1 is not known yet: a new invoice"),
        (Reply(500), "http: it answers 500 instead of 200 or 404"),
    ],
)
async def test_what_cannot_be_registered_is_told(dunning: Typed, reply: Reply, words: str) -> None:
    async with ScriptedServer(reply) as server:
        ended = await dunning("directory", "test", "INV-1", settings=endpoint(server.url))
    assert (ended.code, ended.out.startswith(words)) == (1, True)
    assert "says nothing that can be registered" in ended.err


async def test_an_unknown_invoice_is_no_fault(dunning: Typed) -> None:
    async with ScriptedServer(Reply(404)) as server:
        ended = await dunning("directory", "test", "INV-1", settings=endpoint(server.url))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("http: does not know it")


async def test_without_directories_there_is_nothing_to_ask(dunning: Typed) -> None:
    ended = await dunning("directory", "test", "INV-1")
    assert (ended.code, ended.out) == (0, "")
    assert "DUNNING_DIRECTORIES names them" in ended.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DUNNING_DIRECTORIES": "http"}, "DUNNING_DIRECTORY_URL is not set."),
        ({"DUNNING_DIRECTORIES": "ldap"}, "DUNNING_DIRECTORIES: "),
        ({"DUNNING_DIRECTORIES": "http,http"}, "DUNNING_DIRECTORIES: must name one or more of"),
        ({"DUNNING_DIRECTORIES": "sql"}, "DUNNING_DIRECTORY_SQL_URL is not set."),
        (
            {"DUNNING_DIRECTORY_URL": "https://shop.example/invoices"},
            "DUNNING_DIRECTORY_URL: must hold {invoice_id} once, and no other braces.",
        ),
        (
            {"DUNNING_DIRECTORY_TRANSACTION_URL": "https://shop.example/{invoice_id}"},
            "DUNNING_DIRECTORY_TRANSACTION_URL: must hold {transaction_id} once",
        ),
        (
            {"DUNNING_DIRECTORY_URL": "https://a:b@shop.example/{invoice_id}"},
            "DUNNING_DIRECTORY_URL: must hold no user name or password",
        ),
    ],
)
async def test_a_setting_that_is_missing_or_wrong_is_named(
    dunning: Typed, settings: dict[str, str], words: str
) -> None:
    ended = await dunning("directory", "test", "INV-1", settings=settings)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(words)


async def test_queries_are_tried_by_the_doctor_and_before_a_role_starts(
    dunning: Typed, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "directory.yaml"
    settings = {
        "DUNNING_DIRECTORIES": "sql",
        "DUNNING_DIRECTORY_SQL_URL": database_url,
        "DUNNING_DIRECTORY_SQL_FILE": str(file),
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    file.write_text(GOOD_FILE)
    _, found = await examined(dunning, **settings)
    assert found["directory sql"]["finding"] == "answers, and its queries can be used"
    (word,) = json.loads(
        (await dunning("directory", "test", "INV-1", "--json", settings=settings)).out
    )
    assert (word["says"], word["changes"]) == (DOCUMENT, True)

    file.write_text(BAD_FILE)
    _, found = await examined(dunning, **settings)
    assert found["directory sql"]["verdict"] == "wrong"
    assert "Query `invoice` has a column `stand`" in found["directory sql"]["finding"]
    given = {**settings, "DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY}
    for role in ("web", "worker"):
        async with started(tmp_path, role, **given) as begun:
            ended = await begun.ended()
        assert ended.code == 2
        assert "Query `invoice` has no column `status`." in ended.err


async def test_the_doctor_asks_the_endpoint_for_an_invoice_that_cannot_be(dunning: Typed) -> None:
    findings = list[str]()
    for reply in (Reply(404), said(), Reply(401)):
        async with ScriptedServer(reply) as server:
            _, found = await examined(
                dunning, **endpoint(server.url), TEMPORAL_ADDRESS="127.0.0.1:1"
            )
        findings.append(found["directory http"]["finding"])
    _, found = await examined(dunning, **endpoint(refusing_url()), TEMPORAL_ADDRESS="127.0.0.1:1")
    assert [*findings, found["directory http"]["finding"]] == [
        "answers",
        "it knows an invoice that is none; an unknown one is answered by 404",
        "it answers 401 instead of 200 or 404",
        "no connection could be made",
    ]
