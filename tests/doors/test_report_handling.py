"""Is each report filed once, and does every case hear that its message is proved?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dunning.channel import Channel
from dunning.events import MessageSettled
from providers.sendgrid.event_reader import SendGridEventReader
from store.database import Database
from store.inbox import ClaimedEvent, Inbox, NewEvent
from store.ledger import Ledger
from store.reports import Reports
from store.reservations import Draft, Reserved
from store.suppressions import Suppressions
from tests.doors.conftest import NOW, TOKEN_KEY, Show, World
from webhook.handling import Done, UnmatchedError
from webhook.reports import ReportHandler

RUN = "dunning:INV-1:1"
ADA = "ada@example.com"


@pytest.fixture
async def message_id(world: World, invoice: dict[str, Any], show: Show) -> str:
    """An email of which nobody knows whether it left."""
    assert invoice["id"] == "INV-1"
    await show()
    ledger: Ledger = world.operations.ledger
    draft = Draft(
        step="d4", channel=Channel.EMAIL, template="reminder", due_at=NOW, now=NOW, address=ADA
    )
    reserved = await ledger.reserve(RUN, draft)
    assert isinstance(reserved, Reserved)
    await ledger.record_unknown(reserved.message_id, reason="no answer", occurred_at=NOW)
    return reserved.message_id


@pytest.fixture
def handler(world: World, database: Database) -> ReportHandler:
    reports = Reports(database, Suppressions(database, TOKEN_KEY))
    return ReportHandler(reader=SendGridEventReader(), reports=reports, client=world.runs)


async def claimed(database: Database, **event: Any) -> ClaimedEvent:
    body = json.dumps({"email": ADA, "timestamp": NOW.timestamp(), **event}).encode()
    inbox = Inbox(database)
    await inbox.put_many([NewEvent(source="sendgrid", name=event["event"], body=body)])
    (found,) = await inbox.find_events(limit=1)
    return ClaimedEvent(
        id=found.id,
        source="sendgrid",
        name=found.name,
        body=body,
        transaction_id=None,
        idempotency_key=None,
        old_card=None,
        attempts=1,
        received_at=found.received_at,
    )


def told(world: World) -> list[tuple[str, str, bool]]:
    facts = [(run, fact) for run, fact in world.runs.told if isinstance(fact, MessageSettled)]
    return [(run, fact.step, fact.sent) for run, fact in facts]


async def test_a_proof_is_told_once_and_again_only_after_a_fault(
    handler: ReportHandler, world: World, database: Database, message_id: str
) -> None:
    event = await claimed(database, event="processed", dunning_message_id=message_id)
    assert await handler.handle(event) == ("INV-1", "processed: applied")
    assert told(world) == [(RUN, "d4", True)]
    later = await claimed(database, event="delivered", dunning_message_id=message_id)
    assert await handler.handle(later) == ("INV-1", "delivered: applied")
    assert told(world) == [(RUN, "d4", True)]
    again = await handler.handle(replace(event, attempts=2))
    assert again == ("INV-1", "processed: filed before")
    assert told(world) == [(RUN, "d4", True)] * 2


@pytest.mark.parametrize(
    ("event", "note"),
    [
        ({"event": "bounce"}, "bounce: applied; the address is closed: bad_address"),
        (
            {"event": "bounce", "email": "x@y.example"},
            "bounce: about a copy, which changes nothing",
        ),
        ({"event": "open"}, "open: says nothing of the delivery"),
        ({"event": "deferred"}, "deferred: applied"),
    ],
)
async def test_what_was_done_is_said_without_naming_anybody(
    handler: ReportHandler, database: Database, message_id: str, event: dict[str, str], note: str
) -> None:
    given = await claimed(database, dunning_message_id=message_id, **event)
    assert await handler.handle(given) == ("INV-1", note)


async def test_what_comes_late_is_recorded(
    handler: ReportHandler, database: Database, message_id: str
) -> None:
    notes: list[Done] = []
    for name in ("bounce", "delivered", "group_resubscribe"):
        given = await claimed(database, event=name, dunning_message_id=message_id)
        notes.append(await handler.handle(given))
    assert [note for _, note in notes] == [
        "bounce: applied; the address is closed: bad_address",
        "delivered: recorded; more is known already",
        "group_resubscribe: applied",
    ]


async def test_our_id_without_a_message_waits_for_days_others_only_a_while(
    handler: ReportHandler, database: Database
) -> None:
    ours = await claimed(database, event="bounce", dunning_message_id="unknown")
    theirs = await claimed(
        database, event="bounce", message_id="4711", sg_message_id="elsewhere.filter1"
    )
    for event, tries in ((ours, 8), (theirs, 3)):
        with pytest.raises(UnmatchedError):
            await handler.handle(replace(event, attempts=tries))
        ended = await handler.handle(replace(event, attempts=tries + 1))
        assert ended == (None, "about no message of ours")


async def test_a_message_that_was_called_not_sent_is_told_as_sent(
    handler: ReportHandler, world: World, database: Database, message_id: str
) -> None:
    ledger: Ledger = world.operations.ledger
    assert await ledger.resolve(message_id, sent=False)
    event = await claimed(database, event="delivered", dunning_message_id=message_id)
    assert await handler.handle(event) == ("INV-1", "delivered: applied")
    assert told(world) == [(RUN, "d4", True)]


async def test_a_repetition_tells_nothing_of_a_message_that_is_not_sent(
    handler: ReportHandler, world: World, database: Database, message_id: str
) -> None:
    ledger: Ledger = world.operations.ledger
    await ledger.record_refused(message_id, reason="no", occurred_at=NOW)
    event = await claimed(database, event="delivered", dunning_message_id=message_id)
    assert await handler.handle(replace(event, attempts=2)) == ("INV-1", "delivered: applied")
    assert told(world) == []
