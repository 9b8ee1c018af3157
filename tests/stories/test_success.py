"""Is success final, whenever and however it comes (R1)?"""

from __future__ import annotations

import asyncio

import pytest

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from sandbox.faults import Fault, FaultKind, Vendor
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, dispatched, eventually, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER, SILENT_MONTH, TEXT


async def test_a_customer_who_pays_on_day_7_hears_no_more_than_a_thank_you(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(7)
    await ada.pays()
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}", f"day 7: {RECEIPT}"),
        standing="recovered by revtain_retry",
    )


async def test_a_customer_who_never_pays_is_written_to_for_a_month(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")


async def test_success_closes_a_case_from_every_state_that_it_can_rest_in(tell: Teller) -> None:
    waiting, watching, retrying, paused, review = [await tell.invoice() for _ in range(5)]
    for invoice in (waiting, retrying, paused):
        await invoice.fails()
    await watching.fails("retry_later")
    await review.fails("manual_review")
    await tell.day(1)
    await retrying.post("card", {"payment_method_token": "pm-new"})
    await paused.order("pause")
    await tell.day(2)
    standings = [(await i.told()).standing for i in (waiting, watching, retrying, paused, review)]
    assert standings == ["waiting", "watching", "retrying", "paused", "review: manual_review"]

    for invoice in (waiting, watching, retrying, paused, review):
        await invoice.pays()
    await tell.day(60)
    written = (f"day 0: {FIRST}", f"day 2: {RECEIPT}")
    assert [await i.told() for i in (waiting, watching, retrying, paused, review)] == [
        Told(inbox=written, standing="recovered by revtain_retry"),
        Told(inbox=(), standing="recovered by revtain_retry"),
        Told(inbox=written, standing="recovered by card_update"),
        Told(inbox=written, standing="recovered by revtain_retry"),
        Told(inbox=(), standing="recovered by revtain_retry"),
    ]


async def test_success_overtakes_a_case_that_no_worker_has_opened_yet(idle: Stage) -> None:
    tell = Teller.of(idle)
    ada = tell.unregistered()
    await ada.register()
    failed = ada.event("failed", recommendedAction="request_card_update")
    await idle.sandbox.revtain.fire(failed)
    await dispatched(idle)
    await idle.sandbox.revtain.fire(ada.event("success"))
    await dispatched(idle)
    async with idle.working():
        await tell.day(60)
        assert await ada.told() == Told(inbox=(), standing="recovered by revtain_retry")


async def test_success_closes_a_case_whose_vendor_hangs_in_the_middle_of_a_send(
    tell: Teller,
) -> None:
    ada, stage = await tell.invoice(), tell.stage
    stage.sandbox.faults.plan(
        Vendor.SENDGRID, Fault(kind=FaultKind.DELAY, delay_s=2.0), to=ada.email
    )
    await ada.fails()
    passing = asyncio.create_task(tell.day(0))
    await eventually(lambda: rows(stage, "SELECT id FROM messages WHERE status = 'reserved'"))
    await stage.sandbox.revtain.fire(ada.event("success"))
    closed = "SELECT id FROM cases WHERE outcome = 'recovered'"
    await eventually(lambda: rows(stage, closed), within=1.0)
    assert ada.arrived() == []

    await passing
    await eventually(lambda: rows(stage, "SELECT id FROM messages WHERE status = 'sent'"))
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}",), standing="recovered by revtain_retry"
    )


async def test_a_success_that_comes_before_its_failure_leaves_nothing_to_do(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.pays()
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(inbox=(), standing="no case")
    assert (await tell.stage.show(ada.id))["status"] == "paid"


async def test_a_failure_that_comes_after_the_success_changes_nothing(tell: Teller) -> None:
    ada = await tell.invoice(revtain={"transaction_ids": ["txn-late", "txn-good"]})
    await ada.fails(transaction="txn-good")
    await tell.day(1)
    await ada.pays(transaction="txn-good")
    await ada.fails("manual_review", transaction="txn-late")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
    )


async def test_a_success_after_an_unpaid_end_is_noted_and_nobody_is_written_to(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.order("stop")
    await tell.day(3)
    await ada.pays()
    await tell.day(60)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="stopped, paid after that")
    assert (await tell.stage.show(ada.id))["status"] == "paid"


@pytest.mark.parametrize(("amount", "currency"), [(4500, "USD"), (4900, "EUR")])
async def test_a_success_of_other_money_stops_the_messages_until_a_person_has_compared(
    tell: Teller, amount: int, currency: str
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.pays(amount=amount, currency=currency)
    await tell.day(5)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="review: amount_differs")
    figures = "SELECT amount_due, currency, received_minor, received_currency FROM invoices"
    assert [tuple(row.values()) for row in await rows(tell.stage, figures)] == [
        (4900, "USD", amount, currency)
    ]

    await ada.order("decide", decision="mark_paid", note="a discount that was promised")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 5: {RECEIPT}"), standing="recovered by manual"
    )


async def test_simulated_events_are_recorded_and_nothing_else(tell: Teller) -> None:
    ada, ben = await tell.invoice(), await tell.invoice()
    await ada.fails(isSimulated=True)
    await ben.fails()
    await ben.pays(isSimulated=True)
    await tell.day(0)
    assert await ada.told() == Told(inbox=(), standing="no case")
    assert await ben.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    _, answer = await tell.stage.call("GET", "/v1/events?status=done")
    notes = [event["note"] for event in answer["events"]]
    assert notes.count("simulated, and this is not test mode") == 2


async def test_a_success_that_cannot_be_read_holds_the_messages_until_a_person_has_looked(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.pays(amount="a lot")
    await tell.day(10)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    _, answer = await tell.stage.call("GET", "/v1/events?status=parked")
    (event,) = answer["events"]
    assert event["note"].startswith("recovery.success: amount")
    waits = "SELECT reason FROM messages WHERE step = 'monthly.text'"
    words = "a success was received that is not settled yet"
    assert await rows(tell.stage, waits) == [{"reason": words}]
    await ada.post("paid")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 10: {RECEIPT}"), standing="recovered by paid_elsewhere"
    )


async def test_in_test_mode_simulated_events_do_what_real_ones_do(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with Stage.open(database_url, temporal.address, DUNNING_TEST_MODE="true") as stage:
        tell = Teller.of(stage)
        ada = await tell.invoice()
        await ada.fails(isSimulated=True)
        await tell.day(1)
        await ada.pays(isSimulated=True)
        assert await ada.told() == Told(
            inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
        )
