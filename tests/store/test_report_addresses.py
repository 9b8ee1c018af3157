"""Does a vendor's report close exactly the address that its message went to?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence
from dunning.suppression import Reason, Scope, Source
from store.inbox import Inbox
from store.ledger import Ledger
from store.reports import Reports
from store.reservations import Reserved
from store.suppressions import Closing
from tests.store.reported import (
    ADA,
    BOUNCE,
    COPY,
    MINUTE,
    PHONE,
    RUN,
    draft,
    events,
    file,
    on_its_way,
    report,
    reserved,
    rows,
    told,
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
