"""Is a customer counted once over all their cases, and does one message stand for several debts?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.budget import Limit
from dunning.channel import Channel
from dunning.states import Cause, State, StepStatus
from dunning.view import CaseView, StepView
from store.inbox import Inbox, NewEvent
from store.ledger import Apart, Companion, Draft, Found, MessageStatus, OverBudget, Reserved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger, MessageRecord, Reservation
    from store.registry import Registry
    from tests.store.conftest import Register

INVOICES = tuple(f"INV-{number}" for number in range(1, 7))
WEEK = timedelta(days=7)
ONE = Limit(most=1, per=WEEK)
TWO = Limit(most=2, per=WEEK)
STRANGER = "INV-9"


def run(invoice_id: str) -> str:
    return f"dunning:{invoice_id}:1"


@pytest.fixture(autouse=True)
async def six(cases: Cases, register: Register, now: datetime) -> None:
    """Six cases of one customer and one of another, each with an email planned for now."""
    for invoice_id in INVOICES:
        await register(invoice_id, revtain={"transaction_ids": [f"tx_{invoice_id}"]})
    await register(STRANGER, customer={"id": "cus_9"})
    await cases.open_many([*INVOICES, STRANGER], now)
    for invoice_id in (*INVOICES, STRANGER):
        await cases.project(waiting(invoice_id, now))


def waiting(invoice_id: str, at: datetime) -> CaseView:
    step = StepView(
        step="d4",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=at,
        status=StepStatus.PLANNED,
        joins=True,
    )
    return CaseView(
        workflow_id=run(invoice_id),
        version=1,
        state=State.WAITING,
        next_step="d4",
        next_at=at,
        steps=(step,),
    )


def email(now: datetime, **changes: object) -> Draft:
    draft = Draft(
        step="d4",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        now=now,
        body_digest="abc",
    )
    return replace(draft, **changes)  # type: ignore[arg-type]  # any field of a draft


async def reserve(
    ledger: Ledger,
    now: datetime,
    invoice_id: str = "INV-1",
    *,
    limit: Limit | None = None,
    companions: Sequence[str] = (),
    **changes: object,
) -> Reservation:
    draft = email(now, **changes)
    return await ledger.reserve(run(invoice_id), draft, limit=limit, companions=companions)


async def planned(ledger: Ledger, invoice_id: str) -> str:
    return (await message(ledger, invoice_id)).id


async def message(ledger: Ledger, invoice_id: str) -> MessageRecord:
    (only,) = await ledger.messages(run(invoice_id))
    return only


async def statuses(ledger: Ledger, *invoice_ids: str) -> list[str]:
    return [(await message(ledger, one)).status.value for one in invoice_ids]


async def merged(ledger: Ledger, now: datetime, *others: str) -> str:
    """INV-1's message, reserved together with those of others."""
    companions = [await planned(ledger, one) for one in others]
    held = await reserve(ledger, now, companions=companions)
    assert isinstance(held, Reserved)
    return held.message_id


# --- the budget


@pytest.mark.parametrize("limit", [ONE, TWO])
async def test_of_messages_that_begin_at_once_no_more_pass_than_the_budget_has(
    ledger: Ledger, now: datetime, limit: Limit
) -> None:
    answers = await asyncio.gather(*(reserve(ledger, now, one, limit=limit) for one in INVOICES))
    kinds = [type(answer) for answer in answers]
    assert (kinds.count(Reserved), kinds.count(OverBudget)) == (limit.most, 6 - limit.most)


async def test_another_customer_and_another_channel_have_budgets_of_their_own(
    ledger: Ledger, now: datetime
) -> None:
    await reserve(ledger, now, limit=ONE)
    stranger = await reserve(ledger, now, STRANGER, limit=ONE)
    text = await reserve(ledger, now, "INV-2", limit=ONE, channel=Channel.SMS)
    assert isinstance(stranger, Reserved)
    assert isinstance(text, Reserved)
    assert await reserve(ledger, now, "INV-3", limit=ONE) == OverBudget()


async def test_the_budget_frees_in_the_time_of_the_case(ledger: Ledger, now: datetime) -> None:
    held = await reserve(ledger, now, limit=ONE)
    assert isinstance(held, Reserved)
    await ledger.record_sent(held.message_id, provider_id="1", occurred_at=now)
    early = await reserve(ledger, now + WEEK - timedelta(seconds=1), "INV-2", limit=ONE)
    late = await reserve(ledger, now + WEEK, "INV-2", limit=ONE)
    assert early == OverBudget()
    assert isinstance(late, Reserved)


