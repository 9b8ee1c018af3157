"""Do several failures of one invoice make one case, in whatever order they come (R2)?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from pydantic import JsonValue

from dunning.advice import Advice
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER, SILENT_MONTH


def _transactions(invoice_number: int) -> list[str]:
    return [f"txn-{invoice_number}-{letter}" for letter in "abc"]


async def _invoice(tell: Teller) -> Invoice:
    ada = tell.unregistered()
    await ada.register(revtain={"transaction_ids": [ada.transaction, *_transactions(ada.number)]})
    return ada


async def test_a_further_failure_joins_the_case_and_restarts_nothing(tell: Teller) -> None:
    ada = await _invoice(tell)
    one, two, three = _transactions(ada.number)
    await ada.fails(transaction=one)
    await tell.day(5)
    await ada.fails(transaction=two)
    await ada.fails(transaction=two)
    await tell.day(10)
    await ada.fails("retry_later", transaction=three)
    await tell.day(60)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")
    assert [row["cycle"] for row in await rows(tell.stage, "SELECT cycle FROM cases")] == [1]


async def test_a_stronger_advice_in_mid_campaign_is_followed(tell: Teller) -> None:
    ada = await _invoice(tell)
    one, two, three = _transactions(ada.number)
    await ada.fails(transaction=one)
    await tell.day(5)
    await ada.is_blocked("stolen_card", transaction=two)
    await ada.fails("monitor", transaction=three)
    await tell.day(6)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="review: blocked"
    )


async def test_the_strongest_advice_wins_whichever_came_first(tell: Teller) -> None:
    strengths = (
        ("monitor", "retry_later", "watching"),
        ("monitor", "request_card_update", "waiting"),
        ("retry_later", "manual_review", "review: manual_review"),
        ("request_card_update", "something_new", "review: manual_review"),
    )
    for weaker, stronger, standing in strengths:
        for first, second in ((weaker, stronger), (stronger, weaker)):
            ada = await _invoice(tell)
            one, two, _ = _transactions(ada.number)
            await ada.fails(first, transaction=one)
            await ada.fails(second, transaction=two)
            assert (await ada.told()).standing == standing, (first, second)
            expected = stronger if stronger in list(Advice) else "manual_review"
            assert (await ada.case())["advice"] == expected


async def test_the_same_events_in_any_order_make_the_same_case(tell: Teller) -> None:
    """Two failures and a new card, before the first message is due."""
    orders = list(permutations(range(3)))
    invoices = [await _invoice(tell) for _ in orders]
    await _fire(tell, invoices, orders)
    assert {await i.told() for i in invoices} == {Told(inbox=(), standing="retrying")}
    await tell.day(60)
    assert {await i.told() for i in invoices} == {Told(inbox=(), standing="written_off")}


async def test_a_success_among_them_leaves_nothing_to_say_in_any_order(tell: Teller) -> None:
    orders = [(3, 0, 1, 2), (0, 3, 2, 1), (2, 1, 0, 3), (1, 2, 3, 0), (2, 3, 1, 0)]
    invoices = [await _invoice(tell) for _ in orders]
    await _fire(tell, invoices, orders)
    await tell.day(60)
    assert {(await i.told()).inbox for i in invoices} == {()}
    assert {(await tell.stage.show(i.id))["status"] for i in invoices} == {"paid"}
    left = "SELECT id FROM cases WHERE outcome IS DISTINCT FROM 'recovered'"
    assert await rows(tell.stage, left) == []


async def _fire(tell: Teller, invoices: list[Invoice], orders: Sequence[tuple[int, ...]]) -> None:
    for invoice, order in zip(invoices, orders, strict=True):
        events = _events(invoice)
        for number in order:
            await tell.stage.sandbox.revtain.fire(events[number])
    await tell.stage.settle()


def _events(invoice: Invoice) -> list[dict[str, JsonValue]]:
    one, two, three = _transactions(invoice.number)
    failed: dict[str, JsonValue] = {"event": "recovery.failed"}
    return [
        {**failed, "revtainTransactionId": one, "recommendedAction": "retry_later"},
        {**failed, "revtainTransactionId": two, "recommendedAction": "request_card_update"},
        {"event": "card.updated", "oldToken": invoice.token, "newToken": f"new-{invoice.number}"},
        {"event": "recovery.success", "revtainTransactionId": three},
    ]


async def test_everything_may_come_three_times(tell: Teller) -> None:
    ada = await tell.invoice()
    revtain = tell.stage.sandbox.revtain
    failed = ada.event("failed", recommendedAction="request_card_update")
    answers = await revtain.fire(failed, repeat=3)
    assert [a.attempts[0].status for a in answers] == [200, 200, 200]
    await tell.day(1)
    await revtain.fire(ada.event("success"), repeat=3)
    await revtain.fire(failed, repeat=3)
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
    )
    kept = [row["name"] for row in await rows(tell.stage, "SELECT name FROM events ORDER BY id")]
    assert kept == ["recovery.failed", "recovery.success"]
