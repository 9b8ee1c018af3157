"""Is a payment that was handed over with one process at a time, and tried once at a time?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.directory import InvoiceStatus
from dunning.handover import Gateway, Handover, HandoverStatus
from store.inbox import Inbox, NewEvent
from store.recoveries import Begun, Conclusion, Recoveries

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database
    from tests.store.conftest import Register

HANDED = Handover(
    decline_code="do_not_honor",
    gateway=Gateway.ADYEN,
    card_country="US",
    card_prefix="424242",
    fallback_tokens=("pm_2", "pm_3"),
    simulate="success",
)


@pytest.fixture
async def recoveries(database: Database, register: Register) -> Recoveries:
    await register("INV-1")
    await register("INV-2")
    return Recoveries(database)


async def do(database: Database, statement: str) -> None:
    async with database.single() as connection:
        await connection.execute(text(statement))


async def begin(
    recoveries: Recoveries, now: datetime, invoice_id: str = "INV-1", key: str | None = None
) -> Begun:
    return await recoveries.begin(invoice_id, Handover(key=key), None, now)


async def test_what_is_handed_over_is_kept_as_it_was_given(
    recoveries: Recoveries, now: datetime
) -> None:
    begun = await recoveries.begin("INV-1", HANDED, "request", now)
    assert begun.ours
    assert begun.recovery is not None
    assert begun.recovery.key == "dunning:INV-1:recovery:1"
    kept = begun.recovery.handed
    assert (kept.decline_code, kept.gateway, kept.card_country, kept.card_prefix) == (
        "do_not_honor",
        Gateway.ADYEN,
        "US",
        "424242",
    )
    assert (kept.fallback_tokens, kept.simulate) == (("pm_2", "pm_3"), "success")
    assert await recoveries.same(None, "request") == begun.recovery
    assert await recoveries.same("dunning:INV-1:recovery:1", None) == begun.recovery
    assert await recoveries.same("another", "other") is None


@pytest.mark.parametrize("invoices", [("INV-1", "INV-1"), ("INV-1", "INV-2")])
async def test_one_key_at_the_same_moment_is_one_recovery(
    recoveries: Recoveries, now: datetime, invoices: tuple[str, str]
) -> None:
    found = await asyncio.gather(*(begin(recoveries, now, one, "once") for one in invoices))
    assert sorted(one.ours for one in found) == [False, True]
    assert len({one.recovery.invoice_id for one in found if one.recovery}) == 1
    assert all(one.recovery for one in found)


async def test_an_invoice_is_tried_once_at_a_time(
    recoveries: Recoveries, database: Database, now: datetime
) -> None:
    found = await asyncio.gather(*(begin(recoveries, now, key=key) for key in ("a", "b")))
    first = next(one.recovery for one in found if one.ours)
    assert first is not None
    assert [one.other for one in found if not one.ours] == [first]
    queued = Conclusion(status=HandoverStatus.QUEUED, transaction_id="tx_9")
    await recoveries.conclude(first.key, queued)
    assert [one.key for one in await recoveries.open()] == [first.key]
    assert (await begin(recoveries, now)).ours is False
    # A failure that was heard of ends it, and so does a time in which nothing was heard.
    failure = NewEvent(source="revtain", name="recovery.failed", body=b"1", transaction_id="tx_9")
    await Inbox(database).put_many([failure])
    assert (await begin(recoveries, now)).ours is False
    await do(database, "UPDATE events SET invoice_id = 'INV-1', status = 'done', done_at = now()")
    assert await recoveries.under_way("INV-1") is None
    await do(database, "DELETE FROM events")
    assert await recoveries.under_way("INV-1") is not None
    await do(database, "UPDATE recoveries SET answered_at = now() - interval '46 days'")
    assert (await recoveries.under_way("INV-1"), await recoveries.open()) == (None, [])
    assert (await begin(recoveries, now)).ours


@pytest.mark.parametrize(
    ("status", "settle"),
    [
        (
            InvoiceStatus.PAID,
            "UPDATE invoices SET status = 'paid', paid_at = now(), paid_cause = 'manual'",
        ),
        (InvoiceStatus.VOID, "UPDATE invoices SET status = 'void', voided_at = now()"),
    ],
)
async def test_nothing_is_begun_of_what_is_not_owed(
    recoveries: Recoveries, database: Database, now: datetime, status: InvoiceStatus, settle: str
) -> None:
    await do(database, settle)
    assert await begin(recoveries, now) == Begun(status=status)
    assert await begin(recoveries, now, "INV-9") == Begun()


async def test_one_process_at_a_time_goes_on_with_it(
    recoveries: Recoveries, database: Database, now: datetime
) -> None:
    later = now + timedelta(minutes=5)
    begun = await begin(recoveries, now)
    assert begun.recovery is not None
    key = begun.recovery.key
    assert await recoveries.claim(later, 9) == []
    await recoveries.put_off(key, later, "too soon")
    assert await recoveries.claim(later - timedelta(seconds=1), 9) == []
    found = await asyncio.gather(*(recoveries.claim(later, 9) for _ in range(3)))
    assert sorted(len(one) for one in found) == [0, 0, 1]
    done = Conclusion(status=HandoverStatus.RECOVERED, transaction_id="tx_9")
    concluded = await recoveries.conclude(key, done)
    assert concluded is not None
    assert (concluded.handed.card_prefix, concluded.due_at, concluded.at_work) == (
        None,
        None,
        False,
    )
    # Whoever was slower changes nothing any more.
    failed = Conclusion(status=HandoverStatus.FAILED)
    assert await recoveries.conclude(key, failed) is None
    assert await recoveries.put_off(key, later, "late") is None
    kept = await recoveries.get(key)
    assert kept == concluded


@pytest.mark.parametrize(
    ("outcome", "advice", "status"),
    [
        ("recovered", None, HandoverStatus.RECOVERED),
        ("failed", "request_card_update", HandoverStatus.FAILED),
        ("blocked", "blocked", HandoverStatus.BLOCKED),
        ("blocked", "authenticate", HandoverStatus.FAILED),
        ("queued", None, HandoverStatus.UNKNOWN),
    ],
)
@pytest.mark.parametrize("charge", ["dunning:INV-1:recovery:1", "dunning:INV-1:1:charge:1"])
async def test_what_waited_takes_over_how_its_charge_has_ended(
    recoveries: Recoveries,
    database: Database,
    now: datetime,
    outcome: str,
    advice: str | None,
    status: HandoverStatus,
    charge: str,
) -> None:
    begun = await begin(recoveries, now)
    assert begun.recovery is not None
    key = begun.recovery.key
    waits = Conclusion(status=HandoverStatus.UNKNOWN, transaction_id="tx_9")
    await recoveries.conclude(key, waits)
    async with database.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO charges (key, invoice_id, purpose, amount, currency, status, outcome,
                    advice, answered_code, transaction_id, planned_at, answered_at)
                VALUES (:charge, 'INV-1', 'recovery', 4900, 'USD', 'answered', :outcome, :advice,
                    'a_code', 'tx_9', :now, :now)
            """),
            {"charge": charge, "outcome": outcome, "advice": advice, "now": now},
        )

    assert await recoveries.follow("INV-2") == 0
    assert await recoveries.follow() == (status is not HandoverStatus.UNKNOWN)

    kept = await recoveries.get(key)
    assert kept is not None
    ended = status is not HandoverStatus.UNKNOWN
    assert (kept.status, kept.transaction_id, kept.answered_code) == (
        status,
        "tx_9",
        "a_code" if ended else None,
    )
    assert await recoveries.follow() == 0