async def test_what_was_not_sent_does_not_count_and_what_may_have_been_does(
    ledger: Ledger, now: datetime
) -> None:
    first = await reserve(ledger, now, "INV-1")
    second = await reserve(ledger, now, "INV-2")
    third = await reserve(ledger, now, "INV-3")
    assert isinstance(first, Reserved)
    assert isinstance(second, Reserved)
    assert isinstance(third, Reserved)
    await ledger.release(first.message_id)
    await ledger.record_refused(second.message_id, reason="bad_address", occurred_at=now)
    await ledger.record_unknown(third.message_id, reason="timeout", occurred_at=now)
    assert isinstance(await reserve(ledger, now, "INV-4", limit=TWO), Reserved)
    assert await reserve(ledger, now, "INV-5", limit=TWO) == OverBudget()


async def test_a_receipt_neither_counts_nor_waits(
    ledger: Ledger, registry: Registry, now: datetime
) -> None:
    await registry.mark_paid("INV-1", Cause.MANUAL, now)
    await reserve(ledger, now, after_payment=True)
    first = await reserve(ledger, now, "INV-2", limit=ONE)
    receipt = await reserve(ledger, now, "INV-3", step="receipt", after_payment=True)
    assert isinstance(first, Reserved)
    assert isinstance(receipt, Reserved)


async def test_a_message_that_was_touched_before_is_found_whatever_the_budget(
    ledger: Ledger, now: datetime
) -> None:
    await reserve(ledger, now, limit=ONE)
    assert isinstance(await reserve(ledger, now, limit=ONE), Found)


async def test_a_message_over_budget_stays_planned(ledger: Ledger, now: datetime) -> None:
    await reserve(ledger, now, limit=ONE)
    await reserve(ledger, now, "INV-2", limit=ONE)
    assert await statuses(ledger, "INV-1", "INV-2") == ["reserved", "planned"]


# --- merged messages


async def test_companions_are_the_next_messages_of_the_customers_other_waiting_cases(
    ledger: Ledger, cases: Cases, registry: Registry, now: datetime
) -> None:
    paused = replace(waiting("INV-3", now), version=2, state=State.PAUSED)
    await cases.project(paused)
    await cases.project(replace(waiting("INV-4", now + timedelta(hours=25)), version=2))
    alone = waiting("INV-5", now)
    steps = (replace(alone.steps[0], joins=False),)
    await cases.project(replace(alone, version=2, steps=steps))
    await registry.mark_paid("INV-6", Cause.MANUAL, now)
    day = now + timedelta(hours=24)
    assert await ledger.companions(run("INV-1"), Channel.EMAIL, until=day, most=9) == [
        Companion(
            message_id=await planned(ledger, "INV-2"),
            invoice_id="INV-2",
            policy_digest=None,
            next_at=now,
            last_at=None,
        )
    ]
    assert await ledger.companions(run("INV-1"), Channel.SMS, until=day, most=9) == []
    assert await ledger.companions(run(STRANGER), Channel.EMAIL, until=day, most=9) == []


async def test_one_message_is_recorded_by_all_invoices_that_it_speaks_of(
    ledger: Ledger, now: datetime
) -> None:
    carrier = await merged(ledger, now, "INV-2", "INV-3")
    during = await statuses(ledger, "INV-1", "INV-2", "INV-3")
    assert await ledger.record_sent(carrier, provider_id="SG1", occurred_at=now)
    found = await ledger.find(run("INV-3"), "d4", Channel.EMAIL)
    shown = [await message(ledger, one) for one in ("INV-1", "INV-2", "INV-3")]
    assert during == ["reserved"] * 3
    assert [(m.status, m.provider_id, m.merged_into, m.together_with) for m in shown] == [
        (MessageStatus.SENT, "SG1", None, ("INV-2", "INV-3")),
        (MessageStatus.SENT, "SG1", carrier, ("INV-1", "INV-3")),
        (MessageStatus.SENT, "SG1", carrier, ("INV-1", "INV-2")),
    ]
    assert found is not None
    assert (found.status, found.occurred_at, found.together_with) == (
        MessageStatus.SENT,
        now,
        ("INV-1", "INV-2"),
    )


async def test_a_message_about_several_invoices_counts_once(ledger: Ledger, now: datetime) -> None:
    await merged(ledger, now, "INV-2", "INV-3")
    assert isinstance(await reserve(ledger, now, "INV-4", limit=TWO), Reserved)
    assert await reserve(ledger, now, "INV-5", limit=TWO) == OverBudget()


async def test_what_was_not_taken_is_planned_again_for_each(ledger: Ledger, now: datetime) -> None:
    carrier = await merged(ledger, now, "INV-2")
    assert await ledger.release(carrier)
    assert await statuses(ledger, "INV-1", "INV-2") == ["planned", "planned"]
    assert (await message(ledger, "INV-2")).merged_into is None
    assert isinstance(await reserve(ledger, now, "INV-2"), Reserved)
    assert isinstance(await reserve(ledger, now, "INV-1"), Reserved)


