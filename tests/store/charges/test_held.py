"""When is a card not charged at all?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from activities.charging import Charging
from dunning.charge import (
    ChargeOrder,
    Collected,
    NotCharged,
    Purpose,
    PutOff,
)
from dunning.handover import Handover
from dunning.states import Cause
from store.call_budget import CallBudget
from store.charges import Changed
from store.digest import token_digest
from store.inbox import Inbox, NewEvent
from store.recoveries import Recoveries
from tests.store.charges.scripted import (
    DAY,
    HOUR,
    MINUTE,
    ORDER,
    ScriptedRevtain,
    rows,
    trail,
)
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.database import Database
    from tests.store.conftest import Register


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "UPDATE invoices SET status = 'paid', paid_cause = 'paid_elsewhere', paid_at = now()",
            Collected(transaction_id=None, cause=Cause.PAID_ELSEWHERE),
        ),
        (
            "UPDATE invoices SET status = 'void'",
            NotCharged(reason="nothing is owed any more", nothing_owed=True),
        ),
        (
            "UPDATE cases SET state = 'closed', outcome = 'stopped', closed_at = now()",
            NotCharged(reason="its case is closed"),
        ),
        (
            "UPDATE invoices SET payment_method_token = NULL",
            NotCharged(reason="no card of this invoice is known"),
        ),
        (
            "UPDATE invoices SET differs_at = now()",
            NotCharged(
                reason="another amount than the one owed was received, and a person looks at it"
            ),
        ),
    ],
)
async def test_nothing_is_charged_in_vain(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    change: str,
    expected: object,
) -> None:
    async with database.begin() as connection:
        await connection.execute(text(change))

    assert await charging.attempt(ORDER, now) == expected
    assert revtain.requests == []


async def test_a_success_in_the_inbox_is_settled_instead(
    charging: Charging, revtain: ScriptedRevtain, register: Register, inbox: Inbox, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["t1"]})
    event = {"event": "recovery.success", "revtainTransactionId": "t1"}
    await inbox.put_many(
        [
            NewEvent(
                source="revtain",
                name="recovery.success",
                body=json.dumps(event).encode(),
                transaction_id="t1",
            )
        ]
    )

    result = await charging.attempt(ORDER, now)

    assert (type(result), revtain.requests) == (Collected, [])


async def test_a_success_that_arrives_in_the_last_moment_holds_the_charge_back(
    charging: Charging, database: Database, inbox: Inbox, now: datetime
) -> None:
    """After the look at the truth, and before the request."""
    event = NewEvent(
        source="revtain", name="recovery.success", body=b"{}", idempotency_key="theirs"
    )
    await inbox.put_many([event])
    async with database.begin() as connection:
        await connection.execute(
            text("INSERT INTO idempotency_keys (key, invoice_id) VALUES ('theirs', 'INV-1')")
        )

    assert await charging.charges.reserve(ORDER, now) == Changed()
    assert await rows(database, "SELECT * FROM charges") == []


async def test_a_card_that_was_replaced_is_not_charged_in_place_of_the_one_that_was_meant(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    meant = replace(ORDER, card=token_digest(TOKEN_KEY, "pm_1"))

    result = await charging.attempt(meant, now)

    assert result == NotCharged(reason="the card that was meant has been replaced")
    assert revtain.requests == []


async def test_a_key_of_another_invoice_is_never_used(
    charging: Charging, revtain: ScriptedRevtain, register: Register, now: datetime
) -> None:
    await register("INV-2", revtain={"idempotency_keys": ["k1"]})

    result = await charging.attempt(ORDER, now)

    assert result == NotCharged(reason="its key belongs to another invoice")
    assert revtain.requests == []


async def test_a_charge_of_a_merchant_without_a_case_needs_none(
    charging: Charging, register: Register, database: Database, now: datetime
) -> None:
    await register("INV-2", payment_method_token="pm_9")
    order = ChargeOrder(key="k2", invoice_id="INV-2", purpose=Purpose.RECOVERY)

    assert isinstance(await charging.attempt(order, now), Collected)
    assert await trail(database) == []


async def test_a_retry_of_a_replaced_card_does_not_say_why_the_old_one_was_declined(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    order = replace(ORDER, purpose=Purpose.RETRY, decline_code="fraudulent")

    await charging.attempt(order, now)

    assert [request.decline_code for request in revtain.requests] == [None]


async def test_a_limit_that_is_used_up_puts_the_charge_off(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    limit = CallBudget(database)
    await limit.hold(HOUR)

    held = await replace(charging, limit=limit).attempt(ORDER, now)

    assert isinstance(held, PutOff)
    assert held.until > now + 50 * MINUTE
    assert revtain.requests == []


async def test_a_charge_of_another_invoice_says_nothing_of_this_one(
    charging: Charging, revtain: ScriptedRevtain, register: Register, now: datetime
) -> None:
    await register("INV-2", payment_method_token="pm_9")
    await charging.attempt(ORDER, now)
    same_key = replace(ORDER, invoice_id="INV-2", purpose=Purpose.RECOVERY)

    result = await charging.attempt(same_key, now)

    assert result == NotCharged(reason="its key belongs to another invoice")
    assert len(revtain.requests) == 1


@pytest.mark.parametrize(
    ("ended", "reopened", "charged"),
    [(-HOUR, False, True), (HOUR, False, False), (HOUR, True, True)],
)
async def test_what_was_handed_over_before_its_case_was_ended_is_not_charged_after_it(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    ended: timedelta,
    *,
    reopened: bool,
    charged: bool,
) -> None:
    """It had been put off; in the meantime a person stopped the case (R12)."""
    await Recoveries(database).begin("INV-1", Handover(key="k1"), None, now)
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE cases SET state = 'closed', outcome = 'stopped', closed_at = :at"),
            {"at": now + ended},
        )
        if reopened:
            await connection.execute(
                text("""
                    INSERT INTO cases (workflow_id, invoice_id, cycle, state, opened_at)
                    VALUES ('dunning:INV-1:2', 'INV-1', 2, 'opening', :at)
                """),
                {"at": now + DAY},
            )

    result = await charging.attempt(replace(ORDER, purpose=Purpose.RECOVERY), now + 2 * DAY)

    if charged:
        assert isinstance(result, Collected)
    else:
        assert result == NotCharged(reason="its case was ended after it was handed over")
    assert len(revtain.requests) == charged
