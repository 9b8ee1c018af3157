"""Is an event stored once, handed out once, and never lost?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.errors import RegistryError
from store.digest import token_digest
from store.inbox import EventStatus, NewEvent
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.database import Database
    from store.inbox import ClaimedEvent, Inbox
    from store.registry import Registry
    from tests.store.conftest import Register

LEASE = timedelta(minutes=1)
OVER = timedelta(0)


def failed(number: int) -> NewEvent:
    return NewEvent(
        source="revtain",
        name="recovery.failed",
        body=f"failed {number}".encode(),
        transaction_id=f"tx_{number}",
        idempotency_key=f"key_{number}",
    )


def success(number: int) -> NewEvent:
    return NewEvent(
        source="revtain",
        name="recovery.success",
        body=f"success {number}".encode(),
        transaction_id=f"tx_{number}",
    )


def card_updated(old_token: str) -> NewEvent:
    return NewEvent(
        source="revtain",
        name="card.updated",
        body=f"card {old_token}".encode(),
        old_token_digest=token_digest(TOKEN_KEY, old_token),
    )


async def execute(database: Database, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def stored_bodies(database: Database) -> list[bytes]:
    async with database.single() as connection:
        return list(await connection.scalars(text("SELECT body FROM events ORDER BY body")))


def bodies(claimed: list[ClaimedEvent]) -> list[bytes]:
    return [event.body for event in claimed]


async def test_a_stored_event_is_claimed_as_it_came(inbox: Inbox) -> None:
    assert await inbox.put_many([failed(1)]) == [True]
    (event,) = await inbox.claim(10, LEASE)
    expected = (
        "recovery.failed",
        b"failed 1",
        "tx_1",
        "key_1",
        None,
        1,
    )
    assert expected == (
        event.name,
        event.body,
        event.transaction_id,
        event.idempotency_key,
        event.old_card,
        event.attempts,
    )


async def test_duplicates_within_and_across_batches_are_told_apart(
    inbox: Inbox, database: Database
) -> None:
    card = card_updated("pm_1")
    first = await inbox.put_many([failed(1), card, failed(1), failed(2), card])
    second = await inbox.put_many([failed(3), failed(2), card])
    other = await inbox.put_many([NewEvent(source="stripe", name="invoice.paid", body=b"failed 1")])
    assert (first, second, other) == (
        [True, True, False, True, False],
        [True, False, False],
        [True],
    )
    assert await stored_bodies(database) == [
        b"card pm_1",
        b"failed 1",
        b"failed 1",
        b"failed 2",
        b"failed 3",
    ]


async def test_an_empty_batch_stores_nothing(inbox: Inbox) -> None:
    assert await inbox.put_many([]) == []


async def test_concurrent_batches_of_the_same_events_store_each_once(
    inbox: Inbox, database: Database
) -> None:
    rows = [failed(n) for n in range(100)] + [card_updated(f"pm_{n}") for n in range(20)]
    batches = [rows, rows[::-1], rows[50:] + rows[:50], rows]
    answers = await asyncio.gather(*(inbox.put_many(batch) for batch in batches))
    assert sum(sum(answer) for answer in answers) == len(rows)
    assert len(await stored_bodies(database)) == len(rows)


async def test_the_same_change_of_card_counts_again_after_48_hours(
    inbox: Inbox, database: Database
) -> None:
    answers = [await inbox.put_many([card_updated("pm_1")])]
    for age in (timedelta(hours=47, minutes=59), timedelta(hours=48, minutes=1)):
        await execute(
            database,
            "UPDATE events SET received_at = clock_timestamp() - CAST(:age AS interval)",
            age=age,
        )
        answers.append(await inbox.put_many([card_updated("pm_1")]))
    assert answers == [[True], [False], [True]]


async def test_texts_that_postgresql_refuses_do_not_harm_the_batch(
    inbox: Inbox, database: Database
) -> None:
    odd = NewEvent(
        source="revtain",
        name="recovery.failed",
        body=b"\x00\xff",
        transaction_id="a\x00b",
        idempotency_key="\ud800" + "k" * 5000,
    )
    assert await inbox.put_many([odd, failed(1)]) == [True, True]
    event = next(one for one in await inbox.claim(10, LEASE) if one.body == b"\x00\xff")
    assert (event.transaction_id, event.idempotency_key) == ("a\ufffdb", "?" + "k" * 511)


async def test_successes_are_claimed_first_then_the_oldest(inbox: Inbox) -> None:
    for event in (failed(1), failed(2), success(3)):
        await inbox.put_many([event])
    assert bodies(await inbox.claim(2, LEASE)) == [b"success 3", b"failed 1"]
    assert bodies(await inbox.claim(2, LEASE)) == [b"failed 2"]


async def test_concurrent_claims_share_the_events_without_overlap(inbox: Inbox) -> None:
    await inbox.put_many([failed(n) for n in range(300)])

    async def worker() -> list[int]:
        taken: list[int] = []
        while claimed := await inbox.claim(17, LEASE):
            taken += [event.id for event in claimed]
            await inbox.finish_many([(event.id, None, "done") for event in claimed])
        return taken

    taken = [one for part in await asyncio.gather(*(worker() for _ in range(8))) for one in part]
    assert (len(taken), len(set(taken))) == (300, 300)
    assert await inbox.counts() == {
        EventStatus.PENDING: 0,
        EventStatus.PARKED: 0,
        EventStatus.DONE: 300,
        EventStatus.UNREADABLE: 0,
    }


async def test_an_expired_lease_makes_the_event_due_again(inbox: Inbox) -> None:
    await inbox.put_many([failed(1)])
    lost = await inbox.claim(10, OVER)
    again = await inbox.claim(10, LEASE)
    held = await inbox.claim(10, LEASE)
    assert [(event.body, event.attempts) for event in lost + again + held] == [
        (b"failed 1", 1),
        (b"failed 1", 2),
    ]


async def test_a_finished_event_keeps_its_invoice_and_a_word(inbox: Inbox) -> None:
    await inbox.put_many([failed(1)])
    (event,) = await inbox.claim(10, OVER)
    await inbox.finish_many([(event.id, "INV-1", "signalled")])
    await inbox.park(event.id, reason="too late")
    await inbox.retry_later([event.id], "too late", OVER)
    record = await inbox.get_event(event.id)
    assert record is not None
    assert (record.status, record.invoice_id, record.note, record.body) == (
        EventStatus.DONE,
        "INV-1",
        "signalled",
        b"failed 1",
    )
    assert await inbox.claim(10, LEASE) == []


async def test_pauses_of_a_parked_event_grow_up_to_the_last(
    inbox: Inbox, database: Database
) -> None:
    await inbox.put_many([failed(1)])
    minutes = text("""
        SELECT CAST(round(extract(epoch FROM due_at - clock_timestamp()) / 60) AS integer)
        FROM events
    """)
    pauses: list[int | None] = []
    for _ in range(8):
        (event,) = await inbox.claim(10, LEASE)
        await inbox.park(event.id, reason="no invoice")
        async with database.single() as connection:
            pauses.append(await connection.scalar(minutes))
        assert await inbox.claim(10, LEASE) == []
        await execute(database, "UPDATE events SET due_at = clock_timestamp()")
    assert pauses == [1, 5, 30, 120, 360, 1440, 1440, 1440]


async def test_an_event_put_off_is_due_after_its_delay(inbox: Inbox) -> None:
    await inbox.put_many([failed(1), failed(2)])
    first, second = await inbox.claim(10, LEASE)
    await inbox.retry_later([first.id], "Temporal is down", OVER)
    await inbox.retry_later([second.id], "Temporal is down", LEASE)
    assert bodies(await inbox.claim(10, LEASE)) == [b"failed 1"]
    assert await inbox.oldest_due() is not None
    await inbox.finish_many([(first.id, None, None)])
    assert await inbox.oldest_due() is None


async def test_registration_wakes_events_by_transaction_key_and_card(
    inbox: Inbox, register: Register, registry: Registry
) -> None:
    rows = [failed(1), failed(2), card_updated("pm_1"), card_updated("pm_2"), failed(3)]
    await inbox.put_many(rows)
    claimed = await inbox.claim(10, LEASE)
    await inbox.park_many([event.id for event in claimed], reason="no invoice")
    await register(
        payment_method_token="pm_1",
        revtain={"transaction_ids": ["tx_1"], "idempotency_keys": ["key_2"]},
    )
    woken = await inbox.claim(10, LEASE)
    await registry.replace_card("INV-1", "pm_2", "pm_1")
    woken_by_card = await inbox.claim(10, LEASE)
    assert (sorted(bodies(woken)), bodies(woken_by_card)) == (
        [b"card pm_1", b"failed 1", b"failed 2"],
        [b"card pm_2"],
    )


async def test_an_event_whose_invoice_comes_while_it_is_handled_does_not_pause(
    inbox: Inbox, register: Register
) -> None:
    await inbox.put_many([failed(1)])
    (event,) = await inbox.claim(10, LEASE)
    await register(revtain={"transaction_ids": ["tx_1"]})
    await inbox.park(event.id, reason="no invoice")
    assert bodies(await inbox.claim(10, LEASE)) == [b"failed 1"]


async def test_a_refused_registration_wakes_nothing(inbox: Inbox, register: Register) -> None:
    await inbox.put_many([failed(1)])
    (event,) = await inbox.claim(10, LEASE)
    await inbox.park(event.id, reason="no invoice")
    await register("INV-2", revtain={"transaction_ids": ["tx_2"]})
    with pytest.raises(RegistryError):
        await register(revtain={"transaction_ids": ["tx_1", "tx_2"]})
    assert await inbox.claim(10, LEASE) == []


async def test_pending_successes_of_an_invoice_are_told_until_they_are_done(
    inbox: Inbox, register: Register
) -> None:
    await register(revtain={"transaction_ids": ["tx_1"], "idempotency_keys": ["key_2"]})
    by_key = NewEvent(
        source="revtain", name="recovery.success", body=b"by key", idempotency_key="key_2"
    )
    await inbox.put_many([success(1), by_key, success(3), failed(1)])
    before = await inbox.pending_success("INV-1")
    first, second, *_ = await inbox.claim(10, LEASE)
    await inbox.park(first.id, reason="later")
    await inbox.finish_many([(second.id, "INV-1", "paid")])
    after = await inbox.pending_success("INV-1")
    assert (before, after) == ([b"success 1", b"by key"], [b"success 1"])


async def test_events_are_listed_newest_first_by_what_is_asked_for(inbox: Inbox) -> None:
    unreadable = NewEvent(
        source="revtain", name="", body=b"{", status=EventStatus.UNREADABLE, note="not JSON"
    )
    parked = NewEvent(
        source="revtain", name="recovery.failed", body=b"?", status=EventStatus.PARKED, note="?"
    )
    for row in (failed(1), unreadable, parked, success(2)):
        await inbox.put_many([row])
    everything = await inbox.find_events()
    older = await inbox.find_events(limit=2, before_id=everything[1].id)
    assert [event.name for event in everything] == [
        "recovery.success",
        "recovery.failed",
        "",
        "recovery.failed",
    ]
    assert [event.note for event in older] == ["not JSON", None]
    assert [event.body for event in everything] == [None] * 4
    assert [event.note for event in await inbox.find_events(status=EventStatus.UNREADABLE)] == [
        "not JSON"
    ]
    assert [event.note for event in await inbox.find_events(unmatched=True)] == ["?"]
    assert len(await inbox.find_events(name="recovery.failed")) == 2
    assert await inbox.get_event(0) is None
