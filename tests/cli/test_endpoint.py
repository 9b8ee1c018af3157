"""Does an operator learn a secret once, and what became of the events?"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.settings import load
from app.wiring import Stores, stores
from dunning.registration import InvoiceRegistration
from store.outgoing import OutgoingStatus
from tests.cli.conftest import KEY
from tests.doors.conftest import NOW
from tests.doors.shop import Answer, open_shop

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

URL = "https://shop.example/hooks"
LEASE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tables that a command works on."""

    stores: Stores

    async def open(self, *invoices: str) -> None:
        body = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}}
        for invoice in invoices:
            given = InvoiceRegistration.model_validate(body)
            await self.stores.registry.put_invoice(invoice, given)
        await self.stores.cases.open_many(list(invoices), NOW)

    async def die(self) -> list[str]:
        """All that is due dies; the ids, sorted."""
        claimed = await self.stores.outgoing.claim(100, LEASE, each=100)
        for one in claimed:
            await self.stores.outgoing.failed(one, status=500, fault="no", pause=None)
        return sorted(one.webhook_id for one in claimed)

    async def due(self) -> list[str]:
        found = await self.stores.outgoing.find(status=OutgoingStatus.DUE)
        return sorted(one.id for one in found)


@pytest.fixture
async def shelf(database_url: str) -> AsyncGenerator[Shelf]:
    settings = {"DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY}
    found = stores(load(settings), pool_size=2)
    yield Shelf(found)
    await found.database.aclose()


async def _only(dunning: Typed) -> dict[str, Any]:
    (found,) = json.loads((await dunning("endpoint", "list", "--json")).out)
    return dict(found)


async def test_a_secret_is_printed_alone_and_can_be_rotated(dunning: Typed, shelf: Shelf) -> None:
    made = await dunning(
        "endpoint", "add", URL, "--kind", "case.review", "--kind", "case.closed", "--note", "CRM"
    )
    secret = made.out.removesuffix("\n")
    found = await _only(dunning)
    assert (made.code, await shelf.stores.endpoints.secrets(found["id"])) == (0, [secret])
    assert secret not in made.err
    assert found["id"] in made.err
    assert found == {
        "id": found["id"],
        "url": URL,
        "kinds": ["case.review", "case.closed"],
        "note": "CRM",
        "created_at": found["created_at"],
        "disabled_at": None,
        "disabled_why": None,
    }
    rotated = await dunning("endpoint", "rotate", found["id"])
    assert (rotated.code, await shelf.stores.endpoints.secrets(found["id"])) == (
        0,
        [rotated.out.strip(), secret],
    )
    leaked = await dunning("endpoint", "rotate", found["id"], "--at-once")
    assert await shelf.stores.endpoints.secrets(found["id"]) == [leaked.out.strip()]
    plain = await dunning("endpoint", "list")
    assert plain.out.splitlines()[1].split()[:4] == [
        found["id"],
        URL,
        "case.review",
        "case.closed",
    ]
    assert (await dunning("endpoint", "remove", found["id"])).code == 0
    none = await dunning("endpoint", "list")
    assert (none.code, none.err.strip()) == (0, "No endpoints.")


@pytest.mark.parametrize("command", ["rotate", "remove", "enable", "test"])
async def test_an_unknown_endpoint_is_named(dunning: Typed, command: str) -> None:
    ended = await dunning("endpoint", command, "ep_unknown")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("There is no endpoint ep_unknown.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shop.example",), "The URL must be an address such as https://"),
        ((URL, "--kind", "case.imagined"), "case.imagined"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    dunning: Typed, arguments: tuple[str, ...], words: str
) -> None:
    ended = await dunning("endpoint", "add", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


async def test_a_test_event_is_posted_now_and_its_answer_shown(dunning: Typed) -> None:
    async with open_shop() as shop:
        made = await dunning("endpoint", "add", shop.url)
        assert "not encrypted" in made.err
        shop.secrets.append(made.out.strip())
        endpoint = (await _only(dunning))["id"]
        fine = await dunning("endpoint", "test", endpoint, "--json")
        shop.answers.append(Answer(500))
        bad = await dunning("endpoint", "test", endpoint)
    assert (fine.code, json.loads(fine.out)) == (
        0,
        {"type": "dunning.test", "status": 204, "fault": None},
    )
    assert [(got.body["type"], got.body["data"]) for got in shop.got] == [
        ("dunning.test", {"endpoint": endpoint})
    ] * 2
    assert (bad.code, bad.out.split()) == (1, ["type", "dunning.test", "status", "500"])
    assert "did not take the event" in bad.err
    away = await dunning("endpoint", "test", endpoint)
    assert (away.code, "no connection could be made" in away.out) == (1, True)


async def test_events_are_listed_and_replayed(dunning: Typed, shelf: Shelf) -> None:
    await dunning("endpoint", "add", URL)
    endpoint = (await _only(dunning))["id"]
    await shelf.open("INV-1", "INV-2")
    dead = await shelf.die()
    plain = await dunning("outgoing", "list", "--status", "dead", "--invoice", "INV-1")
    heading, row = plain.out.splitlines()
    assert heading.split() == [
        "ID",
        "RECORDED",
        "EVENT",
        "INVOICE",
        "ENDPOINT",
        "STATUS",
        "ATTEMPTS",
        "NEXT",
        "LAST",
    ]
    cells = row.split()
    assert cells[0] in dead
    assert cells[4:] == ["case.opened", "INV-1", endpoint, "dead", "1", "no"]
    listed = json.loads((await dunning("outgoing", "list", "--json")).out)
    assert sorted(one["id"] for one in listed) == dead
    assert (await dunning("outgoing", "replay", dead[0])).code == 0
    assert await shelf.due() == [dead[0]]
    both = await dunning("outgoing", "replay", "--dead", "--endpoint", endpoint, "--since", "1h")
    assert (both.code, both.err.strip()) == (0, "1 event(s) are due now.")
    assert await shelf.due() == dead
    unknown = await dunning("outgoing", "replay", "msg_unknown", dead[0])
    assert unknown.code == 1
    assert unknown.err.startswith("msg_unknown was not replayed. There is no outgoing event")
    assert dead[0] not in unknown.err


async def test_a_disabled_endpoint_has_to_be_enabled_first(dunning: Typed, shelf: Shelf) -> None:
    await dunning("endpoint", "add", URL)
    endpoint = (await _only(dunning))["id"]
    await shelf.open("INV-1")
    await shelf.stores.endpoints.disable(endpoint, "the endpoint is gone")
    (one,) = await shelf.stores.outgoing.find()
    for arguments in ((one.id,), ("--dead", "--endpoint", endpoint)):
        refused = await dunning("outgoing", "replay", *arguments)
        assert (refused.code, "is disabled" in refused.err) == (1, True)
    assert await shelf.due() == []
    assert (await dunning("endpoint", "enable", endpoint)).code == 0
    again = await dunning("outgoing", "replay", "--dead")
    assert (again.code, await shelf.due()) == (0, [one.id])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("msg_1", "--dead"),
        ("msg_1", "--since", "1h"),
        ("--endpoint", "ep_1"),
        ("--dead", "--since", "soon"),
    ],
)
async def test_a_replay_must_say_what_is_meant(dunning: Typed, arguments: tuple[str, ...]) -> None:
    ended = await dunning("outgoing", "replay", *arguments)
    assert (ended.code, ended.out) == (2, "")
