"""How does a person end a case that time or a word has brought to review (R5)?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.demo.stage import Stage
from dunning.states import State
from tests.stories.telling import DAY, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FINAL, FIRST, RECEIPT, REMINDER, SILENT_MONTH, TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from app.embedded.temporal import TemporalDevServer

_BY_AMOUNT = """
version: 1
brand: {name: Example, support_email: billing@example.com}
campaigns:
  - name: large
    when: {amount: {USD: {at_least: 100000}}}
    length: 27d
    steps: &steps
      - {id: first, channel: email, after: 2h, template: card_declined}
      - {id: final, channel: email, before_close: 5d, template: final_notice}
    alerts:
      - {id: call, after: 3d, at: "10:00"}
  - {name: usual, length: 27d, steps: *steps}
"""
_REVIEWS = """
    SELECT round, reason, deadline - opened_at AS patience, owner, decision,
        decided_at IS NOT NULL AS ended
    FROM reviews ORDER BY case_id, round
"""


async def test_a_campaign_that_is_over_waits_for_a_person_twice_and_is_written_off(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(23)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="review: campaign_over")
    await tell.day(28)
    case = await ada.case()
    assert (case["state"], case["review_round"]) == ("review", 2)
    await tell.day(33)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")
    rounds = await rows(tell.stage, "SELECT round, reason, decision FROM reviews ORDER BY round")
    assert rounds == [
        {"round": 1, "reason": "campaign_over", "decision": None},
        {"round": 2, "reason": "campaign_over", "decision": None},
    ]


async def test_each_decision_ends_a_review_in_its_own_way(tell: Teller) -> None:
    ends: dict[str, Told] = {
        "write_off": Told(inbox=(), standing="written_off"),
        "stop": Told(inbox=(), standing="stopped"),
        "hand_over": Told(inbox=(), standing="handed_over"),
        "mark_paid": Told(inbox=(), standing="recovered by manual"),
        "retry_now": Told(inbox=(), standing="retrying"),
        "resume": Told(inbox=(f"day 1: {FIRST}",), standing="waiting"),
        "extend": Told(inbox=(), standing="review: manual_review"),
    }
    invoices = {decision: await tell.invoice() for decision in ends}
    for invoice in invoices.values():
        await invoice.fails("manual_review")
    await tell.day(1)
    runs = [(await i.case())["workflow_id"] for i in invoices.values()]
    for decision, invoice in invoices.items():
        await invoice.order("decide", decision=decision, note=f"because {decision}")
    await tell.day(2)
    assert {decision: await i.told() for decision, i in invoices.items()} == ends
    assert [(await i.case())["workflow_id"] for i in invoices.values()] == runs
    reviews = await rows(tell.stage, _REVIEWS)
    longer = reviews.pop()
    assert [review["decision"] for review in reviews] == list(ends)[:-1]
    assert {(r["owner"], r["ended"]) for r in reviews} == {("api:stage", True)}
    assert (longer["decision"], longer["ended"]) == (None, False)
    assert abs(longer["patience"] - 10 * DAY) < timedelta(minutes=1)
    assert await _statuses(tell, invoices) == {**dict.fromkeys(ends, "open"), "mark_paid": "paid"}


async def _statuses(tell: Teller, invoices: dict[str, Any]) -> dict[str, str]:
    return {name: (await tell.stage.show(i.id))["status"] for name, i in invoices.items()}


async def test_a_resumed_case_runs_its_campaign_to_the_end(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await tell.day(1)
    await ada.order("decide", decision="resume")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 1: {FIRST}",
            f"day 5: {REMINDER}",
            f"day 7: {TEXT}",
            f"day 10: {REMINDER}",
            f"day 16: {REMINDER}",
            f"day 23: {FINAL}",
        ),
        standing="written_off",
    )


async def test_a_retry_that_a_person_ordered_has_three_days(tell: Teller) -> None:
    paid, failed, silent = [await tell.invoice() for _ in range(3)]
    for invoice in (paid, failed, silent):
        await invoice.register(
            revtain={"transaction_ids": [invoice.transaction, f"{invoice.transaction}-2"]}
        )
        await invoice.is_blocked()
    await tell.day(1)
    for invoice in (paid, failed, silent):
        await invoice.order("decide", decision="retry_now")
    await tell.day(2)
    await paid.pays(transaction=f"{paid.transaction}-2")
    await failed.is_blocked(transaction=f"{failed.transaction}-2")
    await tell.day(3)
    assert [(await i.told()).standing for i in (paid, failed, silent)] == [
        "recovered by revtain_retry",
        "review: retry_over",
        "retrying",
    ]
    await tell.day(5)
    assert (await silent.told()).standing == "review: retry_over"


async def test_more_time_given_at_the_end_of_a_campaign_comes_back_to_a_person(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(23)
    await ada.order("decide", decision="extend")
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="waiting")
    await tell.day(27)
    assert (await ada.told()).standing == "waiting"
    await tell.day(29)
    assert (await ada.told()).standing == "review: campaign_over"
    await ada.pays()
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(*SILENT_MONTH, f"day 29: {RECEIPT}"), standing="recovered by revtain_retry"
    )


async def test_a_review_has_an_owner_notes_and_a_deadline(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails("manual_review")
    status, _ = await tell.stage.call("POST", f"/v1/cases/{ada.id}/assign", {"owner": "grace"})
    assert status == 204
    status, _ = await tell.stage.call("POST", f"/v1/cases/{ada.id}/note", {"note": "rang her"})
    assert status == 201
    await tell.day(1)
    await ada.order("decide", decision="hand_over", note="to collections")
    (review,) = await rows(tell.stage, _REVIEWS)
    assert abs(review.pop("patience") - 5 * DAY) < timedelta(minutes=1)
    assert review == {
        "round": 1,
        "reason": "manual_review",
        "owner": "grace",
        "decision": "hand_over",
        "ended": True,
    }
    _, case = await tell.stage.call("GET", f"/v1/cases/{ada.id}")
    assert [note["text"] for note in case["notes"]] == ["rang her", "to collections"]
    assert (await ada.told()).standing == "handed_over"


async def test_the_queue_is_that_of_a_person_with_what_is_overdue_first(tell: Teller) -> None:
    first, second, third = [await tell.invoice() for _ in range(3)]
    await second.fails("manual_review")
    await tell.day(1)
    await first.fails("manual_review")
    await third.fails("manual_review")
    for invoice, owner in ((first, "ada"), (second, "ada"), (third, "grace")):
        path = f"/v1/cases/{invoice.id}/assign"
        assert (await tell.stage.call("POST", path, {"owner": owner}))[0] == 204
    queue = await tell.stage.stores.cases.find(state=State.REVIEW, owner="ada", urgent_first=True)
    assert [case.invoice_id for case in queue] == [second.id, first.id]
    _, page = await tell.stage.call("GET", "/v1/cases?state=review&owner=grace")
    assert [case["invoice_id"] for case in page["cases"]] == [third.id]


async def test_the_team_is_told_at_a_step_of_those_cases_whose_amount_is_large(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(_BY_AMOUNT, encoding="utf-8")
    opened = Stage.open(database_url, temporal.address, DUNNING_POLICY=str(file))
    async with opened as stage:
        tell = Teller.of(stage)
        small, large = await tell.invoice(), await tell.invoice(amount_due=250_000)
        for invoice in (small, large):
            await invoice.fails()
        await tell.day(4)
        told = await rows(stage, "SELECT kind, subject, detail->>'step' AS step FROM alerts")
        assert told == [{"kind": "team_alert", "subject": large.id, "step": "large.call"}]
        assert [(await i.told()).inbox for i in (small, large)] == [(f"day 0: {FIRST}",)] * 2
        await stage.end_all()
