"""Can an operator see which events came in, without what they say of customers?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from store.database import Database
from store.inbox import EventStatus, Inbox, NewEvent

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

BODY = b'{"event": "recovery.failed", "customer": "ada@example.com"}'


@pytest.fixture
async def parked(database_url: str) -> int:
    """The number of an event that no invoice is known for."""
    database = Database.connect(database_url, pool_size=1)
    event = NewEvent(
        source="revtain",
        name="recovery.failed",
        body=BODY,
        transaction_id="T1",
        status=EventStatus.PARKED,
        note="no invoice",
    )
    odd = NewEvent(source="revtain", name="", body=b"\x1b[2J", status=EventStatus.UNREADABLE)
    await Inbox(database).put_many([event, odd])
    (found,) = await Inbox(database).find_events(unmatched=True)
    await database.aclose()
    return found.id


async def test_unmatched_events_are_listed(dunning: Typed, parked: int) -> None:
    plain = await dunning("event", "list", "--unmatched")
    assert plain.out.splitlines()[1].split()[0] == str(parked)
    assert "ada@example.com" not in plain.out
    found = json.loads((await dunning("event", "list", "--status", "unreadable", "--json")).out)
    assert [event["status"] for event in found] == ["unreadable"]


async def test_a_body_is_shown_only_when_asked_for(dunning: Typed, parked: int) -> None:
    plain = await dunning("event", "show", str(parked))
    assert (plain.code, plain.err) == (0, "")
    assert "ada@example.com" not in plain.out
    whole = await dunning("event", "show", str(parked), "--body")
    assert whole.out.endswith(BODY.decode() + "\n")
    assert "may hold personal data" in whole.err
    document = json.loads((await dunning("event", "show", str(parked), "--body", "--json")).out)
    assert document["body"] == BODY.decode()


@pytest.mark.usefixtures("parked")
async def test_a_body_cannot_steer_the_terminal(dunning: Typed) -> None:
    (odd,) = json.loads((await dunning("event", "list", "--status", "unreadable", "--json")).out)
    shown = await dunning("event", "show", str(odd["id"]), "--body")
    assert shown.out.endswith("\\x1b[2J\n")


async def test_an_unknown_event_is_one_sentence(dunning: Typed) -> None:
    ended = await dunning("event", "show", "404")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.strip() == "There is no event 404. `dunning event list` lists them."
