"""Is every alert written down once, gathered with its like, and owed until somebody took it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from dunning.channel import Channel
from dunning.delivery import Delivery, Report
from store.alerts import WINDOW, Alerts, Telling
from store.channel_pauses import BY_VENDOR, ChannelPause, ChannelPauses
from store.inbox import EventStatus, NewEvent
from store.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.cases import Cases
    from store.database import Database
    from store.inbox import Inbox
    from store.suppressions import Suppressions
    from tests.store.conftest import Register

BOTH = ("json (1)", "slack (2)")
LEASE = timedelta(minutes=2)
LATER = timedelta(minutes=5)


@pytest.fixture
def alerts(database: Database) -> Alerts:
    return Alerts(database)


@pytest.fixture
def pauses(database: Database) -> ChannelPauses:
    return ChannelPauses(database)


@pytest.fixture
def now() -> datetime:
    """Alerts are dated by the database, whose clock is this one."""
    return datetime.now(UTC)


async def happen(alerts: Alerts, *subjects: str, kind: AlertKind = AlertKind.REVIEW) -> None:
    for subject in subjects:
        assert await alerts.add(Alert(kind=kind, subject=subject, detail={"reason": "blocked"}))


async def tell(
    alerts: Alerts, now: datetime, *, took: Sequence[str] = BOTH, targets: Sequence[str] = BOTH
) -> list[tuple[tuple[str, ...], int, frozenset[str]]]:
    """Gather and tell everything due: the first subjects, the number, the targets it was owed."""
    await alerts.gather(now, targets)
    told: list[tuple[tuple[str, ...], int, frozenset[str]]] = []
    while (telling := await alerts.claim(now, LEASE)) is not None:
        told.append(seen(telling))
        done = telling.owed & set(took)
        await alerts.settle(telling, done=done, told=bool(done), now=now, again_at=now + LATER)
    return told


def seen(telling: Telling) -> tuple[tuple[str, ...], int, frozenset[str]]:
    bundle = telling.bundle
    return tuple(alert.subject for alert in bundle.first), bundle.total, telling.owed


async def test_the_first_goes_alone_and_what_follows_within_the_window_together(
    alerts: Alerts, now: datetime
) -> None:
    await happen(alerts, "INV-1", "INV-2", "INV-3", "INV-4", "INV-5")
    await happen(alerts, "email", kind=AlertKind.CREDENTIALS)
    owed = frozenset(BOTH)
    assert sorted(await tell(alerts, now)) == [(("INV-1",), 1, owed), (("email",), 1, owed)]
    assert await tell(alerts, now + WINDOW - timedelta(seconds=1)) == []
    assert await tell(alerts, now + WINDOW) == [(("INV-2", "INV-3", "INV-4"), 4, owed)]
    assert await tell(alerts, now + WINDOW * 5) == []


async def test_what_comes_after_a_quiet_window_goes_alone_again(
    alerts: Alerts, database: Database, now: datetime
) -> None:
    await happen(alerts, "INV-1")
    await tell(alerts, now - WINDOW)
    await happen(alerts, "INV-2", "INV-3")
    assert [first for first, *_ in await tell(alerts, now)] == [("INV-2",)]
    assert [first for first, *_ in await tell(alerts, now + WINDOW)] == [("INV-3",)]


async def test_a_target_that_fails_is_owed_alone_and_tried_later(
    alerts: Alerts, now: datetime
) -> None:
    await happen(alerts, "INV-1")
    assert [owed for *_, owed in await tell(alerts, now, took=["json (1)"])] == [frozenset(BOTH)]
    (record,) = await alerts.find()
    assert (record.told_at, record.owed) == (now, ("slack (2)",))
    assert await tell(alerts, now + LATER - timedelta(seconds=1)) == []
    again = await tell(alerts, now + LATER, took=["slack (2)"])
    assert again == [(("INV-1",), 1, frozenset({"slack (2)"}))]
    (record,) = await alerts.find()
    assert (record.told_at, record.owed, await alerts.find(untold=True)) == (now, (), [])


async def test_while_nobody_takes_a_message_the_next_ones_wait_and_become_one(
    alerts: Alerts, now: datetime
) -> None:
    await happen(alerts, "INV-1", "INV-2")
    await tell(alerts, now, took=[])
    await happen(alerts, "INV-3")
    back = now + WINDOW * 3
    assert [first for first, *_ in await tell(alerts, back)] == [("INV-1",)]
    assert await tell(alerts, back) == []
    assert [first for first, *_ in await tell(alerts, back + WINDOW)] == [("INV-2", "INV-3")]


async def test_one_process_tells_at_a_time_and_a_lease_brings_back_what_was_lost(
    alerts: Alerts, now: datetime
) -> None:
    await happen(alerts, "INV-1")
    assert (await alerts.gather(now, BOTH), await alerts.gather(now, BOTH)) == (1, 0)
    first, second = await alerts.claim(now, LEASE), await alerts.claim(now, LEASE)
    assert (first and seen(first)[0], second) == (("INV-1",), None)
    after = await alerts.claim(now + LEASE, LEASE)
    assert after is not None
    assert (after.head, after.tries) == (first and first.head, 2)


async def test_old_news_is_told_to_nobody(alerts: Alerts, now: datetime) -> None:
    await happen(alerts, "INV-1")
    assert await tell(alerts, now + timedelta(days=8)) == []


async def test_the_same_alert_is_written_down_once(alerts: Alerts) -> None:
    alert = Alert(kind=AlertKind.TEAM_ALERT, subject="INV-1", identity="run step")
    assert [await alerts.add(alert), await alerts.add(alert)] == [True, False]


async def written(alerts: Alerts) -> list[tuple[str, str, dict[str, Any]]]:
    return [(r.kind.value, r.subject, r.detail) for r in reversed(await alerts.find())]


async def test_an_event_that_is_parked_again_and_again_and_one_that_cannot_be_read(
    alerts: Alerts, inbox: Inbox
) -> None:
    unreadable = EventStatus.UNREADABLE
    await inbox.put_many(
        [
            NewEvent(source="revtain", name="recovery.failed", body=b"{}", transaction_id="t"),
            NewEvent(source="revtain", name="", body=b"nonsense", status=unreadable),
        ]
    )
    broken, lost = sorted(await inbox.find_events(), key=lambda event: event.name)
    for _ in range(3):
        await inbox.park(lost.id, reason="no invoice")
    first = ("unreadable", str(broken.id), {"source": "revtain"})
    assert await written(alerts) == [first]
    for _ in range(3):
        await inbox.park(lost.id, reason="no invoice")
    detail = {"source": "revtain", "name": "recovery.failed"}
    assert await written(alerts) == [first, ("unmatched", str(lost.id), detail)]


async def test_a_case_that_lost_its_run_and_one_that_was_paid_too_late(
    alerts: Alerts, cases: Cases, database: Database, register: Register, now: datetime
) -> None:
    await register()
    opening = (await cases.open_many(["INV-1"], now))["INV-1"]
    assert await cases.end_as_stopped(opening.workflow_id, now)
    assert not await cases.end_as_stopped(opening.workflow_id, now)
    lost: tuple[str, str, dict[str, str]] = ("case_without_run", "INV-1", {})
    assert await written(alerts) == [lost]
    paid = text("UPDATE cases SET paid_after_close_at = clock_timestamp()")
    async with database.begin() as connection:
        await connection.execute(paid)
        await connection.execute(paid)
    late = ("paid_after_close", "INV-1", {"outcome": "stopped"})
    assert await written(alerts) == [lost, late]


async def test_a_message_of_which_nobody_can_tell_and_an_event_that_is_given_up(
    alerts: Alerts, cases: Cases, database: Database, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    put = """
        INSERT INTO messages (id, case_id, step, channel, template, status, merged_into)
        SELECT g.id, c.id, g.id, 'email', 'reminder', 'reserved', g.carrier
        FROM cases c, (VALUES ('one', NULL), ('two', 'one')) AS g (id, carrier);
        INSERT INTO endpoints (id, url, salt) VALUES ('shop', 'https://shop.example', 'x');
        INSERT INTO outgoing (endpoint_id, audit_id, case_id, webhook_id, kind)
        SELECT 'shop', id, case_id, 'msg_1', kind FROM audit LIMIT 1
    """
    end = """
        UPDATE messages SET status = 'unknown';
        UPDATE outgoing SET status = 'dead'
    """
    async with database.begin() as connection:
        for statement in (*put.split(";"), *end.split(";"), *end.split(";")):
            await connection.execute(text(statement))
    assert await written(alerts) == [
        ("unknown_outcome", "INV-1", {"channel": "email", "step": "one"}),
        ("dead_letters", "msg_1", {"endpoint": "shop", "kind": "case.opened"}),
    ]


async def test_an_unclear_reply_and_no_other(alerts: Alerts, database: Database) -> None:
    put = text("""
        INSERT INTO replies (channel, vendor_id, address_digest, meaning)
        VALUES ('sms', 'one', 'x', 'stop'), ('sms', 'two', 'x', 'other') RETURNING id
    """)
    async with database.begin() as connection:
        _, unclear = (await connection.scalars(put)).all()
    assert await written(alerts) == [("reply", str(unclear), {"channel": "sms"})]


async def test_what_must_be_mended_at_a_vendor_is_told_once_a_day(
    alerts: Alerts,
    cases: Cases,
    database: Database,
    register: Register,
    suppressions: Suppressions,
    now: datetime,
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    put = text("""
        INSERT INTO messages (id, case_id, step, channel, template, status, provider_id)
        SELECT 'one', id, 'first', 'sms', 'reminder', 'sent', 'SM1' FROM cases
    """)
    async with database.begin() as connection:
        await connection.execute(put)
    reports, detail = Reports(database, suppressions), {"code": "30034", "reason": "register"}
    failed = Report(
        channel=Channel.SMS,
        name="failed",
        provider_ids=("SM1",),
        state=Delivery.FAILED,
        code="30034",
        mend="register",
    )
    for given in (failed, failed, replace(failed, mend=None)):
        await reports.file(given, event_id=None, received_at=now)
    once = [("configuration", "sms", detail)]
    assert await written(alerts) == once
    await reports.file(failed, event_id=None, received_at=now + timedelta(days=1))
    assert await written(alerts) == once * 2


async def test_a_pause_begins_and_ends_once_and_one_message_a_minute_tries(
    alerts: Alerts, pauses: ChannelPauses, now: datetime
) -> None:
    minute = timedelta(minutes=1)
    first = await pauses.begin(Channel.EMAIL, "check the key", now=now, until=now + minute)
    again = await pauses.begin(
        Channel.EMAIL, "check the sender", now=now + minute, until=now + 2 * minute
    )
    assert first == ChannelPause(
        channel=Channel.EMAIL, since=now, until=now + minute, reason="check the key"
    )
    assert (again.since, again.until, again.reason) == (now, now + 2 * minute, "check the sender")
    tries = [
        await pauses.probe(Channel.EMAIL, now=now + minute, until=now + 3 * minute),
        await pauses.probe(Channel.EMAIL, now=now + 2 * minute, until=now + 3 * minute),
        await pauses.probe(Channel.EMAIL, now=now + 2 * minute, until=now + 3 * minute),
        await pauses.probe(Channel.SMS, now=now + 2 * minute, until=now + 3 * minute),
    ]
    assert tries == [False, True, False, False]
    cleared = [await pauses.clear(Channel.EMAIL, by=BY_VENDOR, now=now) for _ in range(2)]
    assert (cleared, await pauses.open(), await pauses.of(Channel.EMAIL)) == (
        [True, False],
        [],
        None,
    )
    assert await written(alerts) == [
        ("credentials", "email", {"reason": "check the key"}),
        ("credentials_mended", "email", {}),
    ]


async def test_a_pause_that_a_person_ends_tells_nobody_that_the_vendor_is_content(
    alerts: Alerts, pauses: ChannelPauses, now: datetime
) -> None:
    await pauses.begin(Channel.SMS, "check the key", now=now, until=now)
    assert await pauses.clear(Channel.SMS, by="operator", now=now)
    assert [kind for kind, *_ in await written(alerts)] == ["credentials"]
