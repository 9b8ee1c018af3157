"""Is a card charged once, and never too often?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from activities.charging import Charging
from dunning.charge import (
    ChargeAnswer,
    ChargeRequest,
    ChargeStatus,
    Collected,
    NotCharged,
    Pending,
    Purpose,
    PutOff,
)
from dunning.money import Money
from dunning.recovery import RecoveryStatus
from dunning.states import Cause
from tests.store.charges.scripted import (
    CARD,
    DAY,
    HOUR,
    MINUTE,
    ORDER,
    QUEUED,
    RECOVERED,
    ScriptedRevtain,
    SlowTurn,
    charge,
    rows,
    standing,
    trail,
)

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register


async def test_a_charge_that_went_through_settles_the_invoice(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    result = await charging.attempt(replace(ORDER, decline_code="limit"), now)

    assert result == Collected(transaction_id="t9", card=CARD, cause=Cause.CARD_UPDATE)
    assert revtain.requests == [
        ChargeRequest(
            token="pm_2",
            money=Money(minor=4900, currency="USD"),
            idempotency_key="k1",
            decline_code="limit",
            customer_email="a@example.com",
        )
    ]
    assert await rows(database, "SELECT status, paid_cause FROM invoices") == [
        {"status": "paid", "paid_cause": "card_update"}
    ]
    assert await rows(
        database, "SELECT transaction_id, card_digest FROM transactions WHERE invoice_id = 'INV-1'"
    ) == [{"transaction_id": "t9", "card_digest": CARD}]
    found = await charge(database)
    assert (found["status"], found["outcome"]) == ("answered", "recovered")
    assert await trail(database) == [
        ("charge.requested", None),
        ("charge.answered", "recovered"),
    ]


async def test_the_request_and_its_key_are_committed_before_it_leaves(
    charging: Charging, database: Database, now: datetime
) -> None:
    seen: list[dict[str, Any]] = []

    class Looking(ScriptedRevtain):
        async def charge(self, request: ChargeRequest) -> ChargeAnswer:
            seen.extend(await rows(database, "SELECT status FROM charges"))
            seen.extend(await rows(database, "SELECT key, card_digest FROM idempotency_keys"))
            return RECOVERED

    await replace(charging, charger=Looking()).attempt(ORDER, now)

    assert seen == [{"status": "requested"}, {"key": "k1", "card_digest": CARD}]


async def test_the_same_order_again_is_the_same_charge(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    first = await charging.attempt(ORDER, now)
    again = await charging.attempt(ORDER, now + HOUR)

    assert (first, len(revtain.requests)) == (again, 1)


async def test_several_at_once_ask_once(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    results = await asyncio.gather(*(charging.attempt(ORDER, now) for _ in range(5)))

    assert len(revtain.requests) == 1
    assert {type(result) for result in results} <= {Collected, PutOff}


async def test_two_workers_cannot_charge_one_card_with_one_amount_at_once(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    cases: Cases,
    now: datetime,
) -> None:
    invoices = [f"INV-{number}" for number in range(2, 8)]
    for invoice in invoices:
        await register(invoice, payment_method_token="pm_2")
    await cases.open_many(invoices, now)
    orders = [replace(ORDER, key=f"key-{i}", invoice_id=i) for i in invoices]

    results = await asyncio.gather(*(charging.attempt(order, now) for order in orders))

    assert len(revtain.requests) == 1
    put_off = [result for result in results if isinstance(result, PutOff)]
    assert len(put_off) == len(invoices) - 1
    assert {result.until - now for result in put_off} == {timedelta(minutes=5, seconds=15)}


async def test_another_amount_of_the_same_card_need_not_wait(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    cases: Cases,
    now: datetime,
) -> None:
    await register("INV-2", payment_method_token="pm_2", amount_due=5000)
    await cases.open_many(["INV-2"], now)
    await charging.attempt(ORDER, now)

    await charging.attempt(replace(ORDER, key="k2", invoice_id="INV-2"), now)

    assert len(revtain.requests) == 2


@pytest.mark.parametrize(
    ("before", "result"),
    [
        (range(1, 8), PutOff),
        (range(24, 24 * 16, 24), NotCharged),
    ],
)
async def test_the_networks_limits_hold_over_all_invoices_of_a_card(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    before: range,
    result: type,
) -> None:
    async with database.begin() as connection:
        for hours in before:
            await connection.execute(
                text("""
                    INSERT INTO charges (key, invoice_id, purpose, card_digest, amount, currency,
                        status, outcome, planned_at, requested_at, answered_at)
                    VALUES (:key, 'INV-1', 'recovery', :card, 4900, 'USD', 'answered', 'failed',
                        :at, :at, :at)
                """),
                {"key": f"old-{hours}", "card": CARD, "at": now - hours * HOUR},
            )

    held = await charging.attempt(ORDER, now)

    assert type(held) is result
    assert revtain.requests == []
    if isinstance(held, PutOff):
        assert held.until == now + 17 * HOUR
    else:
        assert await rows(database, "SELECT kind, subject FROM alerts") == [
            {"kind": "charge_refused", "subject": "INV-1"}
        ]


async def test_a_new_card_that_failed_is_not_charged_again_for_another_event(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    revtain.answers = [
        ChargeAnswer(status=ChargeStatus.FAILED, transaction_id="t9", recommended_action="monitor")
    ]
    first = await charging.attempt(ORDER, now)

    again = await charging.attempt(replace(ORDER, key="k2"), now + DAY)

    assert (again, len(revtain.requests)) == (first, 1)


async def test_two_orders_of_one_invoice_at_once_are_one_charge_whatever_the_card(
    charging: Charging, revtain: ScriptedRevtain, registry: Registry, now: datetime
) -> None:
    """The second was looked at before the first began, and the card was changed in between."""
    revtain.answers = [QUEUED, RECOVERED]
    revtain.standings["t9"] = standing(RecoveryStatus.UNKNOWN)

    async def first() -> None:
        await charging.attempt(ORDER, now)
        await registry.replace_card("INV-1", "pm_3")

    slow = replace(charging, limit=SlowTurn(charging.limit, first))
    second = replace(ORDER, key="k2", purpose=Purpose.RECOVERY)

    assert await slow.attempt(second, now) == PutOff(
        until=now + MINUTE, reason="another charge of this invoice has no outcome yet"
    )
    assert await charging.attempt(second, now + MINUTE) == Pending(transaction_id="t9", card=CARD)
    assert [request.token for request in revtain.requests] == ["pm_2"]
