"""Is everything kept that happens to a case?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, get_args

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.delivery import Delivery
from dunning.orders import Order
from dunning.states import Outcome, State, StepStatus
from dunning.view import StepView
from store.audit import Audit
from store.audit_kinds import AuditKind
from store.message_records import MessageStatus
from store.reservations import Draft, Reserved
from tests.store.trails import RUN, a_view, begun, faults, kinds

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from tests.store.conftest import Register

STATIONS = {"accepted", "queued", "processed", "sent_on"}


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database)


@pytest.fixture
async def opened(register: Register, cases: Cases, now: datetime) -> str:
    return await begun(register, cases, now)


def a_step(now: datetime, status: StepStatus, reason: str | None = None) -> StepView:
    return StepView(
        step="first",
        channel=Channel.EMAIL,
        template="card",
        due_at=now,
        status=status,
        reason=reason,
        at=None if status is StepStatus.PLANNED else now,
    )


async def test_a_life_is_kept_entry_by_entry(
    audit: Audit, cases: Cases, ledger: Ledger, opened: str, now: datetime
) -> None:
    planned = a_step(now, StepStatus.PLANNED)
    await cases.project(a_view(1, steps=(planned,), at=now, closed_channels=("sms: opted_out",)))
    await cases.add_note(opened, author="ada", note="she called")
    draft = Draft(step="first", channel=Channel.EMAIL, template="card", due_at=now, now=now)
    reserved = await ledger.reserve(RUN, draft)
    assert isinstance(reserved, Reserved)
    await ledger.record_sent(reserved.message_id, provider_id="sg-1", occurred_at=now)
    await cases.project(a_view(2, State.REVIEW, review_round=1, at=now), now)
    await cases.assign(opened, "grace")
    end = a_view(3, State.CLOSED, closed_at=now, outcome=Outcome.STOPPED, at=now)
    await cases.close(end, now)
    await cases.record_decision(opened, "stop", "grace")
    assert await kinds(audit) == [
        "case.opened",
        "channel.closed",
        "case.waiting",
        "note.added",
        "message.sent",
        "channel.opened",
        "case.review",
        "review.opened",
        "case.assigned",
        "case.stopped",
        "review.ended",
        "review.decided",
    ]
    sent = (await audit.of_invoice(opened))[4]
    assert dict(sent.detail) == {
        "at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "due_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "message": reserved.message_id,
        "step": "first",
        "channel": "email",
        "template": "card",
        "status": "sent",
        "provider_id": "sg-1",
    }
    assert await faults(audit) == []


async def test_opening_and_planning_cost_two_entries(
    audit: Audit, cases: Cases, opened: str, now: datetime
) -> None:
    steps = tuple(replace(a_step(now, StepStatus.PLANNED), step=f"s{n}") for n in range(6))
    for version in range(1, 4):
        await cases.project(a_view(version, steps=steps, at=now))
    assert await kinds(audit) == ["case.opened", "case.waiting"]


async def test_the_words_of_a_note_are_not_kept(audit: Audit, cases: Cases, opened: str) -> None:
    await cases.add_note(opened, author="ada", note="call ada@example.com")
    noted = (await audit.of_invoice(opened))[-1]
    assert set(noted.detail) == {"note", "author"}
    assert "example" not in str(noted)


async def test_what_became_of_a_message_is_kept_once_until_it_changes(
    audit: Audit, cases: Cases, ledger: Ledger, opened: str, now: datetime
) -> None:
    async def withhold(version: int, reason: str) -> None:
        await ledger.record_withheld(
            RUN,
            step="first",
            channel=Channel.EMAIL,
            template="card",
            reason=reason,
            occurred_at=now,
            view=a_view(version, steps=(a_step(now, StepStatus.WITHHELD, reason),)),
        )

    await withhold(1, "no_consent")
    await withhold(2, "no_consent")
    await withhold(3, "opted_out")
    entries = [e for e in await audit.of_invoice(opened) if e.kind.startswith("message.")]
    assert [(e.kind, e.detail["reason"]) for e in entries] == [
        ("message.withheld", "no_consent"),
        ("message.withheld", "opted_out"),
    ]


async def test_uncertainty_and_what_settles_it_are_kept(
    audit: Audit, ledger: Ledger, database: Database, opened: str, now: datetime
) -> None:
    draft = Draft(step="first", channel=Channel.EMAIL, template="card", due_at=now, now=now)
    for settle in ("release", "unknown"):
        reserved = await ledger.reserve(RUN, draft)
        assert isinstance(reserved, Reserved)
        if settle == "release":
            await ledger.release(reserved.message_id)
        else:
            await ledger.record_unknown(reserved.message_id, reason="no answer", occurred_at=now)
            await ledger.record_sent(reserved.message_id, provider_id="p", occurred_at=now)
    for delivery in ("accepted", "delivered", "delivered", "bounced"):
        async with database.begin() as connection:
            statement = text("UPDATE messages SET delivery = :state, delivery_at = :at")
            await connection.execute(statement, {"state": delivery, "at": now})
    entries = await audit.of_invoice(opened)
    assert [(e.kind, e.detail.get("status")) for e in entries[1:]] == [
        ("message.released", "planned"),
        ("message.unknown", "unknown"),
        ("message.settled", "sent"),
        ("message.delivered", None),
        ("message.bounced", None),
    ]


async def test_an_order_is_kept_once_a_request(audit: Audit, cases: Cases, opened: str) -> None:
    case = await cases.get(opened)
    assert case is not None
    told = {"author": "ada"}
    added = [
        await audit.append(case.id, AuditKind.ORDER_PAUSE, told, request_id=request)
        for request in ("r1", "r1", "r2", None, None)
    ]
    assert added == [True, False, True, True, True]
    assert await faults(audit) == []


def test_every_kind_that_can_occur_is_published() -> None:
    states = {State.OPENING, State.CLOSED}
    orders = {order.__dataclass_fields__["kind"].default for order in get_args(Order)}
    silent = {MessageStatus.PLANNED, MessageStatus.RESERVED}
    possible = {
        *(f"case.{state}" for state in set(State) - states),
        *(f"case.{outcome}" for outcome in Outcome),
        *(f"message.{status}" for status in set(MessageStatus) - silent),
        *(f"message.{delivery}" for delivery in set(Delivery) - STATIONS),
        *(f"order.{kind.replace('-', '_')}" for kind in orders),
    }
    assert possible - set(AuditKind) == set()


async def test_the_kinds_that_the_triggers_write_are_published(database: Database) -> None:
    query = text("SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE proname LIKE 'audit%'")
    async with database.single() as connection:
        source = str(await connection.scalar(query))
    areas = ("case", "channel", "review", "note", "audit")
    named = {
        word.strip("'")
        for word in source.replace(",", " ").replace(";", " ").split()
        if word.startswith(tuple(f"'{area}." for area in areas)) and not word.endswith(".'")
    }
    assert len(named) > 8
    assert named - set(AuditKind) == set()
