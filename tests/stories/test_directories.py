"""Is an invoice that only the merchant's own systems know dunned, and stopped when they say so?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.demo.stage import Stage
from app.directories import secret
from tests.stories.shop import Shop, opened
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.embedded.temporal import TemporalDevServer

SENT = (f"day 0: {FIRST}", f"day 4: {REMINDER}")


@asynccontextmanager
async def told(
    database_url: str, temporal: TemporalDevServer, *, order: str = "http,registry"
) -> AsyncGenerator[tuple[Teller, Shop]]:
    """The product beside a shop that it asks."""
    async with (
        opened() as shop,
        Stage.open(
            database_url,
            temporal.address,
            DUNNING_DIRECTORIES=order,
            DUNNING_DIRECTORY_URL=shop.invoice_url,
            DUNNING_DIRECTORY_TRANSACTION_URL=shop.transaction_url,
            DUNNING_DIRECTORY_CACHE="0",
        ) as stage,
    ):
        shop.secret = secret(stage.settings)
        yield Teller.of(stage), shop
        await stage.end_all()


async def failed(tell: Teller, shop: Shop) -> Invoice:
    """An invoice that only the shop knows, and whose payment has failed."""
    invoice = tell.unregistered()
    shop.knows(invoice)
    await invoice.fails()
    return invoice


async def kinds(stage: Stage) -> list[tuple[str, str]]:
    found = await stage.stores.alerts.find(limit=1000)
    return sorted((alert.kind.value, alert.subject) for alert in found)


async def test_an_invoice_that_only_the_shop_knows_is_dunned_until_the_shop_says_paid(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        await tell.day(5)
        assert await ada.told() == Told(inbox=SENT, standing="waiting")
        assert shop.asked[0] == {"transaction_id": ada.transaction}
        assert {"invoice_id": ada.id} in shop.asked

        shop.knows(ada, status="paid")
        await tell.day(60)
        assert await ada.told() == Told(
            inbox=(*SENT, f"day 6: {RECEIPT}"), standing="recovered by paid_elsewhere"
        )
        last = len(shop.asked)
        await ada.fails()
        assert shop.asked[last:] == []
        assert await kinds(tell.stage) == []


async def test_what_the_shop_says_now_is_what_a_message_says_and_void_ends_the_case(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        await tell.day(3)
        shop.knows(ada, amount_due=3300)
        await tell.day(5)
        assert ["$33.00" in message.text for message in ada.arrived()] == [False, True]
        shop.knows(ada, status="void")
        await tell.day(60)
        assert await ada.told() == Told(inbox=SENT, standing="cancelled")
        shop.knows(ada, status="open")
        await ada.fails()
        await tell.day(90)
        assert await ada.told() == Told(inbox=SENT, standing="cancelled")


async def test_paid_is_final_whatever_the_shop_says_later(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        await tell.day(1)
        before = len(shop.asked)
        await ada.pays()
        await tell.day(60)
        assert (await ada.told()).standing == "recovered by revtain_retry"
        assert shop.asked[before:] == []
        assert (await tell.stage.show(ada.id))["status"] == "paid"


async def test_a_message_waits_for_the_shop_and_leaves_once_it_answers(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        await tell.day(1)
        shop.status = 503
        await tell.day(5)
        told_meanwhile = await ada.told()
        assert told_meanwhile == Told(inbox=SENT[:1], standing="waiting")
        assert await kinds(tell.stage) == [("directory_down", "http")]

        shop.status = 200
        answered = tell.stage.now
        await tell.day(5, 15)
        assert (await ada.told()).inbox == (SENT[0], f"day 5: {REMINDER}")
        assert (ada.arrived()[1].arrived_at - answered).total_seconds() < 31 * 60
        assert await kinds(tell.stage) == [("directory_back", "http"), ("directory_down", "http")]
        faults = "SELECT directory, invoice_id, reason FROM directory_faults"
        assert await rows(tell.stage, f"{faults} WHERE cleared_at IS NOT NULL") == [
            {
                "directory": "http",
                "invoice_id": None,
                "reason": "it answers 503 instead of 200 or 404",
            }
        ]


async def test_facts_that_are_recent_enough_are_acted_on_while_the_shop_is_silent(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        shop.status = 503
        await tell.day(1)
        assert await ada.told() == Told(inbox=SENT[:1], standing="waiting")


async def test_what_nobody_confirms_for_too_long_is_withheld_with_the_reason(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = await failed(tell, shop)
        await tell.day(1)
        shop.status = 503
        await tell.day(8, 20)
        assert await ada.told() == Told(
            inbox=SENT[:1],
            held=("second: withheld, directory_down", "text: withheld, directory_down"),
            standing="waiting",
        )
        status, story = await tell.stage.call("GET", f"/v1/cases/{ada.id}")
        assert (status, "directory_down" in str(story)) == (200, True)


async def test_what_the_shop_says_and_cannot_be_used_holds_that_invoice_only(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada, bob = await failed(tell, shop), await failed(tell, shop)
        await tell.day(1)
        shop.knows(ada, plan_name="pro")
        await tell.day(5)
        assert (await ada.told()).inbox == SENT[:1]
        assert (await bob.told()).inbox == SENT
        assert await kinds(tell.stage) == [("directory_entry", ada.id)]
        shop.knows(ada, plan_name="pro", status="paid")
        await tell.day(6)
        assert (await ada.told()).inbox == SENT[:1]
        shop.knows(ada, status="paid")
        await tell.day(7)
        assert (await ada.told()).standing == "recovered by paid_elsewhere"


async def test_without_the_registry_an_invoice_must_be_in_the_directory(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal, order="http") as (tell, shop):
        gone, known = await tell.invoice(), await tell.invoice()
        shop.knows(known)
        for invoice in (gone, known):
            await invoice.fails()
        await tell.day(1)
        assert await gone.told() == Told(
            inbox=(), held=("first: withheld, not_in_directory",), standing="waiting"
        )
        assert (await known.told()).inbox == SENT[:1]


async def test_an_event_of_a_transaction_that_nobody_knows_is_parked_as_ever(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with told(database_url, temporal) as (tell, shop):
        ada = tell.unregistered()
        await ada.fails()
        assert shop.asked == [{"transaction_id": ada.transaction}]
        parked = await rows(tell.stage, "SELECT status, note FROM events")
        assert parked == [
            {
                "status": "parked",
                "note": f"no invoice is registered for transaction {ada.transaction}",
            }
        ]
        await ada.register()
        assert (await ada.told()).standing == "waiting"
