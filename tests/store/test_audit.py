"""Is everything kept that happens to a case, and is every change to what was kept found?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dunning.channel import Channel
from dunning.delivery import Delivery
from dunning.orders import Order
from dunning.states import Outcome, State, StepStatus
from dunning.view import CaseView, StepView
from store.audit import Audit
from store.audit_chain import Entry, Head, problem, seal
from store.audit_kinds import AuditKind
from store.message_records import MessageStatus
from store.reservations import Draft, Reserved

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from tests.store.conftest import Register

RUN = "dunning:INV-1:1"
STATIONS = {"accepted", "queued", "processed", "sent_on"}


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database)


@pytest.fixture
async def opened(register: Register, cases: Cases, now: datetime) -> str:
    await register()
    await cases.open_many(["INV-1"], now)
    return "INV-1"


def a_view(version: int, state: State = State.WAITING, **fields: Any) -> CaseView:
    base = CaseView(workflow_id=RUN, version=version, state=state, campaign="monthly")
    return replace(base, **fields)


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


async def kinds(audit: Audit, invoice_id: str = "INV-1") -> list[str]:
    return [entry.kind for entry in await audit.of_invoice(invoice_id)]


async def faults(audit: Audit, kept: list[Head] | None = None) -> list[str]:
    found = [checked async for checked in audit.verify(None, kept or [])]
    return [f"{c.fault.invoice_id}: {c.fault.problem}" for c in found if c.fault is not None]


async def heads(audit: Audit) -> list[Head]:
    return [checked.head async for checked in audit.verify() if checked.head is not None]


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


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET kind = 'case.recovered'",
        "UPDATE audit SET kind = kind WHERE false",
        "DELETE FROM audit",
        "TRUNCATE audit CASCADE",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
        "UPDATE audit_heads SET seq = 1, hash = ''",
        "DELETE FROM cases",
    ],
)
async def test_what_was_kept_cannot_be_changed(
    database: Database, audit: Audit, opened: str, statement: str
) -> None:
    with pytest.raises(DBAPIError):
        async with database.begin() as connection:
            await connection.execute(text(statement))
    assert await kinds(audit) == ["case.opened"]


CHANGED = (
    ("UPDATE audit SET kind = 'case.review' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE audit SET at = at + interval '1 us' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE audit SET detail = detail || '{\"x\": 1}' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE audit SET detail = detail - 'at' WHERE seq = 1", "entry 1 was changed"),
    ("UPDATE audit SET hash = sha256('x') WHERE seq = 3", "entry 3 was changed"),
    (
        "UPDATE audit SET previous = sha256('x') WHERE seq = 3",
        "entry 3 does not follow the one before it",
    ),
    ("DELETE FROM audit WHERE seq = 3", "entry 3 was removed"),
    ("DELETE FROM audit WHERE seq = 1", "entry 1 was removed"),
    ("DELETE FROM audit WHERE seq > 3", "entries 4 to 5 were cut off at the end"),
    ("DELETE FROM audit", "the whole trail is gone"),
    ("DELETE FROM audit_heads", "the head of the trail is gone"),
    (
        "UPDATE audit_heads SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)",
        "entry 4 was put in behind the end",
    ),
    (
        "UPDATE audit_heads SET hash = sha256('x')",
        "entry 5 is not the one that the head of the trail names",
    ),
    (
        """INSERT INTO audit (case_id, seq, kind, detail, previous, hash)
        SELECT case_id, 6, kind, detail, hash, sha256('x') FROM audit WHERE seq = 5""",
        "entry 6 was changed",
    ),
    (
        """UPDATE audit SET seq = seq + 100 WHERE seq > 2;
        INSERT INTO audit (case_id, seq, kind, detail, previous, hash)
        SELECT case_id, 3, kind, detail, hash, sha256('x') FROM audit WHERE seq = 2;
        UPDATE audit SET seq = seq - 99 WHERE seq > 100""",
        "entry 3 was changed",
    ),
    (
        """UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
        UPDATE audit SET seq = 3 WHERE seq = 100""",
        "entry 2 does not follow the one before it",
    ),
)


@pytest.mark.parametrize(("statements", "found"), CHANGED)
async def test_every_tampering_is_found(
    database: Database,
    audit: Audit,
    cases: Cases,
    opened: str,
    now: datetime,
    statements: str,
    found: str,
) -> None:
    for version, state in enumerate((State.WAITING, State.PAUSED, State.WAITING), start=1):
        await cases.project(a_view(version, state, at=now))
    await cases.assign(opened, "ada")
    assert await faults(audit) == []
    await tamper(database, statements)
    assert await faults(audit) == [f"{opened}: {found}"]


async def tamper(database: Database, statements: str) -> None:
    """What somebody may do who owns the database."""
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements.split(";"):
            await connection.execute(text(statement))


async def test_a_trail_that_was_written_anew_is_found_by_a_copy(
    database: Database, audit: Audit, cases: Cases, opened: str, now: datetime
) -> None:
    await cases.project(a_view(1, State.PAUSED, at=now))
    kept = await heads(audit)
    again = "UPDATE audit SET {} WHERE seq = 2; UPDATE audit_heads SET {}"
    hashed = (
        "hash = sha256(previous || convert_to(concat_ws(E'\\n', case_id, seq, audit_moment(at), "
        "'case.waiting', detail), 'UTF8'))"
    )
    await tamper(
        database,
        again.format(
            f"kind = 'case.waiting', {hashed}", "hash = (SELECT hash FROM audit WHERE seq = 2)"
        ),
    )
    assert await faults(audit) == []
    assert await faults(audit, kept) == [
        f"{opened}: entry 2 is not the one that the copy names: the trail was rewritten"
    ]


async def test_an_end_that_was_cut_off_with_its_head_is_found_by_a_copy(
    database: Database, audit: Audit, cases: Cases, opened: str, now: datetime
) -> None:
    await cases.project(a_view(1, at=now))
    kept = await heads(audit)
    await tamper(
        database,
        "DELETE FROM audit WHERE seq = 2; "
        "UPDATE audit_heads SET seq = 1, hash = (SELECT hash FROM audit WHERE seq = 1)",
    )
    assert await faults(audit) == []
    assert await faults(audit, kept) == [
        f"{opened}: entries 2 to 2 of the copy were cut off at the end"
    ]
    await tamper(database, "DELETE FROM audit; DELETE FROM audit_heads; DELETE FROM cases")
    assert await faults(audit, kept) == [f"{opened}: the case is gone"]


async def test_a_copy_of_a_trail_that_grew_is_fine(
    audit: Audit, cases: Cases, opened: str, now: datetime
) -> None:
    kept = await heads(audit)
    await cases.project(a_view(1, at=now))
    assert await faults(audit, kept) == []


def test_hashes_are_worked_out_without_the_database(now: datetime) -> None:
    entry = Entry(
        case_id=7, seq=1, at=now, kind="case.opened", detail='{"a": 1}', previous=None, hash=b""
    )
    sealed = replace(entry, hash=seal(entry))
    head = Head(case_id=7, invoice_id="INV-7", cycle=1, seq=1, hash=sealed.hash)
    assert sealed.hash.hex() == ("62fdb16adb844fe5f605a5e9545573f8d531e29ce5b87022b8952cc935e6106e")
    assert problem([sealed], head) is None
    later = replace(sealed, at=now + timedelta(microseconds=1))
    assert problem([later], head) == (1, "entry 1 was changed")


async def test_older_cases_begin_their_trail_where_they_stand(
    database: Database, audit: Audit, opened: str
) -> None:
    """As the revision does for cases that were there before it."""
    from store.revisions.versions import r0007_audit as revision

    await tamper(database, "DELETE FROM audit; DELETE FROM audit_heads")
    async with database.begin() as connection:
        await connection.execute(text(revision.BEGIN))
    assert await kinds(audit) == ["audit.begun"]
    assert await faults(audit) == []


async def test_writers_on_one_case_make_one_chain(
    audit: Audit, cases: Cases, opened: str, now: datetime
) -> None:
    case = await cases.get(opened)
    assert case is not None
    orders = [audit.append(case.id, AuditKind.ORDER_REPLAN, {"author": f"a{n}"}) for n in range(60)]
    notes = [cases.add_note(opened, author=f"n{n}", note="x") for n in range(60)]
    owners = [cases.assign(opened, f"o{n}") for n in range(60)]
    views = [cases.project(a_view(n, campaign=f"c{n}", at=now)) for n in range(1, 61)]
    await asyncio.gather(*orders, *notes, *owners, *views)
    entries = await audit.of_invoice(opened)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert len(entries) > 180
    assert await faults(audit) == []


# Message a-0 is of case a, and a-1 and a-2, of two other cases, are merged into it: those of an
# even case by going up, of an odd one by going down, so that some meet the same cases the other
# way round.
_COMPANIES = text("""
    INSERT INTO messages (id, case_id, step, channel, template, status, merged_into)
    SELECT a || '-' || b, c.id, 'step ' || a, 'email', 't', 'reserved',
        CASE WHEN b > 0 THEN a || '-0' END
    FROM generate_series(0, :count - 1) AS a CROSS JOIN generate_series(0, 2) AS b
    JOIN cases c ON c.invoice_id = 'INV-' || (
        (a + b * CASE a % 2 WHEN 0 THEN 3 ELSE :count - 3 END) % :count)
    ORDER BY b, a
