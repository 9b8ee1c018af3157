"""Do events reach the merchant's endpoints, in order, at least once?"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from dunning.outgoing import PAUSES, Kind
from store.database import Database
from store.outgoing import OutgoingStatus
from tests.doors.deliveries import SECOND, Scene, running, set_up, until
from tests.doors.shop import Answer, Shop, open_shop
from webhook.outgoing import GONE


@pytest.fixture
async def scene(database: Database) -> AsyncGenerator[Scene]:
    async with set_up(database) as opened:
        yield opened


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


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
