"""Can an operator hand a failed payment to Revtain from a terminal?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from store.database import Database
from tests.cli.owing import owing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.cli.conftest import Typed

START = ("recovery", "start", "INV-1")


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_right",))) as started:
        yield started


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, str]:
    return {"REVTAIN_API_KEY": "rev_right", "REVTAIN_BASE_URL": sandbox.revtain_url}


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """An unpaid invoice with its card."""
    async with owing(database_url, {"INV-1": {"payment_method_token": "pm_1"}}) as database:
        yield database


async def test_a_payment_is_tried_and_told_of(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str], database: Database
) -> None:
    ended = await dunning(*START, "--idempotency-key", "one", "--json", settings=settings)
    (attempt,) = sandbox.revtain.ledger.transactions
    assert (ended.code, json.loads(ended.out)) == (
        0,
        {
            "invoice_id": "INV-1",
            "status": "recovered",
            "idempotency_key": "one",
            "transaction_id": attempt.id,
            "decline_code": None,
            "reason": None,
            "not_before": None,
        },
    )
    again = await dunning(*START, "--idempotency-key", "one", settings=settings)
    assert (again.code, "The invoice is paid." in again.err) == (0, True)
    other = await dunning(*START, settings=settings)
    assert (other.code, "Invoice INV-1 is paid: nothing is owed" in other.err) == (1, True)
    assert len(sandbox.revtain.ledger.transactions) == 1


async def test_what_has_no_outcome_yet_is_listed(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str], database: Database
) -> None:
    nothing = await dunning("recovery", "list")
    assert (nothing.code, "No payment waits" in nothing.err) == (0, True)
    queued = await dunning(*START, "--decline-code", "insufficient_funds", settings=settings)
    assert (queued.code, "Revtain tries later by itself" in queued.err) == (0, True)
    listed = await dunning("recovery", "list", "--json")
    (one,) = json.loads(listed.out)
    assert (one["invoice_id"], one["status"], one["idempotency_key"]) == (
        "INV-1",
        "queued",
        "dunning:INV-1:recovery:1",
    )
    shown = await dunning("recovery", "list")
    assert "dunning:INV-1:recovery:1" in shown.out


async def test_what_revtain_refuses_is_told_with_its_reason(
    dunning: Typed, sandbox: Sandbox, settings: dict[str, str], database: Database
) -> None:
    async with database.single() as connection:
        await connection.execute(text("UPDATE invoices SET amount_due = 12"))
    refused = await dunning(*START, settings=settings)
    assert (refused.code, "Nothing was tried." in refused.err) == (1, True)
    assert sandbox.revtain.ledger.transactions == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--idempotency-key", "a b"), 2, "--idempotency-key must be 1 to 128 visible characters"),
        (("--decline-code", "ü"), 2, "--decline-code must be 1 to 100 printable characters"),
    ],
)
async def test_bad_arguments_are_named(
    dunning: Typed,
    settings: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    ended = await dunning(*START, *arguments, settings=settings)
    assert (ended.code, sentence in ended.err) == (code, True)


async def test_an_unknown_invoice_and_a_missing_key_are_named(
    dunning: Typed, settings: dict[str, str]
) -> None:
    unknown = await dunning(*START, settings=settings)
    assert (unknown.code, "Invoice INV-1 is not registered" in unknown.err) == (1, True)
    unable = await dunning(*START)
    assert (unable.code, "REVTAIN_API_KEY is not set" in unable.err) == (1, True)
