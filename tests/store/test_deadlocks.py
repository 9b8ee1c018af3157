"""Are transactions that met each other told apart from a database that is gone?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from store.errors import DatabaseBusyError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database
    from tests.store.conftest import Register

_TAKE = text("UPDATE invoices SET plan = :plan WHERE id = :id")
# Who waits longer than that is the one whose transaction is ended.
_PATIENT = text("SET LOCAL deadlock_timeout = '1min'")
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
_REPEATABLE = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_LOOK = text("SELECT plan FROM invoices WHERE id = 'INV-1'")


async def take(connection: AsyncConnection, invoice_id: str, plan: str) -> None:
    await connection.execute(_TAKE, {"id": invoice_id, "plan": plan})


async def plans(database: Database) -> list[str | None]:
    async with database.single() as connection:
        return list(await connection.scalars(text("SELECT plan FROM invoices ORDER BY id")))


async def test_a_broken_deadlock_is_worth_another_try(
    database: Database, register: Register
) -> None:
    await register("INV-1")
    await register("INV-2")
    one_taken, both_waiting = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with database.begin() as connection:
            await take(connection, "INV-1", "first")
            one_taken.set()
            await both_waiting.wait()
            await take(connection, "INV-2", "first")

    async with database.begin() as other:
        await other.execute(_PATIENT)
        await take(other, "INV-2", "second")
        loser = asyncio.create_task(first())
        await one_taken.wait()
        both_waiting.set()
        async with asyncio.timeout(10), database.single() as looker:
            while not await looker.scalar(_WAITING):
                await asyncio.sleep(0.01)
        await take(other, "INV-1", "second")
    with pytest.raises(DatabaseBusyError, match="nothing was written"):
        await loser
    assert await plans(database) == ["second", "second"]

    await first()
    assert await plans(database) == ["first", "first"]


async def test_so_is_a_transaction_that_cannot_be_put_in_order(
    database: Database, register: Register
) -> None:
    await register("INV-1")

    async def too_late() -> None:
        async with database.begin() as connection:
            await connection.execute(_REPEATABLE)
            await connection.scalar(_LOOK)
            async with database.begin() as other:
                await take(other, "INV-1", "other")
            await take(connection, "INV-1", "late")

    with pytest.raises(DatabaseBusyError):
        await too_late()
    assert await plans(database) == ["other"]
