"""Do events reach the merchant's endpoints, in order, at least once, whatever breaks on the way?"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from dunning.outgoing import PAUSES, Kind
from dunning.ports import Receipt
from dunning.registration import InvoiceRegistration
from providers.merchant.receiver import MerchantReceiver
from store.cases import Cases
from store.database import Database
from store.endpoints import Endpoint, Endpoints
from store.errors import DatabaseDownError
from store.outgoing import ClaimedOutgoing, Outgoing, OutgoingRecord, OutgoingStatus
from store.registry import Registry
from tests.doors.conftest import NOW, TOKEN_KEY
from tests.doors.shop import Answer, Shop, open_shop, self_signed
from webhook.outgoing import GONE, Deliverer

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A database with cases to which things happen, and deliverers on it."""

    database: Database
    endpoints: Endpoints
    outgoing: Outgoing
    receiver: MerchantReceiver

    def deliverer(self, **changes: Any) -> Deliverer:
        given: dict[str, Any] = {
            "outgoing": self.outgoing,
            "endpoints": self.endpoints,
            "receiver": self.receiver,
            "now": lambda: datetime.now(UTC),
        }
        return Deliverer(**{**given, **changes})

    async def listen(self, shop: Shop, *kinds: Kind, query: str = "") -> Endpoint:
        made, secret = await self.endpoints.add(shop.url + query, kinds=kinds)
        shop.secrets.append(secret)
        return made

    async def open(self, *invoices: str) -> None:
        registry = Registry(self.database, TOKEN_KEY)
        for invoice in invoices:
            body = {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1"}}
            await registry.put_invoice(invoice, InvoiceRegistration.model_validate(body))
        await Cases(self.database).open_many(list(invoices), NOW)

    async def happen(self, invoice: str, *kinds: str) -> None:
        append = "SELECT audit_append(id, :kind, '{}') FROM cases WHERE invoice_id = :invoice"
        for kind in kinds:
            await self.execute(append, kind=kind, invoice=invoice)

    async def execute(self, statement: str, **values: object) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement), values)

    async def time_passes(self) -> None:
        """All that waits is due now, and no endpoint is held or at work."""
        await self.execute(
            "UPDATE outgoing SET due_at = clock_timestamp(), leased_until = NULL"
            " WHERE status = 'due'"
        )
        await self.execute("UPDATE endpoints SET held_until = NULL")

    async def pause(self) -> timedelta:
        """How long the only due event waits, to the second."""
        (one,) = await self.outgoing.find(status=OutgoingStatus.DUE)
        async with self.database.single() as connection:
            wait: timedelta | None = await connection.scalar(
                text("SELECT CAST(:due AS timestamptz) - clock_timestamp()"), {"due": one.due_at}
            )
        assert wait is not None
        return round(wait / SECOND) * SECOND

    async def only(self) -> OutgoingRecord:
        (one,) = await self.outgoing.find()
        return one


@pytest.fixture
async def scene(database: Database) -> AsyncGenerator[Scene]:
    endpoints, outgoing = Endpoints(database, TOKEN_KEY), Outgoing(database)
    async with MerchantReceiver(now=lambda: datetime.now(UTC)) as receiver:
        yield Scene(database, endpoints, outgoing, receiver)


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


@asynccontextmanager
async def running(deliverer: Deliverer) -> AsyncGenerator[None]:
    run = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        deliverer.stop()
        await run


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_events_arrive_signed_and_in_order(scene: Scene, shop: Shop) -> None:
    await scene.listen(shop)
    await scene.open("INV-1", "INV-2")
    await scene.happen("INV-1", "case.waiting", "message.sent", "case.recovered")
    await scene.happen("INV-2", "case.watching")
    assert await scene.deliverer().once() == 6
    ada = [line for line in shop.lines if line.startswith("INV-1")]
    assert ada == [
        "INV-1 case.opened",
        "INV-1 case.waiting",
        "INV-1 message.sent",
        "INV-1 case.recovered",
    ]
    assert [line for line in shop.lines if line.startswith("INV-2")] == [
        "INV-2 case.opened",
        "INV-2 case.watching",
    ]
    assert await scene.outgoing.counts() == {
        OutgoingStatus.DUE: 0,
        OutgoingStatus.DELIVERED: 6,
        OutgoingStatus.DEAD: 0,
    }
    first = next(got for got in shop.got if got.line == "INV-1 case.opened")
    assert first.body == {
        "type": "case.opened",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {
            "invoice_id": "INV-1",
            "case": "dunning:INV-1:1",
            "cycle": 1,
            "state": "opening",
            "outcome": None,
            "cause": None,
            "campaign": None,
        },
    }
    assert first.headers["content-type"] == "application/json"
    assert not shop.verifies(first, "whsec_" + base64.b64encode(b"another secret").decode())


