"""What does the merchant hear of a case, from the first failure to the end?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.outgoing import Kind, fields
from store.outgoing import OutgoingStatus
from tests.doors.shop import Answer, Shop, open_shop

if TYPE_CHECKING:
    from app.demo.stage import Stage
    from tests.stories.telling import Teller


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


async def listen(stage: Stage, shop: Shop, *kinds: Kind) -> None:
    """The shop's endpoint, as its developer sets it up."""
    _, secret = await stage.stores.endpoints.add(shop.url, kinds=kinds)
    shop.secrets.append(secret)


async def heard(stage: Stage, shop: Shop, invoice_id: str) -> list[str]:
    """All that the shop was told of an invoice, once nothing is due any more."""
    async with asyncio.timeout(20):
        while (await stage.stores.outgoing.counts())[OutgoingStatus.DUE]:
            await asyncio.sleep(0.01)
    return [got.body["type"] for got in shop.got if got.body["data"]["invoice_id"] == invoice_id]


async def test_a_recovery_is_told_from_failure_to_receipt(tell: Teller, shop: Shop) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.pays()
    await tell.day(6)
    assert await heard(tell.stage, shop, ada.id) == [
        "case.opened",
        "case.waiting",
        "message.sent",
        "message.sent",
        "payment.received",
        "case.recovered",
        "message.sent",
    ]
    told = [got.body["data"] for got in shop.got]
    assert [data.get("step") for data in told] == [
        None,
        None,
        "monthly.first",
        "monthly.second",
        None,
        None,
        "receipt",
    ]
    assert [(data["state"], data["outcome"], data["campaign"]) for data in told] == [
        ("opening", None, None),
        *[("waiting", None, "monthly")] * 4,
        *[("closed", "recovered", "monthly")] * 2,
    ]
    assert told[5]["cause"] == "revtain_retry"
    # Money is dated by who hears of it, whose clock does not leap with the case.
    of_case = [got.body for got in shop.got if got.body["type"] != "payment.received"]
    moments = [datetime.fromisoformat(body["timestamp"]) for body in of_case]
    assert moments == sorted(moments)
    for secret in (ada.email, ada.phone, ada.token, "Ada"):
        assert secret not in " ".join(str(got.body) for got in shop.got)
    assert all(tuple(got.body["data"]) == fields(Kind(got.body["type"])) for got in shop.got)


async def test_an_order_is_told_before_what_it_caused_and_without_its_words(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop, Kind.ORDER_GIVEN, Kind.CASE_STOPPED, Kind.CASE_CLOSED)
    ada = await tell.invoice()
    await ada.fails()
    await tell.stage.order(ada.id, "stop", note="Ada called and is furious")
    await tell.stage.settle()
    assert await heard(tell.stage, shop, ada.id) == ["order.given", "case.stopped", "case.closed"]
    assert shop.got[0].body["data"]["order"] == "stop"
    assert "furious" not in " ".join(str(got.body) for got in shop.got)


async def test_a_shop_that_was_away_hears_everything_afterwards_in_order(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop)
    shop.always = Answer(503)
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await ada.pays()
    async with asyncio.timeout(20):
        while not shop.got:
            await asyncio.sleep(0.01)
    assert set(shop.kinds) == {"case.opened"}
    shop.always = Answer(200)
    refused = len(shop.got)
    async with tell.stage.stores.database.begin() as connection:
        await connection.execute(text("UPDATE outgoing SET due_at = clock_timestamp()"))
    assert (await heard(tell.stage, shop, ada.id))[refused:] == [
        "case.opened",
        "case.review",
        "payment.received",
        "case.recovered",
    ]
