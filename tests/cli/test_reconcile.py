"""Can an operator find from a terminal what Revtain could not deliver?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import JsonValue
from sqlalchemy import text

from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, FaultMode, Operation, Vendor
from sandbox.settings import SandboxSettings
from store.database import Database
from tests.cli.owing import owing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.cli.conftest import Typed

SINCE = "2026-03-01T06:00:00Z"
NOTHING = {
    "asked": 0,
    "successes": 0,
    "failures": 0,
    "nothing_new": 0,
    "still_open": 0,
    "unknown_to_revtain": 0,
    "refused": 0,
    "not_asked": 0,
    "fault": None,
}


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_right",))) as started:
        yield started


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, str]:
    return {"REVTAIN_API_KEY": "rev_right", "REVTAIN_BASE_URL": sandbox.revtain_url}


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """Three unpaid invoices, each with its transaction."""
    invoices = {f"INV-{n}": {"revtain": {"transaction_ids": [f"txn-{n}"]}} for n in (1, 2, 3)}
    async with owing(database_url, invoices) as database:
        yield database


async def told(sandbox: Sandbox, name: str, transaction: str) -> None:
    event: dict[str, JsonValue] = {
        "event": name,
        "revtainTransactionId": transaction,
        "amount": 4900,
        "currency": "USD",
        "recommendedAction": "monitor",
    }
    await sandbox.revtain.fire(event, hold=True)


async def events(database: Database) -> list[tuple[Any, ...]]:
    query = "SELECT source, name, transaction_id, status FROM events ORDER BY transaction_id"
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def test_what_was_missed_is_told_and_handed_on(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str], database: Database
) -> None:
    await told(sandbox, "recovery.success", "txn-1")
    await told(sandbox, "recovery.failed", "txn-2")
    expected = {**NOTHING, "asked": 3, "successes": 1, "failures": 1, "unknown_to_revtain": 1}
    call = ("reconcile", "--since", SINCE, "--json")

    tried = await dunning(*call, "--dry-run", settings=settings)
    assert json.loads(tried.out) == {"since": SINCE, "dry_run": True, **expected}
    assert await events(database) == []

    done = await dunning(*call, settings=settings)
    assert (done.code, json.loads(done.out)) == (0, {"since": SINCE, "dry_run": False, **expected})
    stored = await events(database)
    assert stored == [
        ("revtain-asked", "recovery.success", "txn-1", "pending"),
        ("revtain-asked", "recovery.failed", "txn-2", "pending"),
    ]

    again = await dunning("reconcile", "--since", SINCE, settings=settings)
    facts = [line.rsplit(maxsplit=1) for line in again.out.splitlines()]
    assert {name: int(number) for name, number in facts} == {
        "asked": 1,
        "missed successes": 0,
        "missed failures": 0,
        "nothing new": 0,
        "still open at Revtain": 0,
        "unknown to Revtain": 1,
        "refused by Revtain": 0,
        "not asked": 0,
    }
    assert "Nothing was missed." in again.err
    assert "Asking Revtain" in again.err
    assert await events(database) == stored


async def test_a_revtain_that_is_away_is_told_with_what_is_left(
    dunning: Typed,
    sandbox: Sandbox,
    settings: dict[str, str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del database
    monkeypatch.setattr("app.recovery.PAUSES", (0.0, 0.0))
    down = Fault(kind=FaultKind.STATUS, status=503)
    sandbox.faults.plan(Vendor.REVTAIN, down, mode=FaultMode.STICKY, operation=Operation.READ)
    ended = await dunning("reconcile", "--since", SINCE, settings=settings)
    assert (ended.code, ended.out.splitlines()[-1].split()) == (3, ["not", "asked", "3"])
    assert "Revtain is not available (HTTP 503). Run it again later" in ended.err


async def test_a_refused_key_is_told(
    dunning: Typed, settings: dict[str, str], database: Database
) -> None:
    wrong = {**settings, "REVTAIN_API_KEY": "rev_wrong"}
    ended = await dunning("reconcile", "--since", SINCE, settings=wrong)
    assert (ended.code, ended.out) == (1, "")
    assert "check that REVTAIN_API_KEY is live" in ended.err
    # Whoever mends it need not wait.
    assert (await dunning("reconcile", "--since", SINCE, settings=settings)).code == 0


async def test_without_a_key_nothing_can_be_asked(dunning: Typed) -> None:
    ended = await dunning("reconcile", "--since", SINCE)
    assert (ended.code, ended.out) == (2, "")
    assert "REVTAIN_API_KEY is not set" in ended.err


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ("yesterday", "is no instant"),
        ("2026-03-01T06:00:00", "lacks its zone"),
        ("2999-03-01T06:00:00Z", "is still to come"),
    ],
)
async def test_an_instant_that_cannot_be_meant_is_refused(
    dunning: Typed, settings: dict[str, str], since: str, words: str
) -> None:
    ended = await dunning("reconcile", "--since", since, settings=settings)
    assert (ended.code, words in ended.err) == (2, True)
