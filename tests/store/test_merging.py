"""Does one message stand for several debts, and for all of them alike?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.states import Cause, State
from store.inbox import Inbox, NewEvent
from store.message_records import MessageStatus
from store.reservations import Apart, Companion, Found, OverBudget, Reserved
from tests.store.several import (
    INVOICES,
    STRANGER,
    TWO,
    WEEK,
    merged,
    message,
    open_all,
    planned,
    reserve,
    run,
    statuses,
    waiting,
)

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from store.registry import Registry
    from store.reservations import Reservation
    from tests.store.conftest import Register


@pytest.fixture(autouse=True)
async def six(cases: Cases, register: Register, now: datetime) -> None:
    await open_all(cases, register, now)


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


# --- a carrier that died


async def found(ledger: Ledger, invoice_id: str) -> Found:
    one = await ledger.find(run(invoice_id), "d4", Channel.EMAIL)
    assert one is not None
    return one


async def test_what_came_along_is_taken_back_with_what_never_left(
    ledger: Ledger, now: datetime
) -> None:
    await merged(ledger, now, "INV-2", "INV-3")
    companion = await found(ledger, "INV-2")
    assert not companion.requested
    assert await ledger.take_back(companion)
    assert await statuses(ledger, "INV-1", "INV-2", "INV-3") == ["planned"] * 3
    assert not await ledger.take_back(companion)
    assert isinstance(await reserve(ledger, now, "INV-2"), Reserved)


async def test_what_was_requested_for_several_is_not_taken_back_for_one(
    ledger: Ledger, now: datetime
) -> None:
    companions = [await planned(ledger, "INV-2")]
    held = await reserve(ledger, now, companions=companions)
    assert isinstance(held, Reserved)
    await ledger.request(held)
    companion = await found(ledger, "INV-2")
    assert companion.requested
    assert not await ledger.take_back(companion)
    assert await statuses(ledger, "INV-1", "INV-2") == ["reserved"] * 2


async def test_a_message_taken_back_by_a_companion_is_not_requested_any_more(
    ledger: Ledger, now: datetime
) -> None:
    held = await reserve(ledger, now, companions=[await planned(ledger, "INV-2")])
    assert isinstance(held, Reserved)
    await ledger.take_back(await found(ledger, "INV-2"))
    assert not await ledger.request(held)


@pytest.mark.parametrize("requested", [False, True])
async def test_of_a_closed_carrier_an_open_case_is_told_later_or_in_doubt(
    ledger: Ledger, cases: Cases, now: datetime, *, requested: bool
) -> None:
    companions = [await planned(ledger, one) for one in ("INV-2", "INV-3")]
    held = await reserve(ledger, now, companions=companions)
    assert isinstance(held, Reserved)
    if requested:
        await ledger.request(held)
    for invoice_id in ("INV-1", "INV-3"):
        await cases.end_as_stopped(run(invoice_id), now)
    assert await ledger.give_up(timedelta(0)) == 1
    told = ["unknown"] * 3 if requested else ["skipped", "planned", "skipped"]
    assert await statuses(ledger, "INV-1", "INV-2", "INV-3") == told
    assert requested or isinstance(await reserve(ledger, now, "INV-2"), Reserved)
