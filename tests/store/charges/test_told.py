"""Does what Revtain tells by itself end a charge?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from activities.charging import Charging
from dunning.charge import (
    ChargeStatus,
)
from tests.store.charges.scripted import (
    DAY,
    ORDER,
    QUEUED,
    ScriptedRevtain,
    charge,
    trail,
)

if TYPE_CHECKING:
    from store.database import Database
    from tests.store.conftest import Register


async def happens(database: Database, name: str, body: bytes | None, **more: str) -> None:
    """Revtain told it of t9, and the case has heard of it."""
    async with database.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO events (source, name, digest, body, transaction_id, invoice_id, status)
                VALUES ('revtain', CAST(:name AS text),
                    sha256(convert_to(CAST(:name AS text), 'UTF8')), :body, 't9',
                    CAST(:invoice AS text), 'done')
            """),
            {"name": name, "body": body, "invoice": more.get("invoice", "INV-1")},
        )


@pytest.mark.parametrize("status", [ChargeStatus.QUEUED, ChargeStatus.UNKNOWN])
@pytest.mark.parametrize(
    ("name", "said", "ends"),
    [
        ("recovery.success", {}, ("recovered", None, None, 4900)),
        (
            "recovery.success",
            {"amount": 5000, "currency": "USD"},
            ("recovered", None, None, 5000),
        ),
        (
            "recovery.failed",
            {"declineCode": "expired_card", "recommendedAction": "request_card_update"},
            ("failed", "expired_card", "request_card_update", 4900),
        ),
        ("recovery.failed", None, ("failed", None, None, 4900)),
        (
            "recovery.blocked",
            {"declineCode": "fraudulent"},
            ("blocked", "fraudulent", "blocked", 4900),
        ),
    ],
)
async def test_an_end_that_was_told_by_itself_is_kept_with_its_charge(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    *,
    status: ChargeStatus,
    name: str,
    said: dict[str, object] | None,
    ends: tuple[str, str | None, str | None, int],
) -> None:
    revtain.answers = [replace(QUEUED, status=status)]
    await charging.attempt(ORDER, now)
    assert await charging.hear(now) == 0
    body = None if said is None else json.dumps({"event": name, **said}).encode()
    await happens(database, name, body)

    assert await charging.hear(now + DAY, "INV-2") == 0
    assert await charging.hear(now + DAY) == 1
    assert await charging.hear(now + DAY) == 0

    found = await charge(database)
    assert (found["outcome"], found["answered_code"], found["advice"], found["amount"]) == ends
    assert (found["transaction_id"], found["answered_at"]) == ("t9", now + DAY)
    assert [one for _, one in await trail(database)] == [None, status.value, ends[0]]
    assert revtain.asked == []


async def test_a_success_is_the_end_of_a_charge_whatever_else_was_told(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [QUEUED]
    await charging.attempt(ORDER, now)
    await happens(database, "recovery.success", None)
    await happens(database, "recovery.failed", None)

    await charging.hear(now)

    assert (await charge(database))["outcome"] == "recovered"


async def test_what_is_told_of_another_invoice_ends_no_charge(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    await register("INV-2")
    revtain.answers = [QUEUED]
    await charging.attempt(ORDER, now)
    await happens(database, "recovery.failed", None, invoice="INV-2")

    assert await charging.hear(now) == 0
    assert (await charge(database))["outcome"] == "queued"
