"""Is every change found to what was kept of a case, and do its writers make one chain?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dunning.states import State
from store.audit import Audit
from store.audit_chain import Entry, Head, problem, seal
from store.audit_kinds import AuditKind
from tests.store.trails import a_view, begun, faults, kinds

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database)


@pytest.fixture
async def opened(register: Register, cases: Cases, now: datetime) -> str:
    return await begun(register, cases, now)


async def heads(audit: Audit) -> list[Head]:
    return [checked.head async for checked in audit.verify() if checked.head is not None]


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
