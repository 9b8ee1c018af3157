"""Can an operator ask Revtain from a terminal, and tell it of a payment?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import JsonValue
from sqlalchemy import text

from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Moment, Operation, Vendor
from sandbox.settings import SandboxSettings
from store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.cli.conftest import Typed

FAILED: dict[str, JsonValue] = {
    "event": "recovery.failed",
    "revtainTransactionId": "txn-1",
    "idempotencyKey": "INV-1_1",
    "amount": 4900,
    "currency": "USD",
    "declineCode": "expired_card",
    "recommendedAction": "request_card_update",
}
AWAY = Fault(kind=FaultKind.STATUS, status=503)
LOST = Fault(kind=FaultKind.DROP, when=Moment.AFTER)


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_right",))) as started:
        await started.revtain.fire(FAILED, hold=True)
        yield started


@pytest.fixture
async def settings(sandbox: Sandbox, database_url: str) -> dict[str, str]:
    """With a limit that stands in nobody's way."""
    database = Database.connect(database_url, pool_size=1)
    async with database.single() as connection:
        await connection.execute(text("UPDATE revtain_calls SET tokens = 10"))
    await database.aclose()
    return {"REVTAIN_API_KEY": "rev_right", "REVTAIN_BASE_URL": sandbox.revtain_url}


async def left(database_url: str) -> int:
    database = Database.connect(database_url, pool_size=1)
    async with database.single() as connection:
        found = await connection.execute(text("SELECT floor(tokens) FROM revtain_calls"))
        count = int(found.scalar_one())
    await database.aclose()
    return count


@pytest.mark.parametrize("asked", [("txn-1",), ("--key", "INV-1_1")])
async def test_how_a_payment_stands(
    dunning: Typed, settings: dict[str, str], asked: tuple[str, ...], database_url: str
) -> None:
    shown = await dunning("revtain", "status", *asked, settings=settings)
    facts = dict(line.split("  ", 1) for line in shown.out.splitlines())
    assert (shown.code, {name: value.strip() for name, value in facts.items()}) == (
        0,
        {
            "transaction id": "txn-1",
            "status": "failed",
            "recommended action": "request_card_update",
            "decline code": "expired_card",
            "amount": "49.00 USD",
        },
    )
    assert await left(database_url) == 9
    printed = await dunning("revtain", "status", *asked, "--json", settings=settings)
    assert json.loads(printed.out) == {
        "transaction_id": "txn-1",
        "status": "failed",
        "recommended_action": "request_card_update",
        "decline_code": "expired_card",
        "amount": 4900,
        "currency": "USD",
    }


async def test_a_success_has_no_action(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str]
) -> None:
    sandbox.revtain.ledger.note({**FAILED, "event": "recovery.success"})
    shown = await dunning("revtain", "status", "txn-1", settings=settings)
    assert [line.split()[0] for line in shown.out.splitlines()] == [
        *("transaction", "status"),
        *("decline", "amount"),
    ]


async def test_what_revtain_does_not_know(dunning: Typed, settings: dict[str, str]) -> None:
    for asked, named in ((("txn-2",), "transaction"), (("--key", "x"), "idempotency key")):
        ended = await dunning("revtain", "status", *asked, settings=settings)
        assert (ended.code, ended.out) == (1, "")
        assert f"knows no such {named}" in ended.err


@pytest.mark.parametrize("asked", [(), ("txn-1", "--key", "INV-1_1")])
async def test_one_of_the_two_is_asked_for(
    dunning: Typed, settings: dict[str, str], asked: tuple[str, ...]
) -> None:
    ended = await dunning("revtain", "status", *asked, settings=settings)
    assert (ended.code, "Give either a TRANSACTION or --key KEY" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("asked", "named"),
    [(("\udcff",), "TRANSACTION"), (("--key", "\udcff"), "--key"), (("x" * 129,), "TRANSACTION")],
)
async def test_what_can_be_no_name_is_not_asked_for(
    dunning: Typed, settings: dict[str, str], asked: tuple[str, ...], named: str
) -> None:
    ended = await dunning("revtain", "status", *asked, settings=settings)
    assert (ended.code, ended.out, f"{named} must be" in ended.err) == (2, "", True)


