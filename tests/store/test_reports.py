"""Does a vendor's report move exactly its message, and close exactly the address it went to?"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence, Report
from dunning.states import State, StepStatus
from dunning.suppression import Reason, Scope, Source
from dunning.view import CaseView, StepView
from store.inbox import Inbox, NewEvent
from store.ledger import Draft, Ledger, MessageStatus, Reserved
from store.reports import Filed, OpenDelivery, Reports
from store.suppressions import Closing

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.suppressions import Suppressions
    from tests.store.conftest import Register

RUN, OTHER = "dunning:INV-1:1", "dunning:INV-2:1"
ADA, COPY, PHONE = "ada@example.com", "archive@shop.example", "+12125550123"
BOUNCE: dict[str, Any] = {
    "state": Delivery.BOUNCED,
    "code": "5.1.1",
    "evidence": Evidence.NO_SUCH_ADDRESS,
}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reports(database: Database, suppressions: Suppressions) -> Reports:
    return Reports(database, suppressions)


@pytest.fixture(autouse=True)
async def case(cases: Cases, register: Register, now: datetime) -> None:
    await register(customer={"id": "cus_1", "email": ADA, "phone": PHONE})
    await cases.open_many(["INV-1"], now)


@pytest.fixture
async def message_id(ledger: Ledger, now: datetime) -> str:
    """An email that is on its way to Ada."""
    return await reserved(ledger, now)


def draft(
    now: datetime, step: str = "d4", channel: Channel = Channel.EMAIL, address: str = ADA
) -> Draft:
    return Draft(
        step=step, channel=channel, template="reminder", due_at=now, now=now, address=address
    )


async def reserved(
    ledger: Ledger, now: datetime, step: str = "d4", channel: Channel = Channel.EMAIL, **more: Any
) -> str:
    address = ADA if channel is Channel.EMAIL else PHONE
    reservation = await ledger.reserve(RUN, draft(now, step, channel, address), **more)
    assert isinstance(reservation, Reserved)
    return reservation.message_id


def report(message_id: str | None, **more: Any) -> Report:
    plain = Report(
        channel=Channel.EMAIL,
        name="x",
        message_id=message_id,
        provider_ids=("p1", "p1.f"),
        address=ADA,
    )
    return replace(plain, **more)


async def file(reports: Reports, given: Report, at: datetime, event_id: int | None = None) -> Filed:
    filed = await reports.file(given, event_id=event_id, received_at=at)
    assert filed is not None
    return filed


async def rows(database: Database, query: str) -> list[dict[str, Any]]:
    async with database.single() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def events(inbox: Inbox, database: Database, count: int) -> list[int]:
    """As many events in the inbox, that reports refer to."""
    await inbox.put_many(
        [NewEvent(source="sendgrid", name="x", body=f"{n}".encode()) for n in range(count)]
    )
    found = await rows(database, "SELECT id FROM events WHERE source = 'sendgrid' ORDER BY id")
    return [row["id"] for row in found]


async def told(database: Database) -> list[bytes]:
    """What the open cases are about to hear of closed addresses."""
    found = await rows(database, "SELECT body FROM events WHERE source = 'reach' ORDER BY id")
    return [row["body"] for row in found]


async def test_a_report_before_the_send_is_recorded_proves_it(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    given = report(message_id, state=Delivery.PROCESSED, at=now + MINUTE)
    filed = await file(reports, given, now)
    assert filed == Filed(
        message_id=message_id,
        invoice_id="INV-1",
        told=((RUN, "d4"),),
        proved=True,
        applied=True,
    )
    assert not await ledger.record_sent(message_id, provider_id="p1", occurred_at=now + MINUTE)
    assert not await ledger.release(message_id)
    (kept,) = await ledger.messages(RUN)
    assert (kept.status, kept.provider_id, kept.occurred_at) == (MessageStatus.SENT, "p1", now)
    assert (kept.delivery, kept.delivery_code, kept.delivery_at) == (
        Delivery.PROCESSED,
        None,
        now + MINUTE,
    )


@pytest.mark.parametrize("state", [None, *Delivery])
async def test_whatever_is_reported_the_vendor_has_an_unknown_message(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime, state: Delivery | None
) -> None:
    await ledger.record_unknown(message_id, reason="no answer", occurred_at=now)
    filed = await file(reports, report(message_id, state=state), now)
    (kept,) = await ledger.messages(RUN)
    assert (filed.proved, filed.was_unknown) == (True, True)
    assert (kept.status, kept.reason) == (MessageStatus.SENT, None)
    assert kept.delivery is state


async def test_what_was_settled_before_is_not_proved_again(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    await ledger.record_sent(message_id, provider_id="sent", occurred_at=now)
    assert not (await file(reports, report(message_id, state=Delivery.PROCESSED), now)).proved
    (kept,) = await ledger.messages(RUN)
    assert kept.provider_id == "sent"


async def test_any_order_ends_in_the_same_delivery(
    reports: Reports, ledger: Ledger, database: Database, message_id: str, now: datetime
) -> None:
    said = [
        report(message_id, state=Delivery.PROCESSED, at=now),
        report(message_id, state=Delivery.DEFERRED, code="4.2.1", at=now + MINUTE),
        report(message_id, state=Delivery.DELIVERED, at=now + 2 * MINUTE),
        report(message_id, state=Delivery.BOUNCED, code="5.1.1", at=now + MINUTE),
    ]
    ends: set[Any] = set()
    for order in itertools.permutations(said):
        await rows(database, "UPDATE messages SET delivery = NULL RETURNING id")
        for given in order:
            await file(reports, given, now)
        (kept,) = await ledger.messages(RUN)
        ends.add((kept.delivery, kept.delivery_code, kept.delivery_at))
    assert ends == {(Delivery.BOUNCED, "5.1.1", now + MINUTE)}


async def test_a_report_that_says_less_is_kept_and_changes_nothing(
    reports: Reports, database: Database, message_id: str, now: datetime
) -> None:
    delivered = await file(reports, report(message_id, state=Delivery.DELIVERED), now)
    late = await file(reports, report(message_id, state=Delivery.PROCESSED), now + MINUTE)
    opened = await file(reports, report(message_id, state=None), now)
    assert (delivered.applied, late.applied, opened.applied) == (True, False, False)
    kept = await rows(database, "SELECT status, at, applied FROM reports ORDER BY id")
    assert kept == [
        {"status": "delivered", "at": now, "applied": True},
        {"status": "processed", "at": now + MINUTE, "applied": False},
    ]


async def test_the_same_event_again_changes_nothing(
    reports: Reports,
    inbox: Inbox,
    database: Database,
    suppressions: Suppressions,
    message_id: str,
    now: datetime,
) -> None:
    (event_id,) = await events(inbox, database, 1)
    first = await file(reports, report(message_id, **BOUNCE), now, event_id)
    await suppressions.lift(Channel.EMAIL, ADA, by="an operator")
    again = await file(reports, report(message_id, **BOUNCE), now, event_id)
    assert (first.closed, first.repeated) == (Reason.BAD_ADDRESS, False)
    assert (again.closed, again.repeated, again.told) == (None, True, first.told)
    assert await suppressions.of(Channel.EMAIL, ADA) is None
    assert len(await rows(database, "SELECT id FROM reports")) == 1


@pytest.mark.parametrize(
    ("evidence", "told_as"),
    [
        (Evidence.NO_SUCH_ADDRESS, (Reason.BAD_ADDRESS, Scope.EVERYTHING, None)),
        (Evidence.COMPLAINT, (Reason.COMPLAINED, Scope.EVERYTHING, None)),
        (Evidence.UNSUBSCRIBED, (Reason.OPTED_OUT, Scope.REMINDERS, None)),
        (Evidence.OPTED_OUT, (Reason.OPTED_OUT, Scope.EVERYTHING, None)),
        (Evidence.FILTERED, (Reason.FILTERED, Scope.EVERYTHING, 30)),
    ],
)
async def test_evidence_closes_the_address_and_the_cases_hear_of_it(
    reports: Reports,
    inbox: Inbox,
    database: Database,
    message_id: str,
    now: datetime,
    evidence: Evidence,
    told_as: tuple[Reason, Scope, int | None],
) -> None:
    reason, scope, days = told_as
    (event_id,) = await events(inbox, database, 1)
    given = report(message_id, state=Delivery.FAILED, evidence=evidence, address=" ADA@example.com")
    assert (await file(reports, given, now, event_id)).closed is reason
    closed = await rows(
        database, "SELECT channel, reason, scope, source, event_id, expires_at FROM suppressions"
    )
    assert closed == [
        {
            "channel": "email",
            "reason": reason,
            "scope": scope,
            "source": Source.REPORT,
            "event_id": event_id,
            "expires_at": now + timedelta(days=days) if days else None,
        }
    ]
    (heard,) = await told(database)
    assert b'"customers":["cus_1"]' in heard


@pytest.mark.parametrize("state", [Delivery.UNDELIVERED, Delivery.DEFERRED, Delivery.FAILED])
async def test_what_will_pass_is_shown_and_closes_nothing(
    reports: Reports, ledger: Ledger, database: Database, message_id: str, now: datetime, state: Any
) -> None:
    filed = await file(reports, report(message_id, state=state, code="4.7.0"), now)
    (kept,) = await ledger.messages(RUN)
    assert (kept.delivery, kept.delivery_code) == (state, "4.7.0")
    assert (filed.closed, await rows(database, "SELECT id FROM suppressions")) == (None, [])
    assert await told(database) == []


async def test_a_report_on_a_copy_proves_the_send_and_nothing_else(
    reports: Reports,
    ledger: Ledger,
    database: Database,
    suppressions: Suppressions,
    message_id: str,
    now: datetime,
) -> None:
    filed = await file(reports, report(message_id, **BOUNCE, address=COPY), now)
    (kept,) = await ledger.messages(RUN)
    assert (filed.proved, filed.copy, filed.closed, filed.applied) == (True, True, None, False)
    assert (kept.status, kept.delivery) == (MessageStatus.SENT, None)
    assert await suppressions.of(Channel.EMAIL, COPY) is None
    assert await rows(database, "SELECT id FROM reports") == []


async def test_who_has_moved_keeps_the_new_address(
    reports: Reports,
    suppressions: Suppressions,
    register: Register,
    ledger: Ledger,
    message_id: str,
    now: datetime,
) -> None:
    await register(customer={"id": "cus_1", "email": "new@example.com"})
    filed = await file(reports, report(message_id, **BOUNCE), now)
    (kept,) = await ledger.messages(RUN)
    assert (filed.closed, kept.delivery) == (Reason.BAD_ADDRESS, Delivery.BOUNCED)
    assert await suppressions.of(Channel.EMAIL, "new@example.com") is None
    assert await suppressions.of(Channel.EMAIL, ADA) is not None


async def test_a_copy_at_the_customers_later_address_does_not_close_it(
    reports: Reports,
    suppressions: Suppressions,
    register: Register,
    message_id: str,
    now: datetime,
) -> None:
    await register(customer={"id": "cus_1", "email": COPY})
    assert (await file(reports, report(message_id, **BOUNCE, address=COPY), now)).copy
    assert await suppressions.of(Channel.EMAIL, COPY) is None


async def test_a_message_that_was_given_back_goes_to_the_later_address(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    await ledger.release(message_id)
    reservation = await ledger.reserve(RUN, draft(now, address="new@example.com"))
    assert isinstance(reservation, Reserved)
    assert reservation.message_id == message_id
    assert (await file(reports, report(message_id, **BOUNCE), now)).copy
    moved = report(message_id, **BOUNCE, address="new@example.com")
    assert (await file(reports, moved, now)).closed is Reason.BAD_ADDRESS


async def test_of_old_messages_the_present_address_decides(
    reports: Reports, database: Database, message_id: str, now: datetime
) -> None:
    await rows(database, "UPDATE messages SET address_digest = NULL RETURNING id")
    assert (await file(reports, report(message_id, **BOUNCE, address=COPY), now)).copy
    assert (await file(reports, report(message_id, **BOUNCE), now)).closed is Reason.BAD_ADDRESS


async def test_without_an_address_nothing_is_closed(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    filed = await file(reports, report(message_id, **BOUNCE, address=None), now)
    (kept,) = await ledger.messages(RUN)
    assert (filed.closed, kept.delivery) == (None, Delivery.BOUNCED)


async def test_who_unsubscribes_and_comes_back_is_heard_in_any_order(
    reports: Reports, suppressions: Suppressions, ledger: Ledger, now: datetime
) -> None:
    said: tuple[dict[str, Any], ...] = (
        {"state": Delivery.UNSUBSCRIBED, "evidence": Evidence.UNSUBSCRIBED, "at": now},
        {"state": Delivery.RESUBSCRIBED, "evidence": Evidence.RESUBSCRIBED, "at": now + MINUTE},
    )
    for number, order in enumerate([said, said[::-1]]):
        message_id = await reserved(ledger, now, f"d{number}")
        await ledger.record_sent(message_id, provider_id="p1", occurred_at=now)
        for event in order:
            await file(reports, report(message_id, **event), now)
        assert await suppressions.of(Channel.EMAIL, ADA) is None
    once_more = await reserved(ledger, now, "d9")
    await file(reports, report(once_more, **said[0]), now)
    assert await suppressions.of(Channel.EMAIL, ADA) is not None


async def test_coming_back_to_reminders_lifts_nothing_that_reaches_further(
    reports: Reports, suppressions: Suppressions, message_id: str, now: datetime
) -> None:
    closing = Closing(
        channel=Channel.EMAIL, address=ADA, reason=Reason.OPTED_OUT, source=Source.PAGE
    )
    await suppressions.add(closing)
    back: dict[str, Any] = {"state": Delivery.RESUBSCRIBED, "evidence": Evidence.RESUBSCRIBED}
    assert not (await file(reports, report(message_id, **back), now)).lifted
    held = await suppressions.of(Channel.EMAIL, ADA)
    assert held is not None
    assert held.scope is Scope.EVERYTHING


async def test_a_message_about_several_invoices_moves_as_one(
    reports: Reports, ledger: Ledger, cases: Cases, register: Register, now: datetime
) -> None:
    await register("INV-2", customer={"id": "cus_1"})
    await cases.open_many(["INV-2"], now)
    step = StepView(
        step="d5",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        status=StepStatus.PLANNED,
        joins=True,
    )
    view = CaseView(
        workflow_id=OTHER,
        version=2,
        state=State.WAITING,
        steps=(step,),
        next_step="d5",
        next_at=now,
    )
    await cases.project(view, now)
    (companion,) = await ledger.companions(RUN, Channel.EMAIL, until=now, most=5)
    message_id = await reserved(ledger, now, companions=[companion.message_id])
    await ledger.record_unknown(message_id, reason="no answer", occurred_at=now)
    filed = await file(reports, report(message_id, state=Delivery.DELIVERED), now)
    assert (filed.proved, filed.told) == (True, ((RUN, "d4"), (OTHER, "d5")))
    found = [(await ledger.messages(run))[0] for run in (RUN, OTHER)]
    assert [(one.status, one.provider_id, one.delivery) for one in found] == [
        (MessageStatus.SENT, "p1", Delivery.DELIVERED)
    ] * 2


async def test_the_vendors_own_id_is_matched_by_its_longest_beginning(
    reports: Reports, ledger: Ledger, now: datetime
) -> None:
    ids: dict[str, str] = {}
    for number, provider_id in enumerate(["a", "a.b"]):
        ids[provider_id] = await reserved(ledger, now, f"d{number}")
        await ledger.record_sent(ids[provider_id], provider_id=provider_id, occurred_at=now)
    long = report(None, state=Delivery.DELIVERED, provider_ids=("a", "a.b", "a.b.c"))
    short = report(None, state=Delivery.DELIVERED, provider_ids=("a", "a.x"))
    assert (await file(reports, long, now)).message_id == ids["a.b"]
    assert (await file(reports, short, now)).message_id == ids["a"]


async def test_a_report_of_another_channel_or_of_nobody_is_not_placed(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    await ledger.record_sent(message_id, provider_id="p1", occurred_at=now)
    strangers = [
        report("another", state=Delivery.DELIVERED, provider_ids=("p2",)),
        report(message_id, state=Delivery.DELIVERED, channel=Channel.SMS),
        report(None, state=Delivery.DELIVERED, provider_ids=()),
        report("\x00", state=Delivery.DELIVERED, provider_ids=("\ud800", "x" * 3000)),
    ]
    for given in strangers:
        assert await reports.file(given, event_id=None, received_at=now) is None


async def test_texts_without_a_last_word_are_open(
    reports: Reports, ledger: Ledger, database: Database, now: datetime
) -> None:
    aged = (
        "UPDATE messages SET reserved_at = clock_timestamp() - interval '{}' WHERE id = '{}'"
        " RETURNING id"
    )
    ages = {"young": "10 minutes", "open": "20 minutes", "done": "1 hour", "old": "4 days"}
    ids: dict[str, str] = {}
    for name, age in ages.items():
        ids[name] = await reserved(ledger, now, name, Channel.SMS)
        await ledger.record_sent(ids[name], provider_id=f"SM-{name}", occurred_at=now)
        await rows(database, aged.format(age, ids[name]))
    for name, state in (("open", Delivery.SENT_ON), ("done", Delivery.UNDELIVERED)):
        given = report(ids[name], state=state, channel=Channel.SMS, address=PHONE)
        await file(reports, given, now)
    between: dict[str, Any] = {"older": 15 * MINUTE, "younger": timedelta(days=3)}
    assert await reports.open_deliveries(Channel.SMS, **between) == [
        OpenDelivery(message_id=ids["open"], provider_id="SM-open")
    ]
    assert await reports.open_deliveries(Channel.SMS, **between, after=ids["open"]) == []
    assert await reports.open_deliveries(Channel.EMAIL, **between) == []


async def test_a_message_that_was_called_not_sent_is_proved_by_its_id_alone(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    await ledger.record_unknown(message_id, reason="no answer", occurred_at=now)
    assert await ledger.resolve(message_id, sent=False)
    filed = await file(reports, report(message_id, state=Delivery.DELIVERED, at=now), now)
    assert (filed.proved, filed.was_unknown, filed.told) == (True, True, ((RUN, "d4"),))
    (kept,) = await ledger.messages(RUN)
    assert (kept.status, kept.provider_id, kept.delivery) == (
        MessageStatus.SENT,
        "p1",
        Delivery.DELIVERED,
    )
    assert not isinstance(await ledger.reserve(RUN, draft(now)), Reserved)


async def test_a_message_that_the_ledger_does_not_hold_as_sent_is_told_to_nobody(
    reports: Reports, ledger: Ledger, message_id: str, now: datetime
) -> None:
    await ledger.record_refused(message_id, reason="no", occurred_at=now)
    filed = await file(reports, report(message_id, state=Delivery.DELIVERED), now)
    assert (filed.proved, filed.told) == (False, ())


@pytest.mark.parametrize("source", [Source.ONE_CLICK, Source.REPORT])
async def test_a_late_resubscription_does_not_undo_a_newer_opt_out(
    reports: Reports,
    suppressions: Suppressions,
    ledger: Ledger,
    message_id: str,
    now: datetime,
    source: Source,
) -> None:
    """Also when it is about another message."""
    if source is Source.REPORT:
        other = await reserved(ledger, now, "d9")
        left = {"state": Delivery.UNSUBSCRIBED, "evidence": Evidence.UNSUBSCRIBED, "at": now}
        await file(reports, report(other, **left), now)
    else:
        closing = Closing(
            channel=Channel.EMAIL,
            address=ADA,
            reason=Reason.OPTED_OUT,
            source=source,
            scope=Scope.REMINDERS,
            at=now,
        )
        await suppressions.add(closing)
    back = {"state": Delivery.RESUBSCRIBED, "evidence": Evidence.RESUBSCRIBED}
    late = await file(reports, report(message_id, **back, at=now - MINUTE), now + MINUTE)
    assert not late.lifted
    assert await suppressions.of(Channel.EMAIL, ADA) is not None
    early = await file(reports, report(message_id, **back, at=now + MINUTE), now + MINUTE)
    assert early.lifted


async def test_a_late_stop_of_the_vendor_does_not_undo_a_newer_start(
    reports: Reports, suppressions: Suppressions, ledger: Ledger, now: datetime
) -> None:
    message_id = await reserved(ledger, now, channel=Channel.SMS)
    refused = report(
        message_id,
        channel=Channel.SMS,
        address=PHONE,
        state=Delivery.FAILED,
        code="21610",
        evidence=Evidence.OPTED_OUT,
    )
    assert (await file(reports, refused, now)).closed is Reason.OPTED_OUT
    start = now + 2 * MINUTE
    assert await suppressions.lift(Channel.SMS, PHONE, by="reply", before=start)
    assert (await file(reports, refused, now + MINUTE)).closed is None
    assert await suppressions.of(Channel.SMS, PHONE) is None
    assert (await file(reports, refused, now + 3 * MINUTE)).closed is Reason.OPTED_OUT


async def test_an_address_that_is_closed_again_or_further_is_told_again(
    suppressions: Suppressions, database: Database
) -> None:
    filtered = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.FILTERED, source=Source.REPORT
    )
    narrow = Closing(
        channel=Channel.EMAIL,
        address=ADA,
        reason=Reason.OPTED_OUT,
        source=Source.PAGE,
        scope=Scope.REMINDERS,
    )
    (first,) = await rows(database, "SELECT clock_timestamp() - interval '1 hour' AS expired")
    assert await suppressions.add(replace(filtered, expires_at=first["expired"]))
    assert await suppressions.add(filtered)
    assert await suppressions.add(narrow)
    assert await suppressions.add(replace(narrow, scope=Scope.EVERYTHING))
    assert not await suppressions.add(narrow)
    assert len(await told(database)) == 4


async def test_what_an_event_led_to_is_found_without_reading_whole_tables(
    database: Database,
) -> None:
    found = await rows(
        database,
        "SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%(event_id) WHERE%' ORDER BY 1",
    )
    assert [row["tablename"] for row in found] == ["consents", "reports", "suppressions"]
