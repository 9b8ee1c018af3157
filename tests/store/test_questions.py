"""When is Revtain asked about which payment, and is each answer kept?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.recovery import LastAnswer
from dunning.states import State
from store.inbox import Inbox, NewEvent
from store.questions import Kind, Question, Questions

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register

HOUR = timedelta(hours=1)


@pytest.fixture
def questions(database: Database) -> Questions:
    return Questions(database)


async def a_case(database: Database, cases: Cases, now: datetime, **fields: Any) -> None:
    """INV-1 has a case that stands so since `now`."""
    await cases.open_many(["INV-1"], now)
    values = {"state": "watching", "review_reason": None, "next_at": None, **fields, "now": now}
    async with database.single() as connection:
        await connection.execute(
            text(
                "UPDATE cases SET state = :state, review_reason = :review_reason,"
                " viewed_at = :now, next_at = :next_at"
            ),
            values,
        )


async def asked_at(questions: Questions, begin: datetime, hours: int) -> list[int]:
    """The hours in which a sweep asks that looks every hour."""
    found: list[int] = []
    for hour in range(hours):
        moment = begin + hour * HOUR
        for question in await questions.due(moment, 10):
            assert await questions.claim(question)
            await questions.answered(question, LastAnswer.UNKNOWN, moment)
            found.append(hour)
    return found


async def test_a_watch_is_asked_about_at_set_times(
    database: Database, cases: Cases, questions: Questions, register: Register, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["T1"]})
    await a_case(database, cases, now, next_at=now + 70 * HOUR)
    assert await asked_at(questions, now, 80) == [1, 6, 30, 54, 69, 78]


async def test_an_hour_that_was_slept_through_is_made_up_for_once(
    database: Database, cases: Cases, questions: Questions, register: Register, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["T1"]})
    await a_case(database, cases, now)
    assert await asked_at(questions, now + 40 * HOUR, 20) == [0, 14]


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({"state": "retrying"}, 1),
        ({"state": "review", "review_reason": "watch_over"}, 1),
        ({"state": "review", "review_reason": "retry_over"}, 1),
        ({"state": "review", "review_reason": "blocked"}, 0),
        ({"state": "waiting"}, 0),
        ({"state": "promised"}, 0),
        ({"state": "paused"}, 0),
        ({"state": "opening"}, 0),
    ],
)
async def test_only_cases_that_wait_for_revtain_are_asked_about(
    database: Database,
    cases: Cases,
    register: Register,
    now: datetime,
    standing: dict[str, str],
    expected: int,
) -> None:
    await register(revtain={"transaction_ids": ["T1"]})
    await a_case(database, cases, now, **standing)
    assert len(await Questions(database).due(now + 2 * HOUR, 10)) == expected


async def test_a_question_is_one_process_s_until_it_is_given_back(
    database: Database, cases: Cases, questions: Questions, register: Register, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["T1"]})
    await a_case(database, cases, now, next_at=now + 3 * HOUR)
    (question,) = await questions.due(now + 2 * HOUR, 10)
    assert question == Question(
        kind=Kind.TRANSACTION,
        reference="T1",
        invoice_id="INV-1",
        asked_at=None,
        told=False,
        state=State.WATCHING,
        last=True,
    )
    assert [await questions.claim(question) for _ in range(2)] == [True, False]
    assert await questions.due(now + 2 * HOUR, 10) == []
    await questions.release(question)
    assert await questions.claim(question)
    await questions.answered(question, LastAnswer.FAILED, now + 2 * HOUR)
    # Who saw it before the answer comes too late.
    assert not await questions.claim(question)


async def test_a_key_is_asked_about_until_its_transaction_is_known(
    database: Database, cases: Cases, questions: Questions, register: Register, now: datetime
) -> None:
    await register(revtain={"idempotency_keys": ["INV-1_1"]})
    await a_case(database, cases, now)
    (question,) = await questions.due(now + 2 * HOUR, 10)
    assert (question.kind, question.reference) == (Kind.KEY, "INV-1_1")
    assert not await questions.knows("T1")
    assert [await questions.learn("INV-1_1", "T1") for _ in range(2)] == [True, False]
    assert await questions.knows("T1")
    (question,) = await questions.due(now + 2 * HOUR, 10)
    assert (question.kind, question.reference) == (Kind.TRANSACTION, "T1")


async def event(database: Database, name: str, transaction_id: str, received: datetime) -> None:
    """An event about INV-1 that was handled."""
    body = f"{name} {transaction_id}".encode()
    row = NewEvent(source="revtain", name=name, body=body, transaction_id=transaction_id)
    await Inbox(database).put_many([row])
    async with database.single() as connection:
        await connection.execute(
            text(
                "UPDATE events SET status = 'done', invoice_id = 'INV-1', received_at = :at"
                " WHERE body = :body"
            ),
            {"at": received, "body": body},
        )


async def test_what_had_no_last_word_since_then_was_missed(
    database: Database, questions: Questions, register: Register, now: datetime
) -> None:
    ids = ["silent", "before", "since", "paid", "asked"]
    await register(revtain={"transaction_ids": ids})
    await register("INV-2", status="void", revtain={"transaction_ids": ["T2"]})
    await event(database, "recovery.failed", "before", now - HOUR)
    await event(database, "recovery.blocked", "since", now + HOUR)
    await event(database, "recovery.success", "paid", now - HOUR)
    began = now + 30 * HOUR
    missed = await questions.missed(since=now, began=began, after=None, limit=10)
    (asked,) = [question for question in missed if question.reference == "asked"]
    await questions.answered(asked, LastAnswer.UNKNOWN, began)
    left = await questions.missed(since=now, began=began, after=None, limit=10)
    assert [(q.reference, q.told, q.state) for q in left] == [
        ("before", True, None),
        ("silent", False, None),
    ]
    assert await questions.count_missed(since=now, began=began) == 2
    after = await questions.missed(since=now, began=began, after=left[0], limit=10)
    assert [question.reference for question in after] == ["silent"]


async def test_what_was_given_up_long_ago_comes_last(
    database: Database, cases: Cases, questions: Questions, register: Register, now: datetime
) -> None:
    await register("INV-1", revtain={"transaction_ids": ["z"]})
    await register("INV-2", revtain={"transaction_ids": ["y"]})
    await register("INV-3", revtain={"transaction_ids": ["x"]})
    opened = await cases.open_many(["INV-1", "INV-3"], now)
    await cases.end_as_stopped(opened["INV-3"].workflow_id or "", now)
    missed = await questions.missed(since=now, began=now, after=None, limit=10)
    assert [question.reference for question in missed] == ["z", "y", "x"]