async def test_what_fails_is_tried_for_three_days_and_then_dead(scene: Scene, shop: Shop) -> None:
    made = await scene.listen(shop, Kind.CASE_OPENED, Kind.CASE_WAITING)
    await scene.open("INV-1")
    await scene.happen("INV-1", "case.waiting")
    shop.answers.extend(Answer(500) for _ in range(10))
    deliverer = scene.deliverer()
    await scene.execute("UPDATE outgoing SET due_at = 'infinity' WHERE kind = 'case.waiting'")
    dead = _count("dead")
    for attempt, pause in enumerate(PAUSES, start=1):
        assert await deliverer.once() == 1
        (one,) = await scene.outgoing.find(webhook_id=shop.ids[0])
        assert (one.status, one.attempts, one.last_status) == (OutgoingStatus.DUE, attempt, 500)
        waits = one.due_at - datetime.now(UTC)
        assert pause - 5 * SECOND < waits <= pause
        await scene.execute(
            "UPDATE outgoing SET due_at = clock_timestamp() WHERE kind = 'case.opened'"
        )
    with capture_logs() as logged:
        assert await deliverer.once() == 1
    assert set(shop.ids) == {shop.ids[0]}
    assert shop.kinds == ["case.opened"] * 10
    (line,) = [line for line in logged if line["event"] == "outgoing_dead"]
    assert line == {
        "event": "outgoing_dead",
        "log_level": "error",
        "webhook_id": shop.ids[0],
        "kind": "case.opened",
        "case": "dunning:INV-1:1",
        "endpoint": made.id,
        "attempts": 10,
        "status": 500,
        "reason": "the endpoint answered 500",
    }
    assert _count("dead") == dead + 1

    await scene.time_passes()
    assert await deliverer.once() == 1
    assert shop.kinds[-1] == "case.waiting"
    assert await scene.outgoing.replay([shop.ids[0]]) == [shop.ids[0]]
    assert await deliverer.once() == 1
    assert shop.ids[-1] == shop.ids[0]
    assert (await scene.outgoing.counts())[OutgoingStatus.DELIVERED] == 2


def _count(result: str) -> float:
    return REGISTRY.get_sample_value("dunning_outgoing_total", {"result": result}) or 0.0


async def test_a_later_event_of_the_case_waits_for_the_one_that_failed(
    scene: Scene, shop: Shop
) -> None:
    await scene.listen(shop)
    await scene.open("INV-1")
    await scene.happen("INV-1", "case.waiting")
    shop.answers.append(Answer(307, {"Location": shop.url}))
    deliverer = scene.deliverer()
    assert await deliverer.once() == 1
    await scene.open("INV-2")
    assert await deliverer.once() == 1
    assert shop.lines == ["INV-1 case.opened", "INV-2 case.opened"]
    await scene.time_passes()
    assert await deliverer.once() == 2
    assert shop.lines[2:] == ["INV-1 case.opened", "INV-1 case.waiting"]


