"""Are texts and bodies forgotten when their time is over, and nothing else?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text, update

from dunning.channel import Channel
from store.database import Database
from store.erasure import Erasure
from store.inbox import EventStatus, NewEvent
from store.ledger import Ledger
from store.reservations import Draft, Reserved
from store.retention import Forgotten, Keeping, Retention
from store.tables import METADATA
from tests.store.conftest import TOKEN_KEY
from webhook.retention import RetentionTask

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.inbox import Inbox
    from store.registry import Registry
    from tests.store.conftest import Register

LEASE = timedelta(minutes=1)
KEEPING = Keeping(events=timedelta(days=90), texts=timedelta(days=400))
RUN = "dunning:INV-1:1"


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database, KEEPING)


@pytest.fixture(autouse=True)
async def case(cases: Cases, register: Register, now: datetime) -> None:
    await register(revtain={"transaction_ids": ["tx_1"]})
    await cases.open_many(["INV-1"], now)


class Rows:
    """The tables, directly."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self._database.single() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def age(self, name: str, column: str, days: float) -> None:
        """Make all rows older."""
        table = METADATA.tables[name]
        older = table.c[column] - timedelta(days=days)
        async with self._database.single() as connection:
            await connection.execute(update(table).values({column: older}))


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


def failed(number: int, status: EventStatus = EventStatus.PENDING) -> NewEvent:
    return NewEvent(
        source="revtain",
        name="" if status is EventStatus.UNREADABLE else "recovery.failed",
        body=b"body %d" % number,
        transaction_id=f"tx_{number}",
        status=status,
    )


async def handle(inbox: Inbox, *events: NewEvent, invoice: str | None = None) -> None:
    await inbox.put_many(events)
    claimed = await inbox.claim(100, LEASE)
    await inbox.finish_many([(event.id, invoice, None) for event in claimed])


async def write(ledger: Ledger, now: datetime, step: str = "d4", said: str = "Hello") -> str:
    draft = Draft(
        step=step,
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        now=now,
        body_digest="digest",
        address="ada@example.com",
        subject="Your payment",
        text=said,
    )
    reserved = await ledger.reserve(RUN, draft)
    assert isinstance(reserved, Reserved)
    return reserved.message_id


async def letters(rows: Rows) -> list[tuple[Any, ...]]:
    return await rows.all("SELECT recipient, subject, body, erased_at IS NULL FROM letters")


async def test_a_message_is_kept_with_its_reservation(
    ledger: Ledger, rows: Rows, now: datetime
) -> None:
    await write(ledger, now)
    assert await letters(rows) == [("ada@example.com", "Your payment", "Hello", True)]


async def test_words_of_a_released_message_give_way_to_those_that_leave(
    ledger: Ledger, rows: Rows, now: datetime
) -> None:
    first = await write(ledger, now)
    await ledger.release(first)
    again = await write(ledger, now, said="Hello again")
    assert again == first
    assert await letters(rows) == [("ada@example.com", "Your payment", "Hello again", True)]


async def test_no_texts_are_kept_where_none_are_wanted(
    database: Database, rows: Rows, now: datetime
) -> None:
    await write(Ledger(database, TOKEN_KEY, keep_texts=False), now)
    digests = await rows.all("SELECT body_digest FROM messages")
    assert (await letters(rows), digests) == ([], [("digest",)])


async def test_an_event_is_forgotten_ninety_days_after_it_was_handled(
    retention: Retention, inbox: Inbox, rows: Rows
) -> None:
    """However long it had waited for that."""
    await handle(inbox, failed(1))
    await rows.age("events", "received_at", 500)
    await rows.age("events", "done_at", 89.9)
    assert await retention.forget() == Forgotten()
    await rows.age("events", "done_at", 0.2)
    assert await retention.forget() == Forgotten(events=1)
    assert await inbox.put_many([failed(1)]) == [False]
    (event,) = await inbox.find_events()
    record = await inbox.get_event(event.id)
    assert record is not None
    assert (record.body, record.status) == (None, EventStatus.DONE)


async def test_what_waits_keeps_its_body_and_what_nobody_can_read_does_not(
    retention: Retention, inbox: Inbox, rows: Rows
) -> None:
    await inbox.put_many(
        [failed(1), failed(2, EventStatus.PARKED), failed(3, EventStatus.UNREADABLE)]
    )
    await rows.age("events", "received_at", 1000)
    assert await retention.forget() == Forgotten(events=1)
    kept = await rows.all("SELECT status FROM events WHERE body IS NOT NULL ORDER BY status")
    assert kept == [("parked",), ("pending",)]


async def test_texts_are_forgotten_and_the_ledger_stays(
    retention: Retention, ledger: Ledger, rows: Rows, now: datetime
) -> None:
    message_id = await write(ledger, now)
    await ledger.record_sent(message_id, provider_id="sg-1", occurred_at=now)
    await rows.age("letters", "kept_at", 401)
    await write(ledger, now, step="d9")
    assert await retention.forget() == Forgotten(letters=1)
    assert sorted(await letters(rows), key=str) == [
        ("ada@example.com", "Your payment", "Hello", True),
        (None, None, None, False),
    ]
    sent = await rows.all("SELECT provider_id, body_digest FROM messages WHERE status = 'sent'")
    assert sent == [("sg-1", "digest")]


