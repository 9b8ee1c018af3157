"""Does a terminal tell what is due to be forgotten, and forget it?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import text

from store.database import Database
from store.inbox import EventStatus, Inbox, NewEvent

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

OLD = "UPDATE events SET received_at = clock_timestamp() - interval '8 days'"


async def test_what_is_due_is_counted_and_then_forgotten(dunning: Typed, database_url: str) -> None:
    database = Database.connect(database_url, pool_size=1)
    event = NewEvent(source="revtain", name="", body=b"?", status=EventStatus.UNREADABLE)
    await Inbox(database).put_many([event])
    async with database.single() as connection:
        await connection.execute(text(OLD))
    early = await dunning("retention", "run", "--json", DUNNING_KEEP_EVENTS="9")
    due = await dunning("retention", "run", "--dry-run", DUNNING_KEEP_EVENTS="7")
    done = await dunning("retention", "run", "--json", DUNNING_KEEP_EVENTS="7")
    again = await dunning("retention", "run", "--json", DUNNING_KEEP_EVENTS="7")
    await database.aclose()
    assert [json.loads(ended.out)["events"] for ended in (early, done, again)] == [0, 1, 0]
    assert due.out.splitlines()[0].split() == ["events", "1"]
    assert "dry run" in due.err


async def test_days_that_cannot_be_are_refused(dunning: Typed) -> None:
    ended = await dunning("retention", "run", DUNNING_KEEP_EVENTS="0", DUNNING_KEEP_TEXTS="-1")
    assert (ended.code, ended.out) == (2, "")
    assert "DUNNING_KEEP_EVENTS" in ended.err
    assert "DUNNING_KEEP_TEXTS" in ended.err