async def test_a_payment_is_told(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str], database_url: str
) -> None:
    call = ("revtain", "pulse", "4900", "EUR")
    told = await dunning(*call, "--reference", "ORDER-1", "--json", settings=settings)
    again = await dunning(*call, settings=settings)
    assert (told.code, len(json.loads(told.out)["transaction_id"])) == (0, 36)
    assert (again.code, again.out.startswith("transaction id  ")) == (0, True)
    assert sandbox.revtain.ledger.pulses == [
        {"amount": 4900, "currency": "EUR", "transactionId": "ORDER-1"},
        {"amount": 4900, "currency": "EUR"},
    ]
    assert await left(database_url) < 10


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("49", "USD"), 1, "from 50 to 100000000"),
        (("4900", "usd"), 2, "CURRENCY must be an ISO 4217 code"),
        (("4900", "XXX"), 2, "CURRENCY must be an ISO 4217 code"),
        (("0", "USD"), 2, "AMOUNT"),
        (("49.00", "USD"), 2, "AMOUNT"),
        (("1" * 13, "USD"), 2, "AMOUNT"),
        (("4900", "USD", "--reference", "a b"), 2, "--reference must be"),
    ],
)
async def test_a_payment_that_cannot_be_told(
    dunning: Typed,
    sandbox: Sandbox,
    settings: dict[str, str],
    words: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    ended = await dunning("revtain", "pulse", *words, settings=settings)
    assert (ended.code, ended.out, sentence in ended.err) == (code, "", True)
    assert sandbox.revtain.ledger.pulses == []


async def test_a_revtain_that_is_away(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str]
) -> None:
    sandbox.faults.plan(Vendor.REVTAIN, AWAY, operation=Operation.READ)
    ended = await dunning("revtain", "status", "txn-1", settings=settings)
    assert (ended.code, ended.out) == (3, "")
    assert "Revtain is not available (HTTP 503). Nothing was done" in ended.err
    sandbox.faults.plan(Vendor.REVTAIN, LOST, operation=Operation.PULSE)
    ended = await dunning("revtain", "pulse", "4900", "USD", settings=settings)
    assert (ended.code, len(sandbox.revtain.ledger.pulses)) == (3, 1)
    assert "It may have been logged" in ended.err


@pytest.mark.parametrize("command", [("status", "txn-1"), ("pulse", "4900", "USD")])
async def test_what_a_person_mends(
    dunning: Typed, settings: dict[str, str], command: tuple[str, ...]
) -> None:
    wrong = await dunning("revtain", *command, settings={**settings, "REVTAIN_API_KEY": "rev_bad"})
    assert (wrong.code, "check that REVTAIN_API_KEY is live" in wrong.err) == (1, True)
    missing = await dunning("revtain", *command)
    assert (missing.code, "REVTAIN_API_KEY is not set" in missing.err) == (2, True)


async def test_a_decline_code_needs_neither_key_nor_database(bare: Typed, sandbox: Sandbox) -> None:
    call, where = ("revtain", "decline", "braintree", "2010"), sandbox.revtain_url
    shown = await bare(*call, "--json", REVTAIN_BASE_URL=where)
    assert (shown.code, json.loads(shown.out)) == (
        0,
        {
            "gateway": "braintree",
            "code": "2010",
            "canonical": "insufficient_funds",
            "category": "soft",
            "plain_english": "There is not enough money on the account.",
        },
    )
    plain = await bare(*call, REVTAIN_BASE_URL=where)
    assert "plain english  There is not enough money on the account." in plain.out


async def test_a_decline_code_that_is_none(bare: Typed, sandbox: Sandbox) -> None:
    where = {"REVTAIN_BASE_URL": sandbox.revtain_url}
    unknown = await bare("revtain", "decline", "stripe", "nothing", settings=where)
    assert (unknown.code, "has no such code of stripe" in unknown.err) == (1, True)
    other = await bare("revtain", "decline", "paypal", "2010", settings=where)
    assert (other.code, "braintree" in other.err) == (2, True)
    blank = await bare("revtain", "decline", "stripe", " ", settings=where)
    assert (blank.code, "printable characters" in blank.err) == (1, True)
    endless = await bare("revtain", "decline", "stripe", "x" * 101, settings=where)
    assert (endless.code, "CODE must be" in endless.err) == (2, True)
    sandbox.faults.plan(Vendor.REVTAIN, AWAY, operation=Operation.READ)
    away = await bare("revtain", "decline", "stripe", "x", settings=where)
    assert (away.code, "HTTP 503" in away.err) == (3, True)