async def reply(rows: Rows, number: int, age: int, *, read: bool) -> None:
    await rows.all(
        """
        INSERT INTO replies (
            channel, vendor_id, address_digest, body, meaning, received_at, handled_at)
        VALUES ('sms', :id, 'digest', 'I was ill', 'other',
            clock_timestamp() - make_interval(days => :age),
            CASE WHEN :read THEN clock_timestamp() END)
        RETURNING id
        """,
        id=f"SM{number}",
        age=age,
        read=read,
    )


async def test_a_reply_that_nobody_read_outlives_a_short_keeping(
    database: Database, rows: Rows
) -> None:
    await reply(rows, 1, 1, read=True)
    await reply(rows, 2, 29, read=False)
    await reply(rows, 3, 31, read=False)
    none = Keeping(events=timedelta(days=90), texts=timedelta(0))
    assert await Retention(database, none).forget() == Forgotten(replies=2)
    kept = await rows.all("SELECT vendor_id FROM replies WHERE body IS NOT NULL")
    assert kept == [("SM2",)]


async def test_what_comes_in_about_an_erased_customer_is_forgotten_soon(
    retention: Retention, database: Database, inbox: Inbox, registry: Registry, rows: Rows
) -> None:
    await Erasure(database, TOKEN_KEY).erase("cus_1", author="operator")
    await inbox.put_many([failed(1)])
    await registry.replace_card("INV-1", "pm-new")
    assert (await retention.due()).of_erased == 0
    claimed = [event for event in await inbox.claim(9, LEASE) if event.source == "revtain"]
    await inbox.finish_many([(event.id, "INV-1", None) for event in claimed])
    assert await retention.due() == Forgotten(of_erased=1, cards_of_erased=1)
    assert await retention.forget() == Forgotten(of_erased=1, cards_of_erased=1)
    assert await rows.all("SELECT payment_method_token FROM invoices") == [(None,)]
    assert await retention.due() == Forgotten()


async def test_a_count_changes_nothing(retention: Retention, inbox: Inbox, rows: Rows) -> None:
    await handle(inbox, failed(1), failed(2))
    await rows.age("events", "done_at", 91)
    assert await retention.due() == await retention.due() == Forgotten(events=2)


async def test_the_task_forgets_batch_by_batch_until_nothing_is_due(
    retention: Retention, inbox: Inbox, rows: Rows
) -> None:
    await handle(inbox, *(failed(number) for number in range(7)))
    await rows.age("events", "done_at", 91)
    assert await retention.forget(batch=3) == Forgotten(events=3)
    assert await RetentionTask(retention).once() == Forgotten(events=4)
    assert await rows.all("SELECT id FROM events WHERE body IS NOT NULL") == []


async def test_one_process_forgets_at_a_time(
    retention: Retention, database: Database, inbox: Inbox, rows: Rows
) -> None:
    await handle(inbox, failed(1))
    await rows.age("events", "done_at", 91)
    async with database.begin() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(4021, 9)"))
        assert await retention.forget() is None
        assert await RetentionTask(retention).once() == Forgotten()
    assert await retention.forget() == Forgotten(events=1)


async def test_a_row_that_somebody_holds_is_left_for_later(
    retention: Retention, database: Database, inbox: Inbox, rows: Rows
) -> None:
    await handle(inbox, failed(1), failed(2))
    await rows.age("events", "done_at", 91)
    async with database.begin() as other:
        await other.execute(text("SELECT FROM events WHERE body = 'body 1' FOR UPDATE"))
        assert await retention.forget() == Forgotten(events=1)
    assert await retention.forget() == Forgotten(events=1)


async def test_the_task_ends_when_it_is_told_to(retention: Retention) -> None:
    task = RetentionTask(retention)
    running = asyncio.create_task(task.run())
    await asyncio.sleep(0)
    task.stop()
    async with asyncio.timeout(5):
        await running


async def test_the_task_outlives_a_database_that_is_away() -> None:
    away = Database.connect("postgresql://ada@127.0.0.1:1/dunning")
    task = RetentionTask(Retention(away, KEEPING), pause=0.01)
    running = asyncio.create_task(task.run())
    done, _ = await asyncio.wait([running], timeout=0.2)
    task.stop()
    async with asyncio.timeout(5):
        await running
    assert done == set()
    await away.aclose()


async def test_old_alerts_are_removed_sooner_when_somebody_was_told(
    retention: Retention, database: Database, rows: Rows
) -> None:
    for told, days in ((True, 91), (True, 89), (False, 179), (False, 181)):
        await rows.all(
            """
            INSERT INTO alerts (kind, subject, created_at, told_at)
            VALUES ('review', :subject, clock_timestamp() - make_interval(days => :days),
                CASE WHEN :told THEN clock_timestamp() END)
            RETURNING id
            """,
            subject=f"{days}",
            days=days,
            told=told,
        )
    assert await retention.due() == Forgotten(alerts=2)
    assert await retention.forget(batch=1) == Forgotten(alerts=1)
    assert await RetentionTask(retention).once() == Forgotten(alerts=1)
    assert await rows.all("SELECT subject FROM alerts ORDER BY id") == [("89",), ("179",)]
