"""Does one faulty endpoint, database or process keep no event from anybody?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dunning.ports import Receipt
from providers.merchant.receiver import MerchantReceiver
from store.database import Database
from store.errors import DatabaseDownError
from store.outgoing import ClaimedOutgoing, Outgoing, OutgoingStatus
from tests.doors.deliveries import Scene, running, set_up, until
from tests.doors.shop import Answer, Shop, open_shop, self_signed


@pytest.fixture
async def scene(database: Database) -> AsyncGenerator[Scene]:
    async with set_up(database) as opened:
        yield opened


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


async def arrived(shop: Shop) -> None:
    async def once() -> bool:
        return len(shop.got) == 1

    await until(once)


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


async def test_a_stop_waits_for_no_endpoint_that_hangs(
    scene: Scene, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.outgoing._GRACE_SECONDS", 0.05)
    await scene.listen(shop)
    await scene.open("INV-1")
    shop.opened.clear()

    async with asyncio.timeout(10), running(scene.deliverer()):
        await arrived(shop)
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

    with capture_logs() as logged:
        async with running(scene.deliverer(outgoing=faulty)):
            await arrived(shop)
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
