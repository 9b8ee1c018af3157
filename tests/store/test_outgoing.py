"""What is queued for the merchant, for whom, and in which order?"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.outgoing import COMMON, ENDS, TEST, Kind, fields
from store.audit_kinds import AuditKind
from store.endpoints import Endpoints
from store.outgoing import ClaimedOutgoing, Outgoing, OutgoingStatus
from tests.store.happenings import LEASE, OVER, URL, execute, happen, kinds, opened, queue

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register


@pytest.fixture
def endpoints(database: Database) -> Endpoints:
    return Endpoints(database, b"a key of the tests")


@pytest.fixture
def outgoing(database: Database) -> Outgoing:
    return Outgoing(database)


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "outgoing.md"


# What the audit records and the merchant does not hear of: inner workings, or said otherwise.
INWARD = {
    AuditKind.BEGUN,
    AuditKind.ADVICE,
    AuditKind.POLICY_MOVED,
    AuditKind.ASSIGNED,
    AuditKind.RELEASED,
    AuditKind.REVIEW_OPENED,
    AuditKind.REVIEW_ENDED,
    AuditKind.NOTE_ADDED,
}


async def test_nothing_is_queued_while_nobody_listens(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await opened(cases, register, "INV-1")
    assert await outgoing.find() == []
    made, _ = await endpoints.add(URL)
    assert await endpoints.disable(made.id, "gone") == 0
    await happen(database, "INV-1", "case.waiting")
    assert await outgoing.find() == []


async def test_each_endpoint_gets_what_it_wants(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    everything, _ = await endpoints.add(URL)
    ends, _ = await endpoints.add(URL, kinds=[Kind.CASE_CLOSED])
    chosen, _ = await endpoints.add(URL, kinds=[Kind.CASE_RECOVERED, Kind.CASE_CLOSED])
    await opened(cases, register, "INV-1")
    await happen(database, "INV-1", "case.advice", "note.added", "message.read", "case.recovered")
    found = await queue(outgoing)
    assert [kind for one, kind in found if one == everything.id] == [
        "case.opened",
        "case.recovered",
    ]
    assert [kind for one, kind in found if one == ends.id] == ["case.closed"]
    assert [kind for one, kind in found if one == chosen.id] == ["case.recovered", "case.closed"]
    assert len({one.id for one in await outgoing.find()}) == len(found)


async def test_an_event_of_a_transaction_that_fails_never_was(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await opened(cases, register, "INV-1")
    await endpoints.add(URL)

    async def fail() -> None:
        async with database.begin() as connection:
            append = "SELECT audit_append(id, 'case.waiting', '{}') FROM cases"
            await connection.execute(text(append))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await outgoing.find() == []


async def test_the_database_and_the_code_know_the_same_kinds(database: Database) -> None:
    async with database.single() as connection:
        out: dict[str, list[str]] = {
            kind: await connection.scalar(text("SELECT outgoing_kinds(:kind)"), {"kind": kind})
            for kind in AuditKind
        }
        unasked = {
            kind: await connection.scalar(text("SELECT outgoing_unasked(:kind)"), {"kind": kind})
            for kind in Kind
        }
    assert {one for many in out.values() for one in many} == {*Kind}
    assert {kind for kind, many in out.items() if not many} == INWARD
    assert {Kind(kind) for kind, many in out.items() if "case.closed" in many} == {*ENDS}
    assert unasked == {kind: kind.unasked for kind in Kind}
    assert TEST not in {*Kind}


async def test_an_event_says_how_the_case_stood_then_and_nothing_of_a_person(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await endpoints.add(URL, kinds=list(Kind))
    await opened(cases, register, "INV-1")
    moment = "2026-03-02T11:00:00.000000Z"
    await happen(
        database, "INV-1", "case.waiting", state="waiting", campaign="monthly", owner="Ada"
    )
    await happen(
        database,
        "INV-1",
        "message.sent",
        at=moment,
        message="m1",
        step="first",
        channel="email",
        template="reminder",
        provider_id="v1",
        email="ada@example.com",
    )
    await happen(database, "INV-1", "order.send_now", step="second", author="Ada", note=7)
    await happen(database, "INV-1", "case.recovered", state="closed", cause="card_update")
    await execute(
        database,
        "UPDATE cases SET state = 'closed', outcome = 'recovered', cause = 'card_update',"
        " campaign = 'other', closed_at = clock_timestamp()",
    )
    told: list[ClaimedOutgoing] = []
    while claimed := await outgoing.claim(10, LEASE, each=9):
        told += claimed
        for one in claimed:
            await outgoing.delivered(one.id, 200)
    case = {"invoice_id": "INV-1", "case": "dunning:INV-1:1", "cycle": 1}
    going = {"outcome": None, "cause": None, "campaign": "monthly"}
    first, _, sent, order, recovered, closed = told[:6]
    assert first.data == {
        **case,
        "state": "opening",
        "outcome": None,
        "cause": None,
        "campaign": None,
    }
    assert sent.data == {
        **case,
        **going,
        "state": "waiting",
        "message": "m1",
        "step": "first",
        "channel": "email",
        "template": "reminder",
        "reason": None,
        "provider_id": "v1",
        "due_at": None,
    }
    assert sent.happened_at == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert (order.data["order"], order.data["step"]) == ("send_now", "second")
    assert "Ada" not in str([one.data for one in told])
    assert "ada@" not in str([one.data for one in told])
    ended = {"state": "closed", "outcome": "recovered", "cause": "card_update"}
    assert {name: recovered.data[name] for name in ended} == ended
    assert (recovered.kind, closed.kind) == (Kind.CASE_RECOVERED, Kind.CASE_CLOSED)
    assert all(tuple(one.data) == fields(one.kind) for one in told)


async def test_events_of_a_case_are_claimed_in_order_and_one_at_a_time(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await endpoints.add(URL)
    await opened(cases, register, "INV-1", "INV-2")
    await happen(database, "INV-1", "case.waiting", "case.review")
    first = await outgoing.claim(10, LEASE, each=9)
    assert [(one.data["invoice_id"], one.kind) for one in first] == [
        ("INV-1", "case.opened"),
        ("INV-2", "case.opened"),
    ]
    assert await outgoing.claim(10, LEASE, each=9) == []
    await outgoing.failed(first[0], status=500, fault="no", pause=LEASE)
    assert await outgoing.claim(10, LEASE, each=9) == []
    await execute(database, "UPDATE outgoing SET due_at = clock_timestamp()")
    (again,) = await outgoing.claim(10, LEASE, each=9)
    assert (again.webhook_id, again.attempts) == (first[0].webhook_id, 2)
    await outgoing.failed(again, status=500, fault="no", pause=None)
    (second,) = await outgoing.claim(10, LEASE, each=9)
    await outgoing.delivered(second.id, 200)
    (third,) = await outgoing.claim(10, LEASE, each=9)
    assert kinds([second, third]) == ["case.waiting", "case.review"]


async def test_concurrent_claims_share_the_events(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register
) -> None:
    await endpoints.add(URL)
    await opened(cases, register, *(f"INV-{n}" for n in range(40)))
    several = await asyncio.gather(*(outgoing.claim(10, LEASE, each=100) for _ in range(8)))
    taken = [one.id for claimed in several for one in claimed]
    assert len(taken) == len(set(taken))
    while claimed := await outgoing.claim(10, LEASE, each=100):
        taken += [one.id for one in claimed]
    assert (len(taken), len(set(taken))) == (40, 40)


async def test_a_late_failure_does_not_undo_the_attempt_of_another(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register
) -> None:
    await endpoints.add(URL)
    await opened(cases, register, "INV-1")
    (lost,) = await outgoing.claim(10, OVER, each=9)
    (held,) = await outgoing.claim(10, LEASE, each=9)
    await outgoing.failed(lost, status=None, fault="late", pause=OVER)
    assert await outgoing.claim(10, LEASE, each=9) == []
    await outgoing.delivered(held.id, 200)
    await outgoing.failed(held, status=500, fault="later", pause=None)
    (record,) = await outgoing.find()
    assert (record.status, record.last_fault) == (OutgoingStatus.DELIVERED, None)


async def test_a_replay_is_due_at_once_under_its_id(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    made, _ = await endpoints.add(URL)
    gone, _ = await endpoints.add(URL)
    await opened(cases, register, "INV-1", "INV-2")
    for one in await outgoing.claim(10, LEASE, each=9):
        await outgoing.failed(one, status=500, fault="no", pause=None)
    await endpoints.disable(gone.id, "gone")
    old = await outgoing.find(invoice_id="INV-1")
    await execute(
        database,
        "UPDATE outgoing SET created_at = created_at - interval '9 days'"
        " WHERE webhook_id = ANY (:ids)",
        ids=[one.id for one in old],
    )
    since = datetime.now(UTC) - timedelta(days=1)
    assert await outgoing.replay_dead(endpoint_id=gone.id) == 0
    assert await outgoing.replay_dead(since=since) == 1
    (again,) = await outgoing.claim(10, LEASE, each=9)
    assert (again.data["invoice_id"], again.endpoint_id, again.attempts) == ("INV-2", made.id, 1)
    assert await outgoing.replay([again.webhook_id]) == []
    await outgoing.delivered(again.id, 200)
    assert await outgoing.replay([again.webhook_id, "msg_unknown"]) == [again.webhook_id]
    assert [one.id for one in await outgoing.find(status=OutgoingStatus.DUE)] == [again.webhook_id]


async def test_what_is_old_is_forgotten(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await endpoints.add(URL)
    await opened(cases, register, "INV-1", "INV-2", "INV-3")
    delivered, dead, _ = await outgoing.claim(10, OVER, each=9)
    await outgoing.delivered(delivered.id, 200)
    await outgoing.failed(dead, status=500, fault="no", pause=None)
    counts: list[int] = []
    for days in (29, 2, 58, 2):
        await execute(
            database,
            "UPDATE outgoing SET due_at = due_at - make_interval(days => :days),"
            " delivered_at = delivered_at - make_interval(days => :days)",
            days=days,
        )
        counts.append(await outgoing.prune())
    assert counts == [0, 1, 0, 1]
    assert [one.status for one in await outgoing.find()] == [OutgoingStatus.DUE]


def test_the_documented_kinds_and_their_data_are_those_of_the_code() -> None:
    table = re.findall(
        r"^\| `([a-z_.]+)` \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE
    )
    added = {kind: re.findall(r"`(\w+)`", names) for kind, _, names in table if "." in kind}
    assert added == {kind.value: [n for n in fields(kind) if n not in COMMON] for kind in Kind}
    named = {kind for kind, when, _ in table if when.endswith("only when named")}
    assert named == {kind.value for kind in Kind if not kind.unasked}


async def test_a_kind_of_another_version_is_put_off_and_spoils_no_other(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await endpoints.add(URL)
    await opened(cases, register, "INV-1", "INV-2")
    await execute(database, "UPDATE outgoing SET kind = 'case.new' WHERE id = 1")
    (known,) = await outgoing.claim(10, LEASE, each=9)
    assert known.data["invoice_id"] == "INV-2"
    left = "attempts = 0 AND leased_until IS NULL AND due_at > clock_timestamp() + interval '59m'"
    async with database.single() as connection:
        found = await connection.execute(
            text(f"SELECT status, {left}, last_fault FROM outgoing WHERE id = 1")  # noqa: S608 (ours)
        )
        assert [tuple(row) for row in found] == [
            ("due", True, "this version does not know events of this kind")
        ]
    shown = {one.invoice_id: one.kind for one in await outgoing.find(limit=9)}
    assert shown == {"INV-1": "case.new", "INV-2": Kind.CASE_OPENED}
