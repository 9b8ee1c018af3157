"""Does each message leave once at most, and none after money came?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.states import Cause, Outcome, State, StepStatus
from dunning.view import CaseView, StepView
from store.inbox import Inbox, NewEvent
from store.message_records import MessageStatus
from store.reservations import Draft, Found, Reserved, Settled, SuccessPending

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.ledger import Ledger
    from store.message_records import MessageRecord
    from store.registry import Registry
    from store.reservations import Reservation
    from tests.store.conftest import Register

RUN = "dunning:INV-1:1"
SUCCESS = NewEvent(
    source="revtain", name="recovery.success", body=b"success", transaction_id="tx_1"
)


@pytest.fixture(autouse=True)
async def case(cases: Cases, register: Register, now: datetime) -> None:
    await register(revtain={"transaction_ids": ["tx_1"]})
    await cases.open_many(["INV-1"], now)


async def reserve(
    ledger: Ledger, now: datetime, *, step: str = "d4", after_payment: bool = False
) -> Reservation:
    draft = Draft(
        step=step,
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        now=now,
        body_digest="abc",
        after_payment=after_payment,
    )
    return await ledger.reserve(RUN, draft)


async def reserved(ledger: Ledger, now: datetime, *, step: str = "d4") -> str:
    reservation = await reserve(ledger, now, step=step)
    assert isinstance(reservation, Reserved)
    return reservation.message_id


async def message(ledger: Ledger) -> MessageRecord:
    (only,) = await ledger.messages(RUN)
    return only


async def test_a_reserved_message_is_found_by_the_next_attempt(
    ledger: Ledger, now: datetime
) -> None:
    message_id = await reserved(ledger, now)
    stored = await message(ledger)
    assert len(message_id) == 16
    assert stored.reserved_at is not None
    assert await reserve(ledger, now) == Found(
        message_id=message_id,
        status=MessageStatus.RESERVED,
        provider_id=None,
        reserved_at=stored.reserved_at,
        body_digest="abc",
        occurred_at=None,
        reason=None,
        requested=False,
        begun_at=now,
    )


async def test_what_was_never_requested_is_taken_back_and_its_holder_sends_nothing(
    ledger: Ledger, now: datetime
) -> None:
    slept = await reserve(ledger, now)
    assert isinstance(slept, Reserved)
    (found,) = (await ledger.of_step(RUN, "d4")).values()
    assert await ledger.take_back(found)
    again = await reserve(ledger, now)
    assert isinstance(again, Reserved)
    assert (await ledger.request(slept), await ledger.request(again)) == (False, True)
    assert not await ledger.request(again)


async def test_what_was_requested_is_not_taken_back(ledger: Ledger, now: datetime) -> None:
    held = await reserve(ledger, now)
    assert isinstance(held, Reserved)
    assert await ledger.request(held)
    (found,) = (await ledger.of_step(RUN, "d4")).values()
    assert found.requested
    assert not await ledger.take_back(found)
    assert (await message(ledger)).status is MessageStatus.RESERVED


async def test_a_request_and_a_taking_back_at_once_have_one_winner(
    ledger: Ledger, now: datetime
) -> None:
    for number in range(20):
        held = await reserve(ledger, now, step=f"d{number}")
        assert isinstance(held, Reserved)
        (found,) = (await ledger.of_step(RUN, f"d{number}")).values()
        won = await asyncio.gather(ledger.request(held), ledger.take_back(found))
        assert sorted(won) == [False, True]


@pytest.mark.parametrize(
    ("sent", "status"), [(True, MessageStatus.SENT), (False, MessageStatus.PLANNED)]
)
async def test_a_person_settles_a_message_of_unknown_outcome_once(
    ledger: Ledger,
    now: datetime,
    sent: bool,  # noqa: FBT001 (a column of the table)
    status: MessageStatus,
) -> None:
    message_id = await reserved(ledger, now)
    assert await ledger.resolve(message_id, sent=sent) == []
    await ledger.record_unknown(message_id, reason="no answer", occurred_at=now)
    (only,) = await ledger.unresolved()
    assert (only.id, only.invoice_id, only.step) == (message_id, "INV-1", "d4")
    (resolved,) = await ledger.resolve(message_id, sent=sent)
    assert (resolved.invoice_id, resolved.step) == ("INV-1", "d4")
    assert await ledger.unresolved() == []
    assert (await message(ledger)).status is status
    assert await ledger.resolve(message_id, sent=not sent) == []


async def test_concurrent_attempts_reserve_once(ledger: Ledger, now: datetime) -> None:
    answers = await asyncio.gather(*(reserve(ledger, now) for _ in range(10)))
    won = [answer for answer in answers if isinstance(answer, Reserved)]
    found = [answer for answer in answers if isinstance(answer, Found)]
    assert (len(won), len(found)) == (1, 9)
    assert {one.message_id for one in found} == {won[0].message_id}


async def test_a_planned_step_keeps_its_id_when_it_is_reserved(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    step = StepView(
        step="d4",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        status=StepStatus.PLANNED,
    )
    await cases.project(CaseView(workflow_id=RUN, version=1, state=State.WAITING, steps=(step,)))
    planned = await message(ledger)
    assert await reserved(ledger, now) == planned.id


async def test_a_released_message_may_be_reserved_again(ledger: Ledger, now: datetime) -> None:
    first = await reserved(ledger, now)
    assert await ledger.release(first)
    released = await message(ledger)
    second = await reserved(ledger, now)
    assert (released.status, released.reserved_at, second) == (MessageStatus.PLANNED, None, first)
    assert not await ledger.release("nobody's")


async def test_nothing_changes_a_sent_message(ledger: Ledger, now: datetime) -> None:
    message_id = await reserved(ledger, now)
    assert await ledger.record_sent(message_id, provider_id="SM1", occurred_at=now)
    sent = await message(ledger)
    attempts = [
        await ledger.release(message_id),
        await ledger.record_sent(message_id, provider_id="SM2", occurred_at=now),
        await ledger.record_refused(message_id, reason="bad_address", occurred_at=now),
        await ledger.record_unknown(message_id, reason="timeout", occurred_at=now),
        await ledger.record_withheld(
            RUN,
            step="d4",
            channel=Channel.EMAIL,
            template="reminder",
            reason="opted_out",
            occurred_at=now,
        ),
    ]
    found = await reserve(ledger, now)
    assert attempts == [False] * 5
    assert await message(ledger) == sent
    assert (sent.status, sent.provider_id, sent.occurred_at) == (MessageStatus.SENT, "SM1", now)
    assert isinstance(found, Found)
    assert (found.status, found.provider_id) == (MessageStatus.SENT, "SM1")


async def test_an_unknown_outcome_may_still_be_proved(ledger: Ledger, now: datetime) -> None:
    message_id = await reserved(ledger, now)
    unknown = await ledger.record_unknown(message_id, reason="timeout", occurred_at=now)
    doubt = await message(ledger)
    proved = await ledger.record_sent(message_id, provider_id="SM1", occurred_at=now)
    proof = await message(ledger)
    assert (unknown, doubt.status, doubt.reason) == (True, MessageStatus.UNKNOWN, "timeout")
    assert (proved, proof.status, proof.reason) == (True, MessageStatus.SENT, None)


async def test_refused_and_withheld_keep_their_reason(ledger: Ledger, now: datetime) -> None:
    message_id = await reserved(ledger, now)
    await ledger.record_refused(message_id, reason="bad_address", occurred_at=now)
    await ledger.record_withheld(
        RUN,
        step="text",
        channel=Channel.SMS,
        template="reminder",
        reason="no_consent",
        occurred_at=now,
    )
    messages = await ledger.messages(RUN)
    assert [(one.step, one.channel, one.status, one.reason) for one in messages] == [
        ("d4", Channel.EMAIL, MessageStatus.REFUSED, "bad_address"),
        ("text", Channel.SMS, MessageStatus.WITHHELD, "no_consent"),
    ]


async def test_a_record_carries_the_view_along(ledger: Ledger, cases: Cases, now: datetime) -> None:
    view = CaseView(workflow_id=RUN, version=5, state=State.WAITING, next_step="d9")
    message_id = await reserved(ledger, now)
    await ledger.record_sent(message_id, provider_id="1", occurred_at=now, view=view)
    newer = replace(view, version=6, next_step="d15")
    repeated = await ledger.record_sent(message_id, provider_id="1", occurred_at=now, view=newer)
    record = await cases.get("INV-1")
    assert record is not None
    assert (repeated, record.version, record.next_step) == (False, 6, "d15")


async def test_nothing_is_reserved_once_the_debt_is_settled(
    ledger: Ledger, registry: Registry, now: datetime
) -> None:
    await registry.mark_paid("INV-1", Cause.MANUAL, now)
    assert await reserve(ledger, now) == Settled()
    assert await ledger.messages(RUN) == []
    assert isinstance(await reserve(ledger, now, after_payment=True), Reserved)


async def test_nothing_is_reserved_for_a_closed_case(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    await cases.close(
        CaseView(
            workflow_id=RUN,
            version=1,
            state=State.CLOSED,
            outcome=Outcome.STOPPED,
            closed_at=now,
        )
    )
    assert await reserve(ledger, now) == Settled()


async def test_a_message_is_found_without_being_taken(ledger: Ledger, now: datetime) -> None:
    before = await ledger.find(RUN, "d4", Channel.EMAIL)
    message_id = await reserved(ledger, now)
    assert before is None
    assert await ledger.find(RUN, "d4", Channel.EMAIL) == await reserve(ledger, now)
    assert (await message(ledger)).id == message_id


async def test_nothing_is_reserved_once_a_success_stands_in_the_inbox(
    ledger: Ledger, inbox: Inbox, now: datetime
) -> None:
    await inbox.put_many([SUCCESS])
    assert await reserve(ledger, now) == SuccessPending()
    assert await ledger.messages(RUN) == []


async def test_a_success_after_the_reserve_does_not_undo_it(
    ledger: Ledger, inbox: Inbox, now: datetime
) -> None:
    message_id = await reserved(ledger, now)
    await inbox.put_many([SUCCESS])
    again = await reserve(ledger, now)
    other = await reserve(ledger, now, step="d9")
    sent = await ledger.record_sent(message_id, provider_id="1", occurred_at=now)
    assert isinstance(again, Found)
    assert (other, sent) == (SuccessPending(), True)


async def test_a_success_that_was_dealt_with_no_longer_blocks(
    ledger: Ledger, inbox: Inbox, now: datetime
) -> None:
    await inbox.put_many([SUCCESS])
    (event,) = await inbox.claim(1, timedelta(minutes=1))
    leased = await reserve(ledger, now)
    await inbox.park(event.id, reason="amount differs")
    parked = await reserve(ledger, now)
    await inbox.finish_many([(event.id, "INV-1", "differs")])
    assert (leased, parked) == (SuccessPending(), SuccessPending())
    assert isinstance(await reserve(ledger, now), Reserved)


async def test_a_case_that_does_not_exist_cannot_send(ledger: Ledger, now: datetime) -> None:
    draft = Draft(step="d4", channel=Channel.EMAIL, template="t", due_at=now, now=now)
    with pytest.raises(LookupError, match="dunning:INV-9:1"):
        await ledger.reserve("dunning:INV-9:1", draft)


async def test_what_a_closed_case_left_on_its_way_is_decided(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    requested = await reserve(ledger, now, step="d4")
    assert isinstance(requested, Reserved)
    await ledger.request(requested)
    assert isinstance(await reserve(ledger, now, step="d9"), Reserved)
    assert await ledger.give_up(timedelta(0)) == 0
    await cases.end_as_stopped(RUN, now)
    assert await ledger.give_up(timedelta(hours=1)) == 0
    assert await ledger.give_up(timedelta(0)) == 2
    assert {m.step: m.status for m in await ledger.messages(RUN)} == {
        "d4": MessageStatus.UNKNOWN,
        "d9": MessageStatus.SKIPPED,
    }
