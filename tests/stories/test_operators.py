"""Do operators' orders do what their words say, by day and by night (R12)?"""

from __future__ import annotations

from dunning.orders import Pause, Stop
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FINAL, FIRST, RECEIPT, REMINDER, SILENT_MONTH, TEXT
from workflows import contracts
from workflows.contracts import BulkOrder


async def test_a_pause_with_an_end_ends_by_itself(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.order("pause", until=tell.at(5).isoformat())
    await tell.day(4)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="paused")
    await tell.day(7)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 5: {REMINDER}", f"day 6: {TEXT}"), standing="waiting"
    )


async def test_a_skipped_step_is_left_out(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await ada.order("skip", step="monthly.second", note="spoke to her")
    await tell.day(60)
    left = tuple(line for line in SILENT_MONTH if not line.startswith("day 4"))
    assert await ada.told() == Told(
        inbox=left, held=("second: skipped, skipped by an operator",), standing="written_off"
    )


async def test_a_step_sent_now_goes_at_once_and_spacing_holds_after_it(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(0)
    await ada.order("send-now", step="monthly.third")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 0: {REMINDER}",
            f"day 4: {REMINDER}",
            f"day 6: {TEXT}",
            f"day 15: {REMINDER}",
            f"day 22: {FINAL}",
        ),
        standing="written_off",
    )


async def test_a_step_sent_now_at_night_waits_for_the_morning(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1, hour=22)
    answer = await ada.order("send-now", step="monthly.second")
    assert answer["state"] == "waiting"
    await tell.day(1, hour=23.9)
    assert (await ada.told()).inbox == (f"day 0: {FIRST}",)
    (step,) = (m for m in (await ada.case())["messages"] if m["step"] == "monthly.second")
    assert (step["status"], (await ada.case())["next_step"]) == ("planned", "monthly.second")
    await tell.day(2)
    assert (await ada.told()).inbox == (f"day 0: {FIRST}", f"day 2: {REMINDER}")


async def test_a_stop_holds_whatever_arrives_later(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.register(revtain={"transaction_ids": [f"{ada.transaction}-2"]})
    await ada.fails()
    await tell.day(1)
    await ada.order("stop", note="she is in hospital")
    await ada.fails(transaction=f"{ada.transaction}-2")
    await ada.card_updated("pm-new")
    await ada.post("card", {"payment_method_token": "pm-newer"})
    await tell.day(60)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="stopped")


async def test_a_week_more_puts_off_what_is_to_come(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.order("extend", days=7)
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 4: {REMINDER}",
            f"day 13: {TEXT}",
            f"day 16: {REMINDER}",
            f"day 22: {REMINDER}",
            f"day 29: {FINAL}",
        ),
        standing="written_off",
    )


async def test_a_new_plan_takes_up_what_has_become_known(tell: Teller) -> None:
    """The next invoice comes on day 15, so the campaign must be over a day before."""
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.register(next_invoice_at=tell.at(15).isoformat())
    await ada.order("replan")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 4: {REMINDER}",
            f"day 6: {TEXT}",
            f"day 9: {FINAL}",
        ),
        standing="written_off",
    )


async def test_a_stopped_case_may_be_opened_again(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await ada.order("stop")
    status, answer = await tell.stage.call("POST", f"/v1/cases/{ada.id}/reopen", {"note": "sorry"})
    assert (status, answer["cycle"]) == (200, 2)
    await tell.stage.settle()
    await tell.day(5)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="waiting"
    )
    await ada.pays()
    assert await ada.refuses("reopen") == (
        "The case cannot be reopened: its invoice is paid or void, nothing is owed."
    )
    cycles = await rows(tell.stage, "SELECT cycle, outcome FROM cases ORDER BY cycle")
    assert [tuple(row.values()) for row in cycles] == [(1, "stopped"), (2, "recovered")]


async def test_an_order_in_bulk_passes_over_cases_that_cannot_take_it(tell: Teller) -> None:
    waiting, review, paid = [await tell.invoice() for _ in range(3)]
    await waiting.fails()
    await review.fails("manual_review")
    await paid.fails()
    await paid.pays()
    pause = BulkOrder(id="bulk-1", order=Pause())
    for invoice in (waiting, waiting, review):
        case = await invoice.case()
        handle = tell.stage.client.get_workflow_handle(case["workflow_id"])
        await handle.signal(contracts.ORDER_IN_BULK, pause)
    await tell.stage.settle()
    standings = [(await i.told()).standing for i in (waiting, review, paid)]
    assert standings == ["paused", "review: manual_review", "recovered by revtain_retry"]
    for invoice in (waiting, review):
        case = await invoice.case()
        handle = tell.stage.client.get_workflow_handle(case["workflow_id"])
        await handle.signal(contracts.ORDER_IN_BULK, BulkOrder(id="bulk-2", order=Stop()))
    await tell.stage.settle()
    assert [(await i.told()).standing for i in (waiting, review)] == ["stopped", "stopped"]


async def test_an_order_that_cannot_be_carried_out_says_why(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(0)
    assert await ada.refuses("resume") == (
        "resume is not possible while the case is waiting; it is possible in: paused, promised"
    )
    assert await ada.refuses("skip", step="monthly.first") == "step monthly.first is sent already"
    assert await ada.refuses("send-now", step="nonsense") == (
        "the case has no step nonsense; steps still to come: monthly.second, monthly.text, "
        "monthly.third, monthly.fourth, monthly.final"
    )
    assert await ada.refuses("extend", days=200) == "200 days is not possible; give 1 to 90"
    assert await ada.refuses("decide", decision="write_off") == (
        "decide is not possible while the case is waiting; it is possible in: review"
    )
    past = tell.at(-1).isoformat()
    assert "which is past; give a later instant" in await ada.refuses("pause", until=past)
    await ada.pays()
    assert await ada.refuses("stop") == (
        "stop is not possible while the case is closed (recovered); reopen it if it ended unpaid"
    )
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 0: {RECEIPT}"), standing="recovered by revtain_retry"
    )
    status, _ = await tell.stage.call("POST", "/v1/cases/INV-none/stop")
    assert status == 404
