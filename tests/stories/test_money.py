"""What becomes of a case when the money that comes in is not the money that is owed?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dunning.outgoing import Kind
from tests.doors.shop import open_shop
from tests.stories.test_outgoing import heard, listen
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER, SILENT_MONTH

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.doors.shop import Shop
    from tests.stories.telling import Invoice, Teller

FIGURES = ("$49.00", "$29.00", "$20.00", "$0.00")


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


def asked(invoice: Invoice) -> list[str]:
    """Which amount each message spoke of."""
    return [
        " ".join(figure for figure in FIGURES if figure in message.text)
        for message in invoice.arrived()
        if message.subject
    ]


async def alerts(tell: Teller, *but: str) -> list[tuple[str, str, dict[str, Any]]]:
    found = await rows(tell.stage, "SELECT kind, subject, detail FROM alerts ORDER BY id")
    return [(a["kind"], a["subject"], a["detail"]) for a in found if a["kind"] not in but]


async def note(tell: Teller) -> str:
    """What was done with the last event."""
    _, answer = await tell.stage.call("GET", "/v1/events")
    return str(answer["events"][0]["note"])


async def payments(shop: Shop) -> list[tuple[Any, ...]]:
    told = [got.body["data"] for got in shop.got if got.body["type"] == "payment.received"]
    return [(p["amount"], p["currency"], p["source"], p["left"]) for p in told]


async def test_a_part_that_was_paid_is_not_asked_for_again(tell: Teller, shop: Shop) -> None:
    await listen(tell.stage, shop, Kind.PAYMENT_RECEIVED)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    part = {"amount": 2000, "currency": "USD", "reference": "bank 17"}
    await ada.post("paid", part)
    await tell.day(5)
    await ada.post("paid", part)
    await ada.register(amount_due=4900)
    await tell.day(10)
    assert (asked(ada), (await ada.told()).standing) == (["$49.00", "$29.00", "$29.00"], "waiting")

    await ada.post("paid", {"amount": 2900, "currency": "USD", "reference": "bank 18"})
    await tell.day(60)
    assert (await ada.told()).standing == "recovered by paid_elsewhere"
    assert asked(ada) == ["$49.00", "$29.00", "$29.00", "$49.00"]
    await heard(tell.stage, shop, ada.id)
    assert await payments(shop) == [(2000, "USD", "api", 2900), (2900, "USD", "api", 0)]
    assert await alerts(tell) == []


async def test_the_pay_page_asks_for_the_rest(tell: Teller) -> None:
    ada = await tell.invoice(payment_url="https://shop.example/pay")
    await ada.fails()
    await tell.day(1)
    await ada.post("paid", {"amount": 2000, "currency": "USD"})
    (link,) = await rows(tell.stage, "SELECT link_id FROM invoices")
    (mail,) = ada.arrived()
    address = next(word for word in mail.text.split() if f"/p/{link['link_id']}" in word)
    async with tell.stage.http.get(f"/p/{address.rpartition('/p/')[2]}") as answer:
        page = await answer.text()
    assert [figure for figure in FIGURES if figure in page] == ["$29.00"]


async def test_less_from_revtain_waits_for_a_person_who_takes_it_as_a_part(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop, Kind.PAYMENT_RECEIVED)
    ada = await tell.invoice(revtain={"transaction_ids": ["txn-a1", "txn-a2"]})
    await ada.fails(transaction="txn-a1")
    await tell.day(1)
    await ada.pays(transaction="txn-a1", amount=2000)
    assert await note(tell) == (
        f"differs; case dunning:{ada.id}:1 told; it names 20.00 USD, and 49.00 USD was owed"
    )
    await tell.day(3)
    assert (await ada.told()).standing == "review: amount_differs"
    _, file = await tell.stage.call("GET", f"/v1/cases/{ada.id}")
    assert (file["owed"]["amount"], file["waiting"]) == (
        4900,
        [{"amount": 2000, "currency": "USD"}],
    )
    told = {"reason": "amount_differs", "round": "1", "owed": "4900 USD", "received": "2000 USD"}
    assert await alerts(tell) == [("review", ada.id, told)]

    await ada.order("decide", decision="resume")
    await tell.day(10)
    assert asked(ada)[:2] == ["$49.00", "$29.00"]
    await ada.pays(transaction="txn-a1", amount=2000, message="again")
    assert await note(tell) == (
        "recorded: this payment was looked at before; it names 20.00 USD, and 29.00 USD was owed"
    )
    assert (await ada.told()).standing == "waiting"
    await ada.pays(transaction="txn-a2", amount=2900)
    await tell.day(60)
    ended = await ada.told()
    assert (ended.standing, ended.inbox[-1]) == (
        "recovered by revtain_retry",
        f"day 10: {RECEIPT}",
    )
    await heard(tell.stage, shop, ada.id)
    assert await payments(shop) == [
        (2000, "USD", "revtain", 4900),
        (2000, "USD", "review", 2900),
        (2900, "USD", "revtain", 0),
    ]


async def test_more_than_is_owed_closes_when_a_person_says_so_and_the_team_is_told(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop, Kind.PAYMENT_RECEIVED)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.pays(amount=5400)
    await tell.day(2)
    assert (await ada.told()).standing == "review: amount_differs"
    assert "Decide mark_paid" in await ada.refuses("decide", decision="resume")
    await ada.order("decide", decision="mark_paid")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 2: {RECEIPT}"), standing="recovered by manual"
    )
    figures = {"owed": "4900 USD", "received": "5400 USD"}
    assert await alerts(tell, "review") == [("overpaid", ada.id, figures)]
    await heard(tell.stage, shop, ada.id)
    assert await payments(shop) == [(5400, "USD", "revtain", 4900), (5400, "USD", "review", -500)]


async def test_two_parts_of_two_transactions_are_shown_as_their_sum(tell: Teller) -> None:
    ada = await tell.invoice(revtain={"transaction_ids": ["txn-b1", "txn-b2"]})
    await ada.fails(transaction="txn-b1")
    await tell.day(1)
    await ada.pays(transaction="txn-b1", amount=2000)
    await ada.pays(transaction="txn-b2", amount=2900)
    _, file = await tell.stage.call("GET", f"/v1/cases/{ada.id}")
    assert (file["state"], file["waiting"]) == ("review", [{"amount": 4900, "currency": "USD"}])
    assert (await tell.stage.show(ada.id))["status"] == "open"
    await ada.order("decide", decision="mark_paid")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by manual"
    )
    assert await alerts(tell, "review") == []


async def test_a_part_that_comes_while_a_person_is_awaited_anyway_is_told(tell: Teller) -> None:
    ada = await tell.invoice(revtain={"transaction_ids": ["txn-c1", "txn-c2"]})
    await ada.fails("manual_review", transaction="txn-c1")
    await tell.day(1)
    await ada.pays(transaction="txn-c1", amount=2000)
    await ada.pays(transaction="txn-c1", amount=2000, message="again")
    await ada.pays(transaction="txn-c2", amount=1000)
    await tell.day(2)
    assert await ada.told() == Told(inbox=(), standing="review: amount_differs")
    differs = {"reason": "amount_differs", "round": "1", "owed": "4900 USD"}
    assert await alerts(tell) == [
        ("review", ada.id, {"reason": "manual_review", "round": "1"}),
        ("review", ada.id, differs | {"received": "2000 USD"}),
        ("review", ada.id, differs | {"received": "3000 USD"}),
    ]


async def test_another_amount_for_an_invoice_without_a_case_is_told_and_its_case_is_a_review(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.pays(amount=2000)
    figures = {"owed": "4900 USD", "received": "2000 USD"}
    assert await alerts(tell) == [("amount_differs", ada.id, figures)]
    await ada.fails()
    await tell.day(3)
    assert await ada.told() == Told(inbox=(), standing="review: amount_differs")


async def test_a_failure_of_another_amount_is_noted_and_the_customer_is_asked_for_ours(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails(amount=4500, currency="EUR")
    assert await note(tell) == (
        f"case dunning:{ada.id}:1; it names 45.00 EUR, and 49.00 USD was owed"
    )
    await tell.day(60)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")
    assert set(asked(ada)) == {"$49.00"}


@pytest.mark.parametrize(
    "rubbish",
    [
        {"amount": 0},
        {"amount": -4900},
        {"amount": "4900"},
        {"amount": 49.0},
        {"amount": True},
        {"amount": 10**40},
        {"currency": "XXQ"},
        {"currency": "840"},
    ],
    ids=str,
)
async def test_a_success_of_no_money_at_all_is_put_aside_and_nobody_is_written_to(
    tell: Teller, rubbish: dict[str, Any]
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.pays(**rubbish)
    await tell.day(8)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    assert (await note(tell)).startswith("recovery.success: ")
    assert (await tell.stage.show(ada.id))["status"] == "open"


async def test_a_success_without_an_amount_is_taken_to_match(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await tell.stage.fire("recovery.success", ada.transaction)
    await tell.day(60)
    assert (await ada.told()).standing == "recovered by revtain_retry"
    (payment,) = (await tell.stage.show(ada.id))["payments"]
    assert (payment["amount"], payment["counted"]) == (4900, True)


async def test_one_payment_of_two_invoices_counts_for_that_of_its_transaction(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    ben = await tell.invoice(revtain={"transaction_ids": ["txn-ben"], "idempotency_keys": ["k-b"]})
    await ada.fails()
    await ben.fails(transaction="txn-ben")
    await tell.day(1)
    await ada.pays(idempotencyKey="k-b")
    await ada.pays(idempotencyKey="k-b", message="again")
    assert f"its key is that of invoice {ben.id}, for which it does not count" in await note(tell)
    await tell.day(5)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
    )
    assert await ben.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="waiting"
    )
    assert await alerts(tell) == [("paid_two", ada.id, {"other": ben.id})]


async def test_a_success_for_what_was_stopped_paused_or_written_off(
    tell: Teller, shop: Shop
) -> None:
    """Only a case that was open sends a receipt; an unpaid end stays what it was."""
    late = (Kind.CASE_PAID_AFTER_CLOSE, Kind.CASE_RECOVERED)
    await listen(tell.stage, shop, *late)
    stopped, paused, written_off = [await tell.invoice() for _ in range(3)]
    for one in (stopped, paused):
        await one.fails()
    await written_off.fails("manual_review")
    await tell.day(1)
    await stopped.order("stop")
    await paused.order("pause")
    await written_off.order("decide", decision="write_off")
    await tell.day(3)
    for one in (stopped, paused, written_off):
        await one.pays()
    await tell.day(60)
    assert [await one.told() for one in (stopped, paused, written_off)] == [
        Told(inbox=(f"day 0: {FIRST}",), standing="stopped, paid after that"),
        Told(inbox=(f"day 0: {FIRST}", f"day 3: {RECEIPT}"), standing="recovered by revtain_retry"),
        Told(inbox=(), standing="written_off, paid after that"),
    ]
    assert [await heard(tell.stage, shop, one.id) for one in (stopped, paused, written_off)] == [
        ["case.paid_after_close"],
        ["case.recovered"],
        ["case.paid_after_close"],
    ]
    assert sorted(await alerts(tell, "review"), key=lambda alert: alert[1]) == [
        ("paid_after_close", stopped.id, {"outcome": "stopped"}),
        ("paid_after_close", written_off.id, {"outcome": "written_off"}),
    ]


async def test_a_part_for_a_case_that_had_ended_unpaid_is_told_to_the_team(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.order("stop")
    await ada.pays(amount=2000)
    await tell.day(60)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="stopped")
    told = {"outcome": "stopped", "owed": "4900 USD", "received": "2000 USD"}
    assert await alerts(tell) == [("paid_after_close", ada.id, told)]


async def test_nobody_is_written_to_about_nothing(tell: Teller) -> None:
    ada, ben = await tell.invoice(amount_due=0), await tell.invoice()
    for one in (ada, ben):
        await one.fails()
    await tell.day(1)
    await ben.register(amount_due=0)
    await tell.day(60)
    assert [await one.told() for one in (ada, ben)] == [
        Told(inbox=(), standing="no case"),
        Told(inbox=(f"day 0: {FIRST}",), standing="cancelled"),
    ]
