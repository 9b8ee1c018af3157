"""What follows when a customer gives a new card (R4)?"""

from __future__ import annotations

from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FINAL, FIRST, NEW_CARD_FAILED, RECEIPT, REMINDER, TEXT


async def _charge_new_card(invoice: Invoice) -> str:
    """The merchant executes with the new card, and registers the transaction."""
    transaction = f"{invoice.transaction}-new"
    await invoice.register(
        payment_method_token=f"new-{invoice.number}",
        revtain={"transaction_ids": [transaction]},
    )
    return transaction


async def test_messages_stop_for_a_new_card_and_its_success_is_told_apart(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(3)
    await ada.post("card", {"payment_method_token": f"new-{ada.number}"})
    await tell.day(5)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="retrying")
    await ada.pays(transaction=await _charge_new_card(ada))
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 5: {RECEIPT}"), standing="recovered by card_update"
    )


async def test_a_new_card_that_fails_is_said_once_and_the_campaign_goes_on(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(2)
    await ada.card_updated(f"new-{ada.number}")
    await tell.day(3)
    again = await _charge_new_card(ada)
    await ada.fails(code="insufficient_funds", transaction=again)
    await ada.fails(code="card_declined", transaction=again)
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 3: {NEW_CARD_FAILED}",
            f"day 4: {REMINDER}",
            f"day 6: {TEXT}",
            f"day 9: {REMINDER}",
            f"day 15: {REMINDER}",
            f"day 22: {FINAL}",
        ),
        standing="written_off",
    )


async def test_one_card_may_pay_several_invoices(tell: Teller) -> None:
    shared = "pm-shared"
    one = await tell.invoice(payment_method_token=shared)
    two = await tell.invoice(payment_method_token=shared)
    other = await tell.invoice()
    for invoice in (one, two, other):
        await invoice.fails()
    await tell.day(1)
    await one.card_updated("pm-shared-new", old=shared)
    assert [(await i.told()).standing for i in (one, two, other)] == [
        "retrying",
        "retrying",
        "waiting",
    ]
    await one.pays()
    await tell.day(5)
    assert [(await i.told()).standing for i in (one, two, other)] == [
        "recovered by card_update",
        "review: retry_over",
        "waiting",
    ]


async def test_a_new_card_without_an_outcome_goes_to_a_person_after_three_days(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.post("card", {"payment_method_token": "pm-fresh"})
    await tell.day(3)
    assert (await ada.told()).standing == "retrying"
    await tell.day(5)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="review: retry_over")
    await ada.order("decide", decision="resume")
    await tell.day(7)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 5: {REMINDER}", f"day 6: {TEXT}"), standing="waiting"
    )


async def test_a_new_card_for_an_unknown_one_is_kept_until_its_invoice_is_known(
    tell: Teller,
) -> None:
    ada = tell.unregistered()
    await ada.card_updated("pm-next")
    parked = "SELECT status, note FROM events WHERE name = 'card.updated'"
    reason = "no invoice is registered with the replaced card"
    assert await rows(tell.stage, parked) == [{"status": "parked", "note": reason}]
    await ada.register()
    await ada.fails()
    await tell.day(1)
    assert await ada.told() == Told(inbox=(), standing="retrying")
    assert (await tell.stage.show(ada.id))["payment_method_token"] == "pm-next"
