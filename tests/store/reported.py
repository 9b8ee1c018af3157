"""How is a report told of in tests, and what do the tables hold of it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence, Report
from store.inbox import Inbox, NewEvent
from store.ledger import Ledger
from store.reports import Filed, Reports
from store.reservations import Draft, Reserved

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register


RUN, OTHER = "dunning:INV-1:1", "dunning:INV-2:1"
ADA, COPY, PHONE = "ada@example.com", "archive@shop.example", "+12125550123"
BOUNCE: dict[str, Any] = {
    "state": Delivery.BOUNCED,
    "code": "5.1.1",
    "evidence": Evidence.NO_SUCH_ADDRESS,
}
MINUTE = timedelta(minutes=1)


async def on_its_way(cases: Cases, register: Register, now: datetime) -> None:
    """An open case of a customer with an address and a number."""
    await register(customer={"id": "cus_1", "email": ADA, "phone": PHONE})
    await cases.open_many(["INV-1"], now)


def draft(
    now: datetime, step: str = "d4", channel: Channel = Channel.EMAIL, address: str = ADA
) -> Draft:
    return Draft(
        step=step, channel=channel, template="reminder", due_at=now, now=now, address=address
    )


async def reserved(
    ledger: Ledger, now: datetime, step: str = "d4", channel: Channel = Channel.EMAIL, **more: Any
) -> str:
    address = ADA if channel is Channel.EMAIL else PHONE
    reservation = await ledger.reserve(RUN, draft(now, step, channel, address), **more)
    assert isinstance(reservation, Reserved)
    return reservation.message_id


def report(message_id: str | None, **more: Any) -> Report:
    plain = Report(
        channel=Channel.EMAIL,
        name="x",
        message_id=message_id,
        provider_ids=("p1", "p1.f"),
        address=ADA,
    )
    return replace(plain, **more)


async def file(reports: Reports, given: Report, at: datetime, event_id: int | None = None) -> Filed:
    filed = await reports.file(given, event_id=event_id, received_at=at)
    assert filed is not None
    return filed


async def rows(database: Database, query: str) -> list[dict[str, Any]]:
    async with database.single() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def events(inbox: Inbox, database: Database, count: int) -> list[int]:
    """As many events in the inbox, that reports refer to."""
    await inbox.put_many(
        [NewEvent(source="sendgrid", name="x", body=f"{n}".encode()) for n in range(count)]
    )
    found = await rows(database, "SELECT id FROM events WHERE source = 'sendgrid' ORDER BY id")
    return [row["id"] for row in found]


async def told(database: Database) -> list[bytes]:
    """What the open cases are about to hear of closed addresses."""
    found = await rows(database, "SELECT body FROM events WHERE source = 'reach' ORDER BY id")
    return [row["body"] for row in found]