async def test_refused_and_unknown_hold_for_each(ledger: Ledger, now: datetime) -> None:
    carrier = await merged(ledger, now, "INV-2")
    await ledger.record_unknown(carrier, reason="timeout", occurred_at=now)
    unknown = await statuses(ledger, "INV-1", "INV-2")
    await ledger.record_refused(carrier, reason="bad_address", occurred_at=now)
    assert unknown == ["unknown", "unknown"]
    assert await statuses(ledger, "INV-1", "INV-2") == ["refused", "refused"]


async def test_cases_that_send_at_once_share_one_message(ledger: Ledger, now: datetime) -> None:
    """Each of them carries the others; one wins, and the others find what it did."""
    ids = {one: await planned(ledger, one) for one in INVOICES}

    async def carry(invoice_id: str) -> Reservation:
        others = [m for one, m in ids.items() if one != invoice_id]
        return await reserve(ledger, now, invoice_id, companions=others)

    answers = await asyncio.gather(*(carry(one) for one in INVOICES))
    won = [answer for answer in answers if isinstance(answer, Reserved)]
    found = [answer for answer in answers if isinstance(answer, Found)]
    assert (len(won), len(found)) == (1, 5)
    assert {one.merged_into for one in found} == {won[0].message_id}


@pytest.mark.parametrize("reason", ["paid", "success", "paused", "sent", "closed", "nobody's"])
async def test_nothing_is_reserved_when_a_companion_cannot_come_along(
    ledger: Ledger,
    cases: Cases,
    registry: Registry,
    inbox: Inbox,
    now: datetime,
    reason: str,
) -> None:
    companion = await planned(ledger, "INV-2")
    match reason:
        case "paid":
            await registry.mark_paid("INV-2", Cause.MANUAL, now)
        case "success":
            success = NewEvent(
                source="revtain", name="recovery.success", body=b"s", transaction_id="tx_INV-2"
            )
            await inbox.put_many([success])
        case "paused":
            await cases.project(replace(waiting("INV-2", now), version=2, state=State.PAUSED))
        case "sent":
            await reserve(ledger, now, "INV-2")
        case "closed":
            await cases.end_as_stopped(run("INV-2"), now)
        case _:
            companion = await planned(ledger, STRANGER)
    assert await reserve(ledger, now, companions=[companion]) == Apart()
    assert await statuses(ledger, "INV-1") == ["planned"]
    assert isinstance(await reserve(ledger, now), Reserved)


async def test_a_payment_after_the_reserve_does_not_undo_the_record(
    ledger: Ledger, registry: Registry, now: datetime
) -> None:
    carrier = await merged(ledger, now, "INV-2")
    await registry.mark_paid("INV-2", Cause.MANUAL, now)
    await ledger.record_sent(carrier, provider_id="SG1", occurred_at=now)
    assert await statuses(ledger, "INV-1", "INV-2") == ["sent", "sent"]


async def test_a_view_leaves_a_merged_message_to_the_ledger(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    carrier = await merged(ledger, now, "INV-2")
    await cases.project(replace(waiting("INV-2", now), version=2, steps=()))
    await ledger.record_sent(carrier, provider_id="SG1", occurred_at=now)
    later = replace(waiting("INV-2", now + WEEK), version=3)
    await cases.project(later)
    assert await statuses(ledger, "INV-2") == ["sent"]


async def test_a_message_that_nobody_is_busy_with_any_more_is_stale(
    ledger: Ledger, database: Database, now: datetime
) -> None:
    await merged(ledger, now, "INV-2")
    fresh = await ledger.find(run("INV-2"), "d4", Channel.EMAIL)
    async with database.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE messages SET reserved_at = reserved_at - interval '16 minutes'"
        )
    old = await ledger.find(run("INV-2"), "d4", Channel.EMAIL)
    assert fresh is not None
    assert old is not None
    assert (fresh.stale, old.stale) == (False, True)


async def test_views_written_meanwhile_and_messages_taken_do_not_lock_each_other_out(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    ids = {one: await planned(ledger, one) for one in INVOICES}

    async def show(invoice_id: str, version: int) -> None:
        await cases.project(replace(waiting(invoice_id, now), version=version))

    async def carry(invoice_id: str) -> None:
        others = [m for one, m in ids.items() if one != invoice_id]
        held = await reserve(ledger, now, invoice_id, companions=others)
        if isinstance(held, Reserved):
            await ledger.release(held.message_id)

    rounds = range(2, 8)
    async with asyncio.timeout(20):
        await asyncio.gather(
            *(show(one, version) for version in rounds for one in INVOICES),
            *(carry(one) for _ in rounds for one in INVOICES),
        )
    assert await statuses(ledger, *INVOICES) == ["planned"] * len(INVOICES)
