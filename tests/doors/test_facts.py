"""Does a case hear what the merchant said, through the inbox and the dispatcher's handler?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import httpx
import pytest

from dunning.events import CardReplaced, Recovered, Voided
from dunning.states import Cause, State
from providers.revtain.reader import RevtainReader
from store.database import Database
from store.digest import token_digest
from store.matching import Matching
from store.settlement import Settlements
from tests.doors.conftest import NOW, TOKEN_KEY, Show, World
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
        now=lambda: NOW,
    )


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