async def test_an_endpoint_that_is_gone_is_disabled(scene: Scene, shop: Shop) -> None:
    made = await scene.listen(shop)
    await scene.open("INV-1", "INV-2")
    shop.always = Answer(410)
    with capture_logs() as logged:
        await scene.deliverer(each=1).once()
    assert len(shop.got) == 1
    assert [(one.status, one.last_fault) for one in await scene.outgoing.find()] == [
        (OutgoingStatus.DEAD, GONE)
    ] * 2
    found = await scene.endpoints.get(made.id)
    assert found is not None
    assert (found.disabled_at is None, found.disabled_why) == (False, GONE)
    assert [line for line in logged if line["event"] == "endpoint_disabled"] == [
        {
            "event": "endpoint_disabled",
            "log_level": "error",
            "endpoint": made.id,
            "reason": GONE,
            "dead": 2,
        }
    ]
    await scene.happen("INV-1", "case.waiting")
    assert len(await scene.outgoing.find()) == 2


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [
        (429, "600", timedelta(minutes=10)),
        (503, "7200", timedelta(hours=2)),
        (503, "1", PAUSES[0]),
        (429, "999999", timedelta(days=1)),
        (429, "soon", PAUSES[0]),
        (500, "600", PAUSES[0]),
    ],
)
async def test_an_endpoint_is_left_alone_as_long_as_it_asks(
    scene: Scene, shop: Shop, status: int, asked: str, waits: timedelta
) -> None:
    await scene.listen(shop)
    await scene.open("INV-1")
    shop.answers.append(Answer(status, {"Retry-After": asked}))
    deliverer = scene.deliverer()
    await deliverer.once()
    assert waits - 2 * SECOND <= await scene.pause() <= waits
    if status != 500 and waits > PAUSES[0]:
        await scene.open("INV-2")
        assert await deliverer.once() == 0
    await scene.time_passes()
    await deliverer.once()
    assert [one.status for one in await scene.outgoing.find(invoice_id="INV-1")] == [
        OutgoingStatus.DELIVERED
    ]


async def test_an_endpoint_that_hangs_holds_up_no_other(scene: Scene, shop: Shop) -> None:
    async with open_shop() as hanging:
        hanging.opened.clear()
        await scene.listen(hanging)
        await scene.listen(shop)
        await scene.open(*(f"INV-{n}" for n in range(30)))

        async def all_there() -> bool:
            return len(shop.got) == 30

        async def none_under_way() -> bool:
            return not (await scene.outgoing.counts())[OutgoingStatus.DUE]

        async with running(scene.deliverer(together=8, each=3)):
            await until(all_there)
            assert (len(hanging.got), len(set(shop.lines))) == (3, 30)
            hanging.opened.set()
            await until(none_under_way)
        assert (len(hanging.got), hanging.most_at_once) == (30, 3)


async def test_an_endpoint_that_never_answers_is_given_up_in_time(scene: Scene, shop: Shop) -> None:
    await scene.listen(shop)
    await scene.open("INV-1")
    shop.opened.clear()
    now = lambda: datetime.now(UTC)  # noqa: E731
    async with MerchantReceiver(now=now, timeout=timedelta(milliseconds=50)) as hasty:
        await scene.deliverer(receiver=hasty).once()
    one = await scene.only()
    assert (one.status, one.last_status, one.last_fault) == (
        OutgoingStatus.DUE,
        None,
        "no answer within 0.05 seconds",
    )


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:1/", "no connection could be made"),
        ("https://127.0.0.1:{port}/", "no encrypted connection could be made"),
    ],
)
async def test_what_cannot_be_reached_is_said_in_our_words(
    scene: Scene, shop: Shop, url: str, fault: str
) -> None:
    port = shop.url.split(":")[2].split("/")[0]
    await scene.endpoints.add(url.format(port=port))
    await scene.open("INV-1")
    await scene.deliverer().once()
    assert (await scene.only()).last_fault == fault


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_shop(tls=self_signed(tmp_path)) as shop:
        await scene.listen(shop)
        await scene.open("INV-1")
        await scene.deliverer().once()
        assert shop.got == []
    assert (await scene.only()).last_fault == "the certificate is not valid for this address"


async def test_two_deliverers_deliver_each_event_once(scene: Scene, shop: Shop) -> None:
    await scene.listen(shop)
    invoices = [f"INV-{n}" for n in range(20)]
    await scene.open(*invoices)
    for invoice in invoices:
        await scene.happen(invoice, "case.waiting", "case.recovered")

    async def all_there() -> bool:
        return (await scene.outgoing.counts())[OutgoingStatus.DELIVERED] == 60

    async with running(scene.deliverer(each=5)), running(scene.deliverer(each=5)):
        await until(all_there)
    assert len(shop.ids) == len(set(shop.ids)) == 60
    for invoice in invoices:
        assert [line for line in shop.lines if line.startswith(f"{invoice} ")] == [
            f"{invoice} case.opened",
            f"{invoice} case.waiting",
            f"{invoice} case.recovered",
        ]


