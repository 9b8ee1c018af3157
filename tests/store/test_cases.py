"""Is there one live case per invoice, and does the latest view of it win?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.states import Cause, Outcome, ReviewReason, State, StepStatus
from dunning.view import CaseView, StepView
from store.message_records import MessageStatus
from store.openings import Opening, OpeningKind
from store.reservations import Draft
from store.settlement import Settlements

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from store.registry import Registry
    from tests.store.conftest import Register

RUN = "dunning:INV-1:1"


def opening(kind: OpeningKind, invoice_id: str = "INV-1", cycle: int = 1) -> Opening:
    return Opening(workflow_id=f"dunning:{invoice_id}:{cycle}", cycle=cycle, kind=kind)


def view(version: int, **fields: Any) -> CaseView:
    base = CaseView(workflow_id=RUN, version=version, state=State.WAITING)
    return replace(base, **fields)


def closed(version: int, outcome: Outcome, at: datetime) -> CaseView:
    return view(version, state=State.CLOSED, outcome=outcome, closed_at=at)


def step(name: str, status: StepStatus, at: datetime) -> StepView:
    return StepView(
        step=name, channel=Channel.EMAIL, template=f"t-{name}", due_at=at, status=status
    )


async def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def test_a_failure_opens_joins_or_comes_too_late(
    cases: Cases, register: Register, now: datetime
) -> None:
    for name in ("INV-1", "INV-2", "INV-5"):
        await register(name)
    await register("INV-3", status="paid")
    await register("INV-4", status="void")
    await cases.open_many(["INV-1", "INV-5"], now)
    view_of_5 = replace(closed(1, Outcome.WRITTEN_OFF, now), workflow_id="dunning:INV-5:1")
    await cases.close(view_of_5)
    asked = ["INV-5", "INV-1", "INV-2", "INV-3", "INV-4", "INV-9", "INV-2"]
    assert await cases.open_many(asked, now) == {
        "INV-1": opening(OpeningKind.RUNNING),
        "INV-2": opening(OpeningKind.STARTED, "INV-2"),
        "INV-3": opening(OpeningKind.SETTLED, "INV-3"),
        "INV-4": opening(OpeningKind.SETTLED, "INV-4"),
        "INV-5": opening(OpeningKind.CLOSED, "INV-5"),
    }
    assert await cases.open_many([], now) == {}


async def test_an_open_case_keeps_its_cycle_even_when_the_invoice_is_paid(
    cases: Cases, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    await register(status="paid")
    assert await cases.open_many(["INV-1"], now) == {"INV-1": opening(OpeningKind.RUNNING)}


async def test_concurrent_failures_of_the_same_invoices_start_one_case_each(
    cases: Cases, register: Register, database: Database, now: datetime
) -> None:
    names = [f"INV-{n}" for n in range(12)]
    for name in names:
        await register(name)
    orders = [names, names[::-1], names[6:] + names[:6]] * 4
    answers = await asyncio.gather(*(cases.open_many(order, now) for order in orders))
    kinds = [answer[name].kind for answer in answers for name in names]
    assert [set(answer) for answer in answers] == [set(names)] * 12
    assert (kinds.count(OpeningKind.STARTED), kinds.count(OpeningKind.RUNNING)) == (12, 132)
    assert await rows(database, "SELECT count(*) FROM cases") == [(12,)]


async def test_the_database_itself_refuses_a_second_live_case(
    cases: Cases, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    statement = text("""
        INSERT INTO cases (invoice_id, cycle, workflow_id, opened_at)
        VALUES ('INV-1', 2, 'dunning:INV-1:2', clock_timestamp())
    """)
    with pytest.raises(IntegrityError, match="cases_one_live"):
        async with database.begin() as connection:
            await connection.execute(statement)


async def test_only_a_case_that_ended_unpaid_is_reopened(
    cases: Cases, register: Register, now: datetime
) -> None:
    await register()
    without_case = await cases.reopen("INV-1", now)
    await cases.open_many(["INV-1"], now)
    live = await cases.reopen("INV-1", now)
    await cases.close(closed(1, Outcome.WRITTEN_OFF, now))
    second = await cases.reopen("INV-1", now)
    await cases.close(replace(closed(1, Outcome.RECOVERED, now), workflow_id="dunning:INV-1:2"))
    tombstone = await cases.reopen("INV-1", now)
    await register(status="paid")
    settled = await cases.reopen("INV-1", now)
    assert [without_case, live, second, tombstone, settled] == [
        None,
        opening(OpeningKind.RUNNING),
        opening(OpeningKind.STARTED, cycle=2),
        opening(OpeningKind.CLOSED, cycle=2),
        opening(OpeningKind.SETTLED, cycle=2),
    ]


async def test_a_projected_view_is_read_back(
    cases: Cases, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    later = now + timedelta(days=1)
    whole = view(
        3,
        advice=Advice.REQUEST_CARD_UPDATE,
        decline_code="expired_card",
        campaign="monthly",
        policy_digest="abc",
        next_step="final",
        next_at=later,
    )
    assert await cases.project(whole)
    record = await cases.get("INV-1")
    assert record is not None
    assert (record.state, record.advice, record.decline_code, record.campaign) == (
        State.WAITING,
        Advice.REQUEST_CARD_UPDATE,
        "expired_card",
        "monthly",
    )
    assert (record.policy_digest, record.next_step, record.next_at, record.version) == (
        "abc",
        "final",
        later,
        3,
    )
    assert record.opened_at == now
    assert await cases.get_run(RUN) == record
    assert (await cases.get("INV-9"), await cases.get_run("dunning:INV-9:1")) == (None, None)


async def test_a_view_that_is_not_newer_changes_nothing(
    cases: Cases, register: Register, ledger: Ledger, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    planned = (step("d4", StepStatus.PLANNED, now),)
    answers = [
        await cases.project(view(2, campaign="new", steps=planned)),
        await cases.project(view(2, campaign="same")),
        await cases.project(view(1, campaign="old", state=State.REVIEW)),
        await cases.project(view(9, workflow_id="dunning:INV-9:1")),
    ]
    record = await cases.get("INV-1")
    assert answers == [True, False, False, False]
    assert record is not None
    assert (record.version, record.campaign, record.state) == (2, "new", State.WAITING)
    assert [message.step for message in await ledger.messages(RUN)] == ["d4"]


async def test_steps_follow_the_view_but_never_what_the_ledger_holds(
    cases: Cases, register: Register, ledger: Ledger, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    names = ("a", "b", "c", "d")
    steps = [step(name, StepStatus.PLANNED, now) for name in names]
    await cases.project(view(1, steps=tuple(steps)))
    draft = Draft(step="a", channel=Channel.EMAIL, template="t-a", due_at=now, now=now)
    await ledger.reserve(RUN, draft)
    changed = (
        step("a", StepStatus.OVERTAKEN, now),
        step("b", StepStatus.SKIPPED, now),
        step("c", StepStatus.SENT, now),
        replace(step("e", StepStatus.WITHHELD, now), reason="no_address", at=now),
    )
    await cases.project(view(2, steps=changed))
    messages = await ledger.messages(RUN)
    assert [(one.step, one.status, one.reason) for one in messages] == [
        ("a", MessageStatus.RESERVED, None),
        ("b", MessageStatus.SKIPPED, None),
        ("c", MessageStatus.PLANNED, None),
        ("e", MessageStatus.WITHHELD, "no_address"),
    ]


async def test_reviews_open_with_their_round_and_end_with_the_state(
    cases: Cases, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    day = timedelta(days=1)
    review = {"state": State.REVIEW, "review_reason": ReviewReason.CAMPAIGN_OVER}
    await cases.assign("INV-1", "grace")
    await cases.project(view(1, **review, review_round=1, next_at=now + 5 * day), now)
    await cases.project(view(2, **review, review_round=2, next_at=now + 9 * day), now + day)
    await cases.assign("INV-1", "ada")
    decided = await cases.record_decision("INV-1", "extend", "ada")
    await cases.project(view(3), now + 2 * day)
    undecided = await cases.record_decision("INV-1", "extend", "ada")
    assert (decided, undecided) == (True, False)
    statement = """
        SELECT round, reason, opened_at, deadline, owner, decision, decided_at
        FROM reviews ORDER BY round
    """
    over = ReviewReason.CAMPAIGN_OVER.value
    assert await rows(database, statement) == [
        (1, over, now, now + 5 * day, "grace", None, now + day),
        (2, over, now + day, now + 9 * day, "ada", "extend", now + 2 * day),
    ]


async def test_a_close_keeps_outcome_cause_and_instant(
    cases: Cases, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    await register(status="paid")
    last = replace(closed(4, Outcome.RECOVERED, now), cause=Cause.PAID_ELSEWHERE)
    assert await cases.close(last)
    record = await cases.get("INV-1")
    assert record is not None
    assert (record.state, record.outcome, record.cause, record.closed_at) == (
        State.CLOSED,
        Outcome.RECOVERED,
        Cause.PAID_ELSEWHERE,
        now,
    )
    assert record.paid_after_close_at is None


async def test_a_close_without_an_outcome_is_a_mistake(cases: Cases) -> None:
    with pytest.raises(ValueError, match="does not say how the case closed"):
        await cases.close(view(1))


@pytest.mark.parametrize("paid_first", [True, False])
async def test_a_payment_beside_an_unpaid_close_is_noted_in_either_order(
    cases: Cases,
    register: Register,
    registry: Registry,
    now: datetime,
    *,
    paid_first: bool,
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    later = now + timedelta(days=1)
    if paid_first:
        await registry.mark_paid("INV-1", Cause.MANUAL, now)
    await cases.close(closed(1, Outcome.WRITTEN_OFF, now if not paid_first else later))
    if not paid_first:
        await registry.mark_paid("INV-1", Cause.MANUAL, later)
    record = await cases.get("INV-1")
    assert record is not None
    assert (record.outcome, record.paid_after_close_at) == (Outcome.WRITTEN_OFF, later)


async def test_a_settlement_and_a_close_at_the_same_moment_miss_nothing(
    cases: Cases, register: Register, database: Database, now: datetime
) -> None:
    names = [f"INV-{n}" for n in range(20)]
    for name in names:
        await register(name)
    await cases.open_many(names, now)
    settlements = Settlements(database)
    closes = [
        cases.close(replace(closed(1, Outcome.STOPPED, now), workflow_id=f"dunning:{name}:1"))
        for name in names
    ]
    await asyncio.gather(*closes, *(settlements.settle(name, None, None, now) for name in names))
    statement = "SELECT count(*) FROM cases WHERE paid_after_close_at IS NOT NULL"
    assert await rows(database, statement) == [(20,)]


async def test_a_success_after_an_unpaid_close_says_so_each_time(
    cases: Cases, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    await cases.close(closed(1, Outcome.HANDED_OVER, now))
    settlements = Settlements(database)
    answers = [await settlements.settle("INV-1", None, None, now) for _ in range(2)]
    assert [answer.after_close for answer in answers] == [True, True]


async def test_cases_are_listed_newest_first_by_state_and_outcome(
    cases: Cases, register: Register, now: datetime
) -> None:
    for name in ("INV-1", "INV-2", "INV-3"):
        await register(name)
        await cases.open_many([name], now)
    await cases.close(closed(1, Outcome.STOPPED, now))
    everything = await cases.find()
    assert [one.invoice_id for one in everything] == ["INV-3", "INV-2", "INV-1"]
    assert [one.invoice_id for one in await cases.find(state=State.OPENING, limit=1)] == ["INV-3"]
    assert [one.invoice_id for one in await cases.find(outcome=Outcome.STOPPED)] == ["INV-1"]
    page = await cases.find(before_id=everything[1].id)
    assert [one.invoice_id for one in page] == ["INV-1"]


async def test_cases_that_should_have_moved_are_overdue(
    cases: Cases, register: Register, now: datetime
) -> None:
    hour = timedelta(hours=1)
    for n in range(4):
        await register(f"INV-{n}")
    await cases.open_many(["INV-0"], now - hour)
    await cases.open_many(["INV-1", "INV-2", "INV-3"], now)
    for n, at in ((1, now - hour), (2, now + hour)):
        await cases.project(view(1, workflow_id=f"dunning:INV-{n}:1", next_at=at))
    assert [one.invoice_id for one in await cases.overdue(now)] == ["INV-0", "INV-1"]


async def test_notes_are_kept_under_an_id(cases: Cases, register: Register, now: datetime) -> None:
    await register()
    without_case = await cases.add_note("INV-1", author="ada", note="called")
    unassigned = await cases.assign("INV-1", "ada")
    await cases.open_many(["INV-1"], now)
    note_id = await cases.add_note("INV-1", author="ada", note="called")
    notes = await cases.notes("INV-1")
    assert (without_case, unassigned) == (None, False)
    assert [(one.id, one.author, one.text) for one in notes] == [(note_id, "ada", "called")]
    assert await cases.assign("INV-1", None)
