"""Is the merchant's own database read as the queries say, and can they never write to it?"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.embedded.postgres import EmbeddedPostgres
from dunning.directory import BillingPeriod, InvoiceStatus
from dunning.errors import DirectoryError
from store.database import Database
from store.sql_directory import SqlDirectory
from store.sql_queries import QueriesError, read_queries

TABLES = """
    CREATE TABLE bills (
        number bigint PRIMARY KEY, cents numeric NOT NULL, cur text NOT NULL, settled boolean,
        due timestamptz, owner uuid NOT NULL, mail text, labels text[]
    );
    CREATE TABLE payments (token text PRIMARY KEY, bill bigint NOT NULL);
    CREATE SEQUENCE looks;
"""
ROWS = """
    INSERT INTO bills VALUES
        (7, 4900, 'USD', false, '2026-11-20 00:00+00', '11111111-1111-1111-1111-111111111111',
            'ada@example.com', '{vip,old}'),
        (8, 100, 'EUR', true, NULL, '22222222-2222-2222-2222-222222222222', NULL, NULL);
    INSERT INTO payments VALUES ('01KKZ', 7);
"""
FIELDS = """
    SELECT b.number::text AS id, cents AS amount_due, cur AS currency,
    CASE WHEN settled THEN 'paid' ELSE 'open' END AS status, due AS due_at,
    'month' AS billing_period, owner AS customer_id, mail AS customer_email,
    labels AS customer_tags
"""
INVOICE = FIELDS + "FROM bills b WHERE b.number = CAST(:invoice_id AS bigint);"
TRANSACTION = (
    FIELDS.rstrip() + ", p.token AS transaction_ids"
    " FROM bills b JOIN payments p ON p.bill = b.number WHERE p.token = :transaction_id"
)


@dataclass(slots=True)
class Shop:
    """A database of the merchant's, and directories on it."""

    url: str
    database: Database

    async def run(self, statements: str) -> None:
        async with self.database.begin() as connection:
            for statement in filter(str.strip, statements.split(";")):
                await connection.execute(text(statement))

    async def count(self, query: str) -> int:
        async with self.database.single() as connection:
            found: int = await connection.scalar(text(query))
            return found

    async def check(self, invoice: str, transaction: str | None = None) -> None:
        asked = self.directory(invoice, transaction)
        try:
            await asked.check()
        finally:
            await asked.aclose()

    def directory(
        self, invoice: str = INVOICE, transaction: str | None = TRANSACTION, seconds: float = 3
    ) -> SqlDirectory:
        queries = {"invoice": invoice, "transaction": transaction}
        given = {name: query for name, query in queries.items() if query is not None}
        read = read_queries({"queries": given})
        return SqlDirectory(self.url, read, timeout=timedelta(seconds=seconds))


@pytest.fixture
async def shop(postgres: EmbeddedPostgres) -> AsyncGenerator[Shop]:
    name = f"shop_{secrets.token_hex(6)}"
    url = await postgres.create_database(name)
    found = Shop(url, Database.connect(url, pool_size=1))
    await found.run(TABLES)
    await found.run(ROWS)
    yield found
    await found.database.aclose()
    await postgres.drop_database(name)


async def test_a_row_is_an_invoice(shop: Shop) -> None:
    asked = shop.directory()
    await asked.check()
    entry = await asked.invoice("7")
    paid = await asked.invoice("8")
    unknown = [await asked.invoice("9"), await asked.invoice("INV-9")]
    await asked.aclose()
    assert entry is not None
    patch = entry.patch
    assert (patch.amount_due, patch.currency, patch.status) == (4900, "USD", InvoiceStatus.OPEN)
    assert patch.due_at == datetime(2026, 11, 20, tzinfo=UTC)
    assert patch.billing_period is BillingPeriod.MONTH
    assert patch.customer is not None
    assert patch.customer.id == "11111111-1111-1111-1111-111111111111"
    assert (patch.customer.email, patch.customer.tags) == ("ada@example.com", ("vip", "old"))
    assert paid is not None
    assert paid.patch.status is InvoiceStatus.PAID
    assert unknown == [None, None]


async def test_a_transaction_leads_to_its_invoice(shop: Shop) -> None:
    asked = shop.directory()
    entry = await asked.transaction("01KKZ")
    unknown = await asked.transaction("01AAA")
    await asked.aclose()
    assert entry is not None
    assert entry.invoice_id == "7"
    assert entry.patch.revtain is not None
    assert entry.patch.revtain.transaction_ids == ("01KKZ",)
    assert unknown is None


DELETES = """
    WITH gone AS (DELETE FROM bills RETURNING *)
    SELECT 'open' AS status FROM gone WHERE number::text = :invoice_id
"""
COUNTS = """
    SELECT 'open' AS status, nextval('looks')::text AS plan FROM bills
    WHERE number::text = :invoice_id
"""
UNLOCKS = """
    SELECT 'open' AS status, set_config('transaction_read_only', 'off', true) AS plan FROM bills
    WHERE number::text = :invoice_id
"""
PLANS = """
    SELECT 'open' AS status, cur AS plan, cur AS plan FROM bills WHERE number::text = :invoice_id
"""


