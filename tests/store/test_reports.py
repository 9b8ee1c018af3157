"""Does a vendor's report move exactly its message?"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dunning.channel import Channel
from dunning.delivery import Delivery
from dunning.states import State, StepStatus
from dunning.suppression import Reason
from dunning.view import CaseView, StepView
from store.inbox import Inbox
from store.ledger import Ledger
from store.message_records import MessageStatus
from store.reports import Filed, OpenDelivery, Reports
from store.reservations import Reserved
from tests.store.reported import (
    ADA,
    BOUNCE,
    COPY,
    MINUTE,
    OTHER,
    PHONE,
    RUN,
    draft,
    events,
    file,
    on_its_way,
    report,
    reserved,
    rows,
)

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.suppressions import Suppressions
    from tests.store.conftest import Register


@pytest.fixture(autouse=True)
async def case(cases: Cases, register: Register, now: datetime) -> None:
    await on_its_way(cases, register, now)


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
