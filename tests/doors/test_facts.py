"""Does a case hear what the merchant said, through the inbox and the dispatcher's handler?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from dunning.events import CardReplaced, Failed, Recovered, Voided
from dunning.forecast import Shown
from dunning.states import Cause, State
from providers.revtain.reader import RevtainReader
from store.database import Database
from store.digest import token_digest
from store.inbox import NewEvent
from store.matching import Matching
from store.settlement import Settlements
from tests.doors.conftest import NOW, TOKEN_KEY, Rows, Show, World
from webhook.handling import Handler
from workflows.client import CaseClient, Fact
from workflows.errors import TemporalDownError

pytestmark = pytest.mark.usefixtures("invoice")


@pytest.fixture
def handler(world: World, database: Database) -> Handler:
    return Handler(
        reader=RevtainReader(),
        matching=Matching(database),
        settlements=Settlements(database),
        registry=world.operations.registry,
        cases=world.operations.cases,
        client=cast("CaseClient", world.runs),
        forecasts=_none,
        now=lambda: NOW,
    )


async def _none(_failures: Mapping[str, Failed]) -> Mapping[str, Shown]:
    return {}


@pytest.mark.parametrize(
    ("call", "body", "fact"),
    [
        ("paid", None, Recovered(id="", cause=Cause.PAID_ELSEWHERE)),
        ("void", None, Voided(id="")),
        (
            "card",
            {"payment_method_token": "pm_2"},
            CardReplaced(id="", card=token_digest(TOKEN_KEY, "pm_2")),
        ),
    ],
)
async def test_a_fact_outlives_an_absence_of_temporal(
    shop: httpx.AsyncClient,
    show: Show,
    world: World,
    handler: Handler,
    call: str,
    body: object,
    fact: Fact,
) -> None:
    await show(State.WAITING)
    answer = await shop.post(f"/v1/invoices/INV-1/{call}", json=body)
    assert answer.status_code == 200
    (claimed,) = await world.operations.inbox.claim(10, timedelta(0))
    world.runs.fault = TemporalDownError("Temporal does not answer")
    with pytest.raises(TemporalDownError):
        await handler.handle([claimed])
    (again,) = await world.operations.inbox.claim(10, timedelta(minutes=1))
    handled = await handler.handle([again])
    assert world.runs.told == [("dunning:INV-1:1", replace(fact, id=f"e{claimed.id}"))]
    assert handled.done == [(claimed.id, "INV-1", "case dunning:INV-1:1 told")]


FAILED: dict[str, Any] = {
    "event": "recovery.failed",
    "revtainTransactionId": "tx_1",
    "recommendedAction": "request_card_update",
}
SUCCESS: dict[str, Any] = {
    "event": "recovery.success",
    "revtainTransactionId": "tx_1",
    "amount": 4900,
    "currency": "USD",
}


@pytest.mark.parametrize("order", [(FAILED, SUCCESS), (SUCCESS, FAILED)])
async def test_a_failure_and_its_success_in_one_batch_start_no_case(
    world: World, handler: Handler, rows: Rows, order: tuple[dict[str, Any], ...]
) -> None:
    inbox = world.operations.inbox
    for event in order:
        await inbox.put_many([_event(event)])
    claimed = sorted(await inbox.claim(10, timedelta(minutes=1)), key=lambda event: event.id)
    assert [event.name for event in claimed] == [event["event"] for event in order]

    handled = await handler.handle(claimed)

    assert {note for _, _, note in handled.done} == {
        "recorded: the invoice is settled",
        "paid; no open case",
    }
    assert (handled.parked, handled.failed) == ([], [])
    assert (world.runs.opened, world.runs.told) == ([], [])
    assert await rows("SELECT id FROM cases") == []
    assert await rows("SELECT status FROM invoices") == [{"status": "paid"}]


async def test_both_figures_of_a_difference_are_shown(
    shop: httpx.AsyncClient, show: Show, world: World, handler: Handler
) -> None:
    await show(State.WAITING)
    other = {**SUCCESS, "amount": 4500, "currency": "EUR"}
    await world.operations.inbox.put_many([_event(other)])
    await handler.handle(await world.operations.inbox.claim(10, timedelta(minutes=1)))
    received = {"amount": 4500, "currency": "EUR"}
    invoice = (await shop.get("/v1/invoices/INV-1")).json()
    shown = (invoice["amount_due"], invoice["currency"], invoice["received"], invoice["status"])
    assert shown == (4900, "USD", received, "open")
    case = (await shop.get("/v1/cases/INV-1")).json()
    owed = {"amount": 4900, "currency": "USD"}
    assert (case["owed"], case["received"]) == (owed, received)


def _event(event: dict[str, Any]) -> NewEvent:
    return NewEvent(
        source="revtain",
        name=event["event"],
        body=json.dumps(event).encode(),
        transaction_id=event["revtainTransactionId"],
    )