@pytest.mark.parametrize("query", [DELETES, COUNTS])
async def test_a_query_that_writes_is_refused(shop: Shop, query: str) -> None:
    asked = shop.directory(query, None)
    with pytest.raises(DirectoryError) as raised:
        await asked.invoice("7")
    await asked.aclose()
    assert raised.value.reason == "query `invoice` tries to write, which is refused"
    assert await shop.count("SELECT count(*) FROM bills") == 2
    assert await shop.count("SELECT last_value FROM looks WHERE NOT is_called") == 1


async def test_a_query_cannot_make_its_own_transaction_writable(shop: Shop) -> None:
    asked = shop.directory(UNLOCKS, None)
    with pytest.raises(DirectoryError, match="is refused by the database"):
        await asked.invoice("7")
    await asked.aclose()


async def test_a_slow_query_is_cut_off(shop: Shop) -> None:
    slow = "SELECT 'open' AS status, pg_sleep(30)::text AS plan FROM bills WHERE number::text = "
    asked = shop.directory(f"{slow}:invoice_id", None, seconds=0.2)
    with pytest.raises(DirectoryError) as raised:
        await asked.invoice("7")
    await asked.aclose()
    assert raised.value.reason == "query `invoice` takes longer than 0.2 seconds"
    assert raised.value.general


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "SELECT cents AS amount, 'open' AS status FROM bills WHERE number::text = :invoice_id",
            "Query `invoice` has a column `amount`, which is no field of an invoice.",
        ),
        (
            "SELECT cur AS currency FROM bills WHERE number::text = :invoice_id",
            "Query `invoice` has no column `status`.",
        ),
        (
            PLANS,
            "Query `invoice` has the column `plan` twice.",
        ),
        (
            "SELECT stand AS status FROM bills WHERE number::text = :invoice_id",
            'Query `invoice` is refused by the database: column "stand" does not exist.',
        ),
        (
            "SELECT 'open' AS status FROM bills WHERE number = :invoice_id",
            "Query `invoice` is refused by the database: operator does not exist",
        ),
        (
            "SELECT 'open' AS status FROM bills WHERE number = 7 OR number::text = :invoice_id",
            "Query `invoice` finds rows whatever :invoice_id is.",
        ),
        (
            DELETES,
            "Query `invoice` is refused by the database: cannot execute SELECT in a read-only",
        ),
    ],
)
async def test_the_start_names_query_and_column(shop: Shop, query: str, words: str) -> None:
    with pytest.raises(QueriesError) as raised:
        await shop.check(query)
    assert str(raised.value).startswith(words)
    assert await shop.count("SELECT count(*) FROM bills") == 2


async def test_a_query_by_transaction_must_tell_all_that_a_new_invoice_needs(shop: Shop) -> None:
    short = "SELECT bill::text AS id FROM payments WHERE token = :transaction_id"
    with pytest.raises(QueriesError) as raised:
        await shop.check(INVOICE, short)
    missing = [line.split("`")[3] for line in str(raised.value).splitlines()]
    assert missing == ["amount_due", "currency", "customer_id"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "The file"),
        ({"queries": {}}, "queries.invoice: Field required"),
        ({"queries": {"invoice": "DELETE FROM bills"}}, "must begin with SELECT or WITH"),
        ({"queries": {"invoice": "SELECT 1"}}, "must use the parameter :invoice_id and no other"),
        ({"queries": {"invoice": "SELECT :a, :invoice_id"}}, "it uses :a, :invoice_id"),
        ({"queries": {"invoice": INVOICE, "customer": "SELECT 1"}}, "queries.customer: Extra"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(document: object, words: str) -> None:
    with pytest.raises(QueriesError) as raised:
        read_queries(document)
    assert words in str(raised.value)


async def test_several_rows_and_bad_values_are_faults_of_that_invoice(shop: Shop) -> None:
    every = "SELECT 'open' AS status FROM bills WHERE :invoice_id <> ''"
    no_zone = (
        "SELECT 'open' AS status, due::timestamp AS due_at FROM bills"
        " WHERE number::text = :invoice_id"
    )
    faults = list[DirectoryError]()
    for query in (every, no_zone):
        asked = shop.directory(query, None)
        with pytest.raises(DirectoryError) as raised:
            await asked.invoice("7")
        faults.append(raised.value)
        await asked.aclose()
    assert [(fault.reason, fault.general) for fault in faults] == [
        ("query `invoice` finds several rows: one at most may be found", False),
        ('due_at: must have a zone, such as "Z" or "+01:00"', False),
    ]


async def test_a_database_that_is_away_is_no_mistake_of_the_queries() -> None:
    read = read_queries({"queries": {"invoice": INVOICE}})
    asked = SqlDirectory("postgresql://reader:secret@127.0.0.1:1/shop", read)
    for attempt in (asked.check(), asked.invoice("7")):
        with pytest.raises(DirectoryError) as raised:
            await attempt
        assert raised.value.general
        assert "secret" not in raised.value.reason
    await asked.aclose()


@pytest.mark.parametrize("url", ["nonsense", "oracle://reader:secret@db/shop"])
def test_an_address_that_cannot_be_used_is_told_without_the_password(url: str) -> None:
    with pytest.raises(QueriesError, match="DUNNING_DIRECTORY_SQL_URL") as raised:
        SqlDirectory(url, read_queries({"queries": {"invoice": INVOICE}}))
    assert "secret" not in str(raised.value)
