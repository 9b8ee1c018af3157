"""What becomes of events that nobody can place, that nobody signed, or that come too early?"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sandbox.courier import DeliveryState
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT


async def _unmatched(tell: Teller) -> list[tuple[str, str, str]]:
    _, answer = await tell.stage.call("GET", "/v1/events?unmatched=true")
    listed: list[dict[str, Any]] = answer["events"]
    return [(e["name"], e["status"], e["note"]) for e in listed]


async def test_an_event_may_come_before_its_invoice(tell: Teller) -> None:
    ada = tell.unregistered()
    await ada.fails()
    reason = f"no invoice is registered for transaction {ada.transaction}"
    assert await _unmatched(tell) == [("recovery.failed", "parked", reason)]
    await ada.register()
    assert await _unmatched(tell) == []
    await tell.day(0)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")


async def test_a_success_and_its_failure_may_both_come_before_the_invoice(tell: Teller) -> None:
    ada = tell.unregistered()
    await ada.fails()
    await ada.pays()
    await ada.register()
    await tell.day(60)
    # Woken in the same moment, the failure may still find the invoice open.
    told = await ada.told()
    assert told.inbox == ()
    assert told.standing in ("no case", "recovered by revtain_retry")
    assert (await tell.stage.show(ada.id))["status"] == "paid"


async def test_an_event_may_name_its_payment_by_the_merchant_s_own_key(tell: Teller) -> None:
    ada = tell.unregistered()
    key = f"{ada.id}_retry_1"
    await ada.register(revtain={"transaction_ids": [], "idempotency_keys": [key]})
    await ada.fails(transaction="txn-never-told", idempotencyKey=key)
    await tell.day(1)
    await ada.pays(transaction="txn-never-told")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
    )


async def test_a_forged_success_is_refused_and_leaves_no_trace(tell: Teller) -> None:
    ada, revtain = await tell.invoice(), tell.stage.sandbox.revtain
    await ada.fails()
    success = ada.event("success", amount=4900, currency="USD")
    (wrong_key,) = await revtain.fire(success, forge=True)
    (unsigned,) = await revtain.fire(success, signature="")
    (garbled,) = await revtain.fire(success, signature="g" * 64)
    assert [d.attempts[0].status for d in (wrong_key, unsigned, garbled)] == [401, 401, 401]
    await tell.day(1)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    assert len(await rows(tell.stage, "SELECT id FROM events")) == 1


async def test_a_signed_body_that_is_no_event_is_kept_for_a_person_and_harms_nobody(
    tell: Teller,
) -> None:
    ada, revtain = await tell.invoice(), tell.stage.sandbox.revtain
    bodies = (b"not json", b"[]", b'{"event": 7}', b"\xff\xfe")
    answers = [(await revtain.fire(body, redeliver=False))[0] for body in bodies]
    assert [a.attempts[0].status for a in answers] == [400] * len(bodies)
    (strange,) = await revtain.fire({"event": "recovery.celebrated", "who": "knows"})
    assert strange.state is DeliveryState.ACCEPTED
    await ada.fails()
    await tell.day(0)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    kept = await rows(tell.stage, "SELECT status, name FROM events ORDER BY id")
    assert [tuple(row.values()) for row in kept] == [
        *[("unreadable", "")] * len(bodies),
        ("done", "recovery.celebrated"),
        ("done", "recovery.failed"),
    ]


async def test_a_burst_of_the_same_invoice_makes_one_case(tell: Teller) -> None:
    ada = tell.unregistered()
    names = [f"{ada.transaction}-{number}" for number in range(40)]
    await ada.register(revtain={"transaction_ids": names})
    events = [
        {"event": "recovery.failed", "revtainTransactionId": n, "recommendedAction": action}
        for n, action in zip(names, ["request_card_update", "retry_later"] * 20, strict=True)
    ]
    await asyncio.gather(*(tell.stage.sandbox.revtain.fire(dict(event)) for event in events))
    await tell.day(1)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    done = await rows(tell.stage, "SELECT status, body FROM events")
    assert {row["status"] for row in done} == {"done"}
    assert {json.loads(row["body"])["revtainTransactionId"] for row in done} == set(names)
    assert len(await rows(tell.stage, "SELECT id FROM cases")) == 1
