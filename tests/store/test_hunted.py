"""Do messages and views hold when two of them meet in the same moment?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.states import Outcome, ReviewReason, State, StepStatus
from dunning.view import CaseView, StepView
from store.projection import project
from store.reservations import Apart, Draft, Elsewhere, Reserved, SpokenOf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from store.reservations import Reservation
    from tests.store.conftest import Register

DAY = timedelta(days=1)
ONE, TWO = "INV-1", "INV-2"
_WAITERS = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def run(invoice_id: str) -> str:
    return f"dunning:{invoice_id}:1"


def step(name: str, at: datetime, channel: Channel = Channel.EMAIL) -> StepView:
    return StepView(
        step=name,
        channel=channel,
        template="reminder",
        due_at=at,
        status=StepStatus.PLANNED,
        joins=True,
    )


def waiting(invoice_id: str, *steps: StepView, version: int = 1) -> CaseView:
    return CaseView(
        workflow_id=run(invoice_id),
        version=version,
        state=State.WAITING,
        next_step=steps[0].step if steps else None,
        next_at=steps[0].due_at if steps else None,
        steps=steps,
    )


def closed(invoice_id: str, at: datetime, *steps: StepView, version: int = 3) -> CaseView:
    view = replace(waiting(invoice_id, *steps, version=version), next_step=None, next_at=None)
    return replace(view, state=State.CLOSED, outcome=Outcome.STOPPED, closed_at=at)


@pytest.fixture(autouse=True)
async def two(cases: Cases, register: Register, now: datetime) -> None:
    """Two cases of one customer that an outage held up, so that two steps are overdue."""
    for invoice_id in (ONE, TWO):
        await register(invoice_id)
    await cases.open_many([ONE, TWO], now - 9 * DAY)
    for invoice_id in (ONE, TWO):
        view = waiting(invoice_id, step("d4", now - 5 * DAY), step("d9", now))
        await cases.project(view)


async def reserve(
    ledger: Ledger,
    now: datetime,
    invoice_id: str,
    name: str,
    *,
    channel: Channel = Channel.EMAIL,
    companions: Sequence[str] = (),
) -> Reservation:
    draft = Draft(step=name, channel=channel, template="reminder", due_at=now, now=now, spacing=DAY)
    return await ledger.reserve(run(invoice_id), draft, companions=companions)


async def planned(ledger: Ledger, invoice_id: str, name: str) -> str:
    (found,) = [m for m in await ledger.messages(run(invoice_id)) if m.step == name]
    return found.id


async def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


# --- a step goes once, over whatever channel


async def test_a_step_that_went_with_another_invoice_is_not_taken_over_another_channel(
    ledger: Ledger, now: datetime
) -> None:
    other = await planned(ledger, TWO, "d4")
    assert isinstance(await reserve(ledger, now, ONE, "d9", companions=[other]), Reserved)
    later = now + 2 * DAY
    again = await reserve(ledger, later, TWO, "d4", channel=Channel.SMS)
    assert again == Elsewhere()
    assert list(await ledger.of_step(run(TWO), "d4")) == [Channel.EMAIL]


async def test_of_two_that_cross_over_two_channels_one_is_taken(
    ledger: Ledger, now: datetime
) -> None:
    channels = (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    answers = await asyncio.gather(
        *(reserve(ledger, now, ONE, "d9", channel=channel) for channel in channels)
    )
    assert sorted(type(answer).__name__ for answer in answers) == [
        "Elsewhere",
        "Elsewhere",
        "Reserved",
    ]


# --- nobody hears of one invoice twice at once


async def test_what_was_spoken_of_a_moment_ago_is_not_taken_by_its_own_case(
    ledger: Ledger, now: datetime
) -> None:
    other = await planned(ledger, TWO, "d4")
    await reserve(ledger, now, ONE, "d9", companions=[other])
    assert await reserve(ledger, now, TWO, "d9") == SpokenOf(at=now)
    assert isinstance(await reserve(ledger, now + DAY, TWO, "d9"), Reserved)


async def test_a_case_that_has_just_written_does_not_come_along(
    ledger: Ledger, now: datetime
) -> None:
    other = await planned(ledger, TWO, "d4")
    await reserve(ledger, now, TWO, "d9")
    assert await reserve(ledger, now, ONE, "d9", companions=[other]) == Apart()


# --- views


async def test_a_review_that_opens_while_the_case_closes_does_not_stay_open(
    cases: Cases, database: Database, now: datetime
) -> None:
    review = replace(
        waiting(ONE, version=2),
        state=State.REVIEW,
        review_reason=ReviewReason.BLOCKED,
        review_round=1,
    )
    await _meanwhile(database, review, cases, closed(ONE, now))
    assert await rows(database, "SELECT id FROM reviews WHERE decided_at IS NULL") == []


async def test_a_step_that_is_planned_while_the_case_closes_does_not_stay_planned(
    cases: Cases, database: Database, now: datetime
) -> None:
    new = step("d15", now + DAY)
    await _meanwhile(database, waiting(ONE, new, version=2), cases, closed(ONE, now))
    assert await rows(database, "SELECT status FROM messages WHERE step = 'd15'") == []


async def test_what_a_closed_case_gives_back_is_not_planned_any_more(
    ledger: Ledger, cases: Cases, now: datetime
) -> None:
    other = await planned(ledger, TWO, "d4")
    held = await reserve(ledger, now, ONE, "d9", companions=[other])
    assert isinstance(held, Reserved)
    await cases.close(closed(TWO, now, step("d4", now), version=2))
    await ledger.release(held.message_id)
    shown = {m.step: (m.status.value, m.reason) for m in await ledger.messages(run(TWO))}
    assert shown["d4"] == ("skipped", "case closed")
    given = {m.step: m.status.value for m in await ledger.messages(run(ONE))}
    assert given["d9"] == "planned"


async def _meanwhile(database: Database, first: CaseView, cases: Cases, second: CaseView) -> None:
    """Write the second view while the first is written and not committed."""
    async with database.begin() as connection:
        await project(connection, first, None)
        task = asyncio.create_task(cases.close(second))
        async with asyncio.timeout(5):
            while not (await rows(database, str(_WAITERS)))[0][0]:
                await asyncio.sleep(0.01)
    await task
