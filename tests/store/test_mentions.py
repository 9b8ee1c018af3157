"""Is a customer found in whatever way an event spells them, and nobody else with them?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
from sqlalchemy import text

from dunning.delivery import Delivery
from store import mentions
from store.inbox import NewEvent
from tests.store.reported import events, file, report, reserved

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.inbox import Inbox
    from store.ledger import Ledger
    from store.reports import Reports
    from tests.store.conftest import Register

ODD = "Ädá+(1|2)*\\d@Example.com"


async def spoken_of(database: Database, customer_id: str = "cus_1") -> list[bytes]:
    async with database.begin() as connection:
        known = await mentions.traces(connection, customer_id)
        assert known is not None
        return [bytes(event["body"]) for event in await mentions.events(connection, known)]


@pytest.mark.parametrize(
    "body",
    [
        ODD.encode(),
        ODD.upper().encode(),
        ODD.lower().encode(),
        json.dumps({"email": ODD}).encode(),
        json.dumps({"email": ODD}, ensure_ascii=False).encode(),
        f"From={quote_plus(ODD)}".encode(),
        b"\x00\xff" + ODD.encode() + b"\n",
    ],
)
async def test_an_address_is_found_however_it_is_written(
    database: Database, register: Register, inbox: Inbox, body: bytes
) -> None:
    await register(customer={"id": "cus_1", "email": "ada@example.com"})
    async with database.begin() as connection:
        await connection.execute(text("UPDATE customers SET email = :odd"), {"odd": ODD})
    others = b'{"email": "\xc3\x84da+11d@example.com"}'
    await inbox.put_many(
        [NewEvent(source="sendgrid", name="x", body=one) for one in (others, body)]
    )
    assert await spoken_of(database) == [body]


async def test_a_customer_of_whom_too_little_is_known_is_found_nowhere(
    database: Database, register: Register, inbox: Inbox
) -> None:
    await register(customer={"id": "cus_1"})
    await inbox.put_many([NewEvent(source="sendgrid", name="x", body=b"cus_1")])
    assert await spoken_of(database) == []


async def test_a_report_belongs_to_the_customer_of_its_message(
    database: Database,
    register: Register,
    cases: Cases,
    inbox: Inbox,
    ledger: Ledger,
    reports: Reports,
    now: datetime,
) -> None:
    await register(customer={"id": "cus_1", "email": "ada@example.com"})
    await register("INV-2", customer={"id": "cus_2", "email": "0@example.com"})
    await cases.open_many(["INV-1"], now)
    message_id = await reserved(ledger, now)
    (event_id,) = await events(inbox, database, 1)
    async with database.begin() as connection:
        await connection.exec_driver_sql("UPDATE events SET body = '0@example.com'")

    assert await spoken_of(database, "cus_2") == [b"0@example.com"]
    await file(reports, report(message_id, state=Delivery.DELIVERED), now, event_id)
    assert await spoken_of(database, "cus_2") == []
    assert await spoken_of(database) == [b"0@example.com"]
