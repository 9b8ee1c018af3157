"""Do orders reach the case, notes stay with us, and refusals change nothing?"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from dunning.advice import Advice
from dunning.events import Failed
from dunning.orders import (
    Decide,
    Decision,
    Extend,
    Order,
    Pause,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from dunning.states import Outcome, ReviewReason, State
from store.inbox import NewEvent
from tests.doors.conftest import NOW, Rows, Show, World
from tests.doors.test_invoices import problem
from workflows.contracts import CaseInput
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

pytestmark = pytest.mark.usefixtures("invoice")
CASE = "/v1/cases/INV-1"
PAUSED = {
    "invoice_id": "INV-1",
    "state": "paused",
    "version": 3,
    "next_step": None,
    "next_at": None,
    "outcome": None,
}


@pytest.mark.parametrize(
    ("path", "body", "order"),
    [
        (
            "pause",
            {"until": "2026-03-09T10:00:00+01:00"},
            Pause(until=datetime(2026, 3, 9, 9, tzinfo=UTC)),
        ),
        ("pause", {"until": None}, Pause()),
        ("pause", {}, Pause()),
        ("resume", None, Resume()),
        ("skip", {"step": "second"}, Skip(step="second")),
        ("send-now", {"step": "second"}, SendNow(step="second")),
        ("stop", None, Stop()),
        ("extend", {"days": 7}, Extend(days=7)),
        ("replan", {}, Replan()),
        ("decide", {"decision": "write_off"}, Decide(decision=Decision.WRITE_OFF)),
    ],
)
async def test_an_order_reaches_the_case(
    shop: httpx.AsyncClient, show: Show, world: World, path: str, body: object, order: Order
) -> None:
    await show(State.REVIEW)
    answer = await shop.post(f"{CASE}/{path}", json=body)
    assert (answer.status_code, answer.json()) == (200, PAUSED)
    assert world.runs.orders == [("dunning:INV-1:1", order, None)]


async def test_only_the_id_of_a_note_goes_along(
    shop: httpx.AsyncClient, show: Show, world: World, rows: Rows
) -> None:
    await show()
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        await shop.post(f"{CASE}/stop", json={"note": " Ada called. "}, headers=headers)
    (note,) = await rows("SELECT id, author, text FROM notes")
    digest = hashlib.sha256(b"shop\x00POST\x00/v1/cases/INV-1/stop\x00k1").hexdigest()
    assert note == {"id": note["id"], "author": "api:shop", "text": "Ada called."}
    assert world.runs.orders == [("dunning:INV-1:1", Stop(note_id=note["id"]), digest)] * 2


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("pause", {"until": "tomorrow"}, "until"),
        ("pause", {"until": "2026-03-09T10:00:00"}, "until"),
        ("pause", {"until": 1770000000}, "until"),
        ("skip", {}, "step"),
        ("extend", {"days": 0}, "days"),
        ("extend", {"days": "7"}, "days"),
        ("decide", {"decision": "forget"}, "decision"),
        ("stop", {"why": "x"}, "why"),
        ("stop", {"note": ""}, "note"),
        ("note", {"note": "a\x00b"}, "note"),
        ("assign", {}, "owner"),
    ],
)
async def test_a_wrong_order_is_not_passed_on(
    shop: httpx.AsyncClient,
    show: Show,
    world: World,
    rows: Rows,
    path: str,
    body: object,
    field: str,
) -> None:
    await show()
    status, kind, errors = problem(await shop.post(f"{CASE}/{path}", json=body))
    assert (status, kind, [name for name, _ in errors]) == (422, "invalid", [field])
    assert (world.runs.orders, await rows("SELECT id FROM notes")) == ([], [])


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (OrderRefusedError("stop is not possible"), 409, "order-refused"),
        (NoRunError("gone"), 503, "case-not-running"),
        (TemporalDownError("Temporal does not answer"), 503, "temporal-unavailable"),
    ],
)
async def test_what_temporal_says_is_told(
    shop: httpx.AsyncClient, show: Show, world: World, fault: Any, status: int, kind: str
) -> None:
    await show()
    world.runs.fault = fault
    answer = await shop.post(f"{CASE}/stop")
    assert problem(answer) == (status, kind, [])
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_an_order_to_a_closed_case_is_refused(
    shop: httpx.AsyncClient, show: Show, world: World
) -> None:
    await show(State.CLOSED, outcome=Outcome.STOPPED, closed_at=NOW)
    world.runs.fault = NoRunError("gone")
    answer = await shop.post(f"{CASE}/pause", json={})
    assert problem(answer) == (409, "order-refused", [])
    assert answer.json()["detail"].startswith(
        "pause is not possible while the case is closed (stopped)"
    )


async def test_a_decision_is_kept_with_its_review(
    shop: httpx.AsyncClient, show: Show, rows: Rows
) -> None:
    await show(State.REVIEW, review_reason=ReviewReason.CAMPAIGN_OVER, review_round=1)
    await shop.post(f"{CASE}/assign", json={"owner": "ada"})
    await shop.post(f"{CASE}/decide", json={"decision": "hand_over"})
    assert await rows("SELECT decision, owner FROM reviews") == [
        {"decision": "hand_over", "owner": "ada"}
    ]


async def test_marked_as_paid_in_review_is_paid_before_the_case_hears(
    shop: httpx.AsyncClient, show: Show, world: World, rows: Rows
) -> None:
    await show(State.REVIEW, review_reason=ReviewReason.MANUAL_REVIEW, review_round=1)
    world.runs.fault = TemporalDownError("Temporal does not answer")
    down = await shop.post(f"{CASE}/decide", json={"decision": "mark_paid"})
    again = await shop.post(f"{CASE}/decide", json={"decision": "mark_paid"})
    assert (down.status_code, again.status_code) == (503, 200)
    assert await rows("SELECT status, paid_cause FROM invoices") == [
        {"status": "paid", "paid_cause": "manual"}
    ]
    told = await rows("SELECT name, body FROM events")
    assert told == [{"name": "invoice.paid", "body": b'{"invoice_id":"INV-1","cause":"manual"}'}]


async def test_marked_as_paid_out_of_review_changes_nothing(
    shop: httpx.AsyncClient, show: Show, world: World, rows: Rows
) -> None:
    await show(State.WAITING)
    answer = await shop.post(f"{CASE}/decide", json={"decision": "mark_paid", "note": "cash"})
    assert problem(answer) == (409, "order-refused", [])
    assert await rows("SELECT status FROM invoices") == [{"status": "open"}]
    assert (await rows("SELECT id FROM events"), world.runs.orders) == ([], [])


async def test_what_ended_unpaid_is_reopened_on_its_last_advice(
    shop: httpx.AsyncClient, show: Show, world: World
) -> None:
    await show(
        State.CLOSED,
        outcome=Outcome.WRITTEN_OFF,
        closed_at=NOW,
        advice=Advice.REQUEST_CARD_UPDATE,
        decline_code="expired_card",
    )
    world.runs.fault = TemporalDownError("Temporal does not answer")
    down = await shop.post(f"{CASE}/reopen")
    again = await shop.post(f"{CASE}/reopen", json={"note": "They want to stay."})
    assert (down.status_code, again.status_code) == (503, 200)
    case = again.json()
    assert (case["cycle"], case["state"]) == (2, "opening")
    assert [n["text"] for n in case["notes"]] == ["They want to stay."]
    failed = Failed(id="reopen-2", advice=Advice.REQUEST_CARD_UPDATE, decline_code="expired_card")
    start = CaseInput(invoice_id="INV-1", cycle=2)
    assert world.runs.opened == [("dunning:INV-1:2", start, failed)]


@pytest.mark.parametrize(
    ("state", "fields", "call", "reason"),
    [
        (State.WAITING, {}, "", "still open"),
        (State.CLOSED, {"outcome": Outcome.STOPPED, "closed_at": NOW}, "paid", "paid or void"),
        (State.CLOSED, {"outcome": Outcome.RECOVERED, "closed_at": NOW}, "", "recovered"),
    ],
)
async def test_nothing_else_is_reopened(
    shop: httpx.AsyncClient,
    show: Show,
    world: World,
    state: State,
    fields: dict[str, Any],
    call: str,
    reason: str,
) -> None:
    await show(state, **fields)
    if call:
        await shop.post(f"/v1/invoices/INV-1/{call}")
    answer = await shop.post(f"{CASE}/reopen")
    assert problem(answer) == (409, "order-refused", [])
    assert reason in answer.json()["detail"]
    assert (await shop.get(CASE)).json()["cycle"] == 1
    assert world.runs.opened == []


async def test_notes_and_owners_need_no_temporal(
    shop: httpx.AsyncClient, show: Show, world: World
) -> None:
    await show()
    world.runs.fault = TemporalDownError("Temporal does not answer")
    noted = await shop.post(f"{CASE}/note", json={"note": "Line 1\nLine 2"})
    assigned = await shop.post(f"{CASE}/assign", json={"owner": "ada"})
    assert (noted.status_code, assigned.status_code) == (201, 204)
    case = (await shop.get(CASE)).json()
    (note,) = case["notes"]
    assert (note["id"], note["author"], note["text"]) == (
        noted.json()["id"],
        "api:shop",
        "Line 1\nLine 2",
    )
    assert case["owner"] == "ada"
    await shop.post(f"{CASE}/assign", json={"owner": None})
    assert (await shop.get(CASE)).json()["owner"] is None


async def test_cases_are_listed_page_by_page(shop: httpx.AsyncClient, world: World) -> None:
    for number in range(2, 5):
        body = {"amount_due": 1, "currency": "USD", "customer": {"id": "cus_1"}}
        await shop.put(f"/v1/invoices/INV-{number}", json=body)
    for number in range(1, 5):
        await world.operations.cases.open_many([f"INV-{number}"], NOW + timedelta(days=number))
    first = (await shop.get("/v1/cases?limit=3")).json()
    rest = (await shop.get(f"/v1/cases?limit=3&before={first['next']}")).json()
    assert [c["invoice_id"] for c in first["cases"]] == ["INV-4", "INV-3", "INV-2"]
    assert [c["invoice_id"] for c in rest["cases"]] == ["INV-1"]
    assert rest["next"] is None
    nothing = (await shop.get("/v1/cases?state=closed&outcome=recovered")).json()
    assert nothing == {"cases": [], "next": None}


@pytest.mark.parametrize("query", ["state=odd", "outcome=odd", "limit=0", "limit=201", "before=x"])
async def test_an_odd_filter_is_refused(shop: httpx.AsyncClient, query: str) -> None:
    status, kind, errors = problem(await shop.get(f"/v1/cases?{query}"))
    assert (status, kind, [name for name, _ in errors]) == (
        422,
        "invalid",
        [query.partition("=")[0]],
    )


async def test_events_are_listed_without_bodies(shop: httpx.AsyncClient, world: World) -> None:
    event = NewEvent(source="revtain", name="recovery.failed", body=b"{}", transaction_id="tx_9")
    await world.operations.inbox.put_many([event])
    listed = (await shop.get("/v1/events?status=pending")).json()
    (shown,) = listed["events"]
    assert {k: shown[k] for k in ("source", "name", "transaction_id", "status")} == {
        "source": "revtain",
        "name": "recovery.failed",
        "transaction_id": "tx_9",
        "status": "pending",
    }
    assert "body" not in shown
    assert (await shop.get("/v1/events?unmatched=true")).json()["events"] == []