@dataclass(slots=True)
class DyingReceiver:
    """Posts, and never comes back to say so."""

    real: MerchantReceiver
    posted: asyncio.Event

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        await self.real.post(url, body, headers)
        self.posted.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_crash_after_the_post_repeats_it_under_the_same_id(
    scene: Scene, shop: Shop
) -> None:
    await scene.listen(shop)
    await scene.open("INV-1")
    dying = DyingReceiver(scene.receiver, asyncio.Event())
    doomed = asyncio.create_task(scene.deliverer(receiver=dying).once())
    await dying.posted.wait()
    doomed.cancel()
    with suppress(asyncio.CancelledError):
        await doomed
    other = scene.deliverer()
    assert await other.once() == 0
    await scene.execute("UPDATE outgoing SET leased_until = clock_timestamp()")
    assert await other.once() == 1
    assert shop.ids == [shop.ids[0]] * 2
    assert shop.got[0].raw == shop.got[1].raw
    one = await scene.only()
    assert (one.status, one.attempts) == (OutgoingStatus.DELIVERED, 2)


async def test_both_secrets_sign_while_they_change(scene: Scene, shop: Shop) -> None:
    made = await scene.listen(shop)
    new = await scene.endpoints.rotate(made.id)
    assert new is not None
    await scene.open("INV-1")
    await scene.deliverer().once()
    (got,) = shop.got
    assert [shop.verifies(got, secret) for secret in (shop.secrets[0], new)] == [True, True]
    assert len(got.headers["webhook-signature"].split()) == 2
    await scene.execute("UPDATE endpoints SET earlier_until = clock_timestamp()")
    await scene.happen("INV-1", "case.waiting")
    await scene.deliverer().once()
    assert shop.verifies(shop.got[1], new)
    assert not shop.verifies(shop.got[1], shop.secrets[0])


async def test_a_receiver_with_another_secret_refuses_what_is_not_signed_for_it(
    scene: Scene, shop: Shop
) -> None:
    await scene.listen(shop)
    shop.secrets = ["whsec_" + base64.b64encode(b"another secret").decode()]
    await scene.open("INV-1")
    await scene.deliverer().once()
    assert (await scene.only()).last_status == 401


async def test_a_stop_waits_for_no_endpoint_that_hangs(
    scene: Scene, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.outgoing._GRACE_SECONDS", 0.05)
    await scene.listen(shop)
    await scene.open("INV-1")
    shop.opened.clear()

    async def arrived() -> bool:
        return len(shop.got) == 1

    async with asyncio.timeout(10), running(scene.deliverer()):
        await until(arrived)
    assert (await scene.only()).status is OutgoingStatus.DUE


@dataclass(slots=True)
class FaultyOutgoing:
    """Fails once in every way, then is the real one."""

    real: Outgoing
    faults: list[Exception]

    async def claim(self, limit: int, lease: timedelta, *, each: int) -> list[ClaimedOutgoing]:
        if self.faults:
            raise self.faults.pop(0)
        return await self.real.claim(limit, lease, each=each)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


async def test_a_fault_of_the_database_is_waited_out(
    scene: Scene, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.outgoing._FIRST_PAUSE", 0.01)
    await scene.listen(shop)
    await scene.open("INV-1")
    faults: list[Exception] = [DatabaseDownError("away"), ValueError("ada@example.com")]
    faulty = FaultyOutgoing(scene.outgoing, list(faults))

    async def arrived() -> bool:
        return len(shop.got) == 1

    with capture_logs() as logged:
        async with running(scene.deliverer(outgoing=faulty)):
            await until(arrived)
    reasons = [line["reason"] for line in logged if line["event"] == "outgoing_waits"]
    assert reasons == ["away", "ValueError"]


async def test_the_address_of_an_endpoint_is_logged_nowhere(scene: Scene, shop: Shop) -> None:
    await scene.listen(shop, query="?token=confidential")
    await scene.open("INV-1")
    shop.always = Answer(500)
    await scene.execute("UPDATE outgoing SET attempts = 9")
    with capture_logs() as logged:
        await scene.deliverer().once()
    assert [line["event"] for line in logged] == ["outgoing_dead"]
    assert "confidential" not in str(logged)
    assert "127.0.0.1" not in str(logged)
