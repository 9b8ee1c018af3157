"""Is a customer counted once over all their cases?"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.budget import Limit
from dunning.channel import Channel
from dunning.states import Cause
from store.reservations import Found, OverBudget, Reserved
from tests.store.several import (
    INVOICES,
    ONE,
    STRANGER,
    TWO,
    WEEK,
    open_all,
    reserve,
    statuses,
)

if TYPE_CHECKING:
    from store.cases import Cases
    from store.ledger import Ledger
    from store.registry import Registry
    from tests.store.conftest import Register


@pytest.fixture(autouse=True)
async def six(cases: Cases, register: Register, now: datetime) -> None:
    await open_all(cases, register, now)


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