""")
_FLIP = text("""
    UPDATE messages SET status = CASE status WHEN 'unknown' THEN 'sent' ELSE 'unknown' END
    WHERE id = :id OR merged_into = :id
""")
_OWN = text("UPDATE cases SET owner = :owner WHERE invoice_id = :id")


async def test_cases_that_share_messages_never_wait_for_each_other(
    database: Database, audit: Audit, cases: Cases, register: Register, now: datetime
) -> None:
    count, rounds = 8, 40
    invoices = [f"INV-{n}" for n in range(count)]
    for invoice_id in invoices:
        await register(invoice_id)
    await cases.open_many(invoices, now)
    async with database.begin() as connection:
        await connection.execute(_COMPANIES, {"count": count})

    async def company(number: int) -> None:
        for turn in range(rounds):
            async with database.begin() as connection:
                await connection.execute(_FLIP, {"id": f"{number}-0"})
                await connection.execute(_OWN, {"owner": f"{turn}", "id": f"INV-{number}"})

    async def people(invoice_id: str) -> None:
        for turn in range(rounds):
            await cases.assign(invoice_id, f"person {turn}")
            await cases.add_note(invoice_id, author="ada", note=f"{turn}")

    await asyncio.gather(*map(company, range(count)), *map(people, invoices))
    found = [checked async for checked in audit.verify()]
    assert [checked.fault for checked in found] == [None] * count
    # Three messages, an owner from each side (they may agree by chance) and a note a turn.
    assert sum(checked.entries for checked in found) > count * rounds * 5
