"""Do the revisions make exactly the tables that the queries and the rule book know?"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from dunning.advice import Advice
from dunning.alert import AlertKind
from dunning.channel import Channel
from dunning.charge import Purpose
from dunning.consent import ConsentKind
from dunning.directory import BillingPeriod, InvoiceStatus
from dunning.handover import HandoverStatus
from dunning.promise import PromiseStatus
from dunning.recovery import LastAnswer
from dunning.replies import Meaning, ReplyChannel
from dunning.service import Service, ServiceStatus
from dunning.settlement import PaidBy
from dunning.states import Cause, Outcome, ReviewReason, State
from dunning.suppression import Reason, Scope, Source
from store.charges import ChargeOutcome, ChargeStage
from store.database import Database
from store.errors import DatabaseDownError, SchemaError
from store.inbox import EventStatus
from store.message_records import MessageStatus
from store.migrations import pending, upgrade
from store.outgoing import OutgoingStatus
from store.tables import METADATA

if TYPE_CHECKING:
    from enum import StrEnum

    from app.embedded.postgres import EmbeddedPostgres

CHECKED: dict[tuple[str, str], type[StrEnum]] = {
    ("invoices", "status"): InvoiceStatus,
    ("invoices", "billing_period"): BillingPeriod,
    ("invoices", "paid_cause"): Cause,
    ("events", "status"): EventStatus,
    ("cases", "state"): State,
    ("cases", "outcome"): Outcome,
    ("cases", "cause"): Cause,
    ("cases", "advice"): Advice,
    ("cases", "review_reason"): ReviewReason,
    ("cases", "promise_status"): PromiseStatus,
    ("cases", "service"): Service,
    ("cases", "service_status"): ServiceStatus,
    ("transactions", "answer"): LastAnswer,
    ("idempotency_keys", "answer"): LastAnswer,
    ("recoveries", "status"): HandoverStatus,
    ("charges", "purpose"): Purpose,
    ("charges", "status"): ChargeStage,
    ("charges", "outcome"): ChargeOutcome,
    ("charges", "advice"): Advice,
    ("messages", "channel"): Channel,
    ("messages", "status"): MessageStatus,
    ("suppressions", "channel"): Channel,
    ("suppressions", "reason"): Reason,
    ("suppressions", "scope"): Scope,
    ("suppressions", "source"): Source,
    ("outgoing", "status"): OutgoingStatus,
    ("alerts", "kind"): AlertKind,
    ("payments", "source"): PaidBy,
    ("channel_pauses", "channel"): Channel,
    ("consents", "channel"): Channel,
    ("consents", "kind"): ConsentKind,
    ("replies", "channel"): ReplyChannel,
    ("replies", "meaning"): Meaning,
}
# Indexes, constraints and comments are the revisions' own; queries do not need them.
COMPARED = (
    "add_table",
    "remove_table",
    "add_column",
    "remove_column",
    "modify_type",
    "modify_nullable",
)


async def test_tables_of_the_queries_are_those_of_the_revisions(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), METADATA)
        # A changed column comes as a list of its changes, all else as one change.
        changes: list[Any] = []
        for one in found:
            changes += one if isinstance(one, list) else [one]
        return [change for change in changes if change[0] in COMPARED]

    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_checks_of_the_database_are_the_words_of_the_rule_book(database: Database) -> None:
    statement = text("""
        SELECT conrelid::regclass::text AS table_name, a.attname AS column_name,
            pg_get_constraintdef(c.oid) AS definition
        FROM pg_constraint c JOIN pg_attribute a
            ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
        WHERE c.contype = 'c' AND pg_get_constraintdef(c.oid) LIKE '%ANY%'
    """)
    async with database.single() as connection:
        rows = (await connection.execute(statement)).all()
    words = {
        (row.table_name, row.column_name): set(re.findall(r"'(\w+)'", row.definition))
        for row in rows
    }
    assert words == {place: {*enumeration} for place, enumeration in CHECKED.items()}


async def test_upgrades_that_start_together_wait_for_each_other(
    postgres: EmbeddedPostgres,
) -> None:
    url = await postgres.create_database("upgraded_together")
    before = await asyncio.to_thread(pending, url)
    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(upgrade, [url] * 3))
    after = await asyncio.to_thread(pending, url)
    await postgres.drop_database("upgraded_together")
    assert (before, after) == (True, False)


async def test_tables_of_a_later_version_are_refused(database_url: str, database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError) as refusal:
        await asyncio.to_thread(upgrade, database_url)
    assert str(refusal.value) == (
        "The database has tables of another version (revision 9999): install the version of "
        "dunning that made them, or a later one."
    )


async def test_a_server_that_is_down_is_named_without_the_password() -> None:
    url = "postgresql+asyncpg://ada:secret@127.0.0.1:1/dunning"
    sentence = (
        "PostgreSQL at 127.0.0.1:1 cannot be reached: check that it runs and accepts connections."
    )
    down = Database.connect(url)
    with pytest.raises(DatabaseDownError) as query:
        async with down.single() as connection:
            await connection.execute(text("SELECT 1"))
    with pytest.raises(DatabaseDownError) as migration:
        await asyncio.to_thread(upgrade, url)
    assert [str(query.value), str(migration.value)] == [sentence, sentence]


async def test_a_pool_without_a_free_connection_says_so(database_url: str) -> None:
    database = Database.connect(database_url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    async with database.single():
        with pytest.raises(DatabaseDownError, match="no free connection"):
            async with database.single():
                pass
    await database.aclose()


async def test_a_lost_connection_is_told_and_the_next_one_works(database: Database) -> None:
    lost = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseDownError, match="cannot be reached"):
        async with database.single() as connection:
            await connection.execute(lost)
    async with database.single() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
