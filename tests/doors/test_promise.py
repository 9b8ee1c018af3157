"""What is answered to somebody who says on which day an invoice will be paid (R11)?"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dunning.errors import DunningError
from dunning.orders import Promise
from dunning.policy import Policy
from dunning.policy import Promise as Rules
from dunning.promise import PromiseStatus
from dunning.states import State
from tests.doors.conftest import NOW, Rows, Show, World, behind_pages
from web.api import app as api
from web.api.promises import PromiseDoor
from web.portal import pages
from web.promises import PromiseDesk
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

CHOSEN = date(2026, 3, 6)
ORDER = Promise(
    day=CHOSEN,
    begins_at=datetime(2026, 3, 6, 5, tzinfo=UTC),
    ends_at=datetime(2026, 3, 7, 5, tzinfo=UTC),
)
NEW_YORK = {"customer": {"timezone": "America/New_York"}}


@dataclass(slots=True)
class Scripted:
    """The case's own time, and what its policy says."""

    now: datetime = NOW
    rules: Rules | None = field(default_factory=Rules)

    async def for_case(self, workflow_id: str) -> datetime:
        assert workflow_id == "dunning:INV-1:1"
        return self.now

    async def of(self, _digest: str | None) -> Rules | None:
        return self.rules


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def shop(
    world: World, policy: Policy, scripted: Scripted
) -> AsyncGenerator[httpx.AsyncClient]:
    """The doors with promises, and the merchant's key."""
    desk = PromiseDesk(operations=world.operations, clock=scripted, rules=scripted.of)
    application = FastAPI()
    more = [PromiseDoor(desk)]
    api.install(application, operations=world.operations, keys=world.keys, more=more)
    registry = world.operations.registry
    behind = behind_pages(policy, desk)
    pages.install(application, registry=registry, links=world.links, policy=policy, behind=behind)
    key = await world.keys.add("shop", ["invoices:write", "cases:write", "cases:read"])
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


@pytest.fixture
async def link(shop: httpx.AsyncClient, invoice: dict[str, Any], rows: Rows, world: World) -> str:
    await shop.put("/v1/invoices/INV-1", json=NEW_YORK)
    (row,) = await rows("SELECT link_id FROM invoices")
    return world.links.url(row["link_id"]).removeprefix("http://127.0.0.1")


def options(answer: httpx.Response) -> list[str]:
    return re.findall(r'<option value="([^"]+)">', answer.text)


def note(answer: httpx.Response) -> str:
    found = re.search(r'<p class="note" role="status">(.*?)</p>', answer.text)
    return found[1] if found else ""


async def test_the_page_offers_the_days_of_the_policy_on_the_customers_calendar(
    shop: httpx.AsyncClient, link: str, show: Show, scripted: Scripted
) -> None:
    await show()
    scripted.now = datetime(2026, 3, 2, 3, tzinfo=UTC)
    page = await shop.get(link)
    assert (options(page)[0], options(page)[-1], len(options(page))) == (
        "2026-03-02",
        "2026-03-15",
        14,
    )
    assert '<option value="2026-03-02">Monday, March 2, 2026</option>' in page.text
    assert '<label for="day">I will pay on</label>' in page.text
    token = link.removeprefix("/p/")
    assert f'<form class="later" method="post" action="{token}/promise">' in page.text
    assert '<form method="post">' in page.text
    assert "<script" not in page.text


async def test_a_choice_is_an_order_with_the_bounds_of_the_local_day(
    shop: httpx.AsyncClient, link: str, show: Show, world: World, rows: Rows
) -> None:
    await show()
    answer = await shop.post(f"{link}/promise", data={"day": "2026-03-06"})
    assert answer.status_code == 200
    assert note(answer) == (
        "Thank you. We will not remind you of this payment before Friday, March 6, 2026 is over."
    )
    assert options(answer) == []
    assert f'<form method="post" action="../{link.removeprefix("/p/")}">' in answer.text
    assert world.runs.orders == [("dunning:INV-1:1", ORDER, "page-2026-03-06-1")]
    (kept,) = await rows("SELECT detail FROM audit WHERE kind = 'order.promise'")
    assert '"author": "customer"' in str(kept["detail"]).replace("'", '"')


@pytest.mark.parametrize("day", ["", "2026-02-28", "2026-03-02", "2026-03-17", "x", None])
async def test_another_day_is_asked_for_again(
    shop: httpx.AsyncClient, link: str, show: Show, world: World, day: str | None
) -> None:
    await show()
    answer = await shop.post(f"{link}/promise", data={} if day is None else {"day": day})
    assert (answer.status_code, len(options(answer))) == (400, 14)
    assert note(answer) == "Nothing was changed. Please choose one of the days below."
    assert '<form class="later" method="post" action="promise">' in answer.text
    assert world.runs.orders == []


async def test_a_promise_that_stands_is_shown_and_no_other_is_taken(
    shop: httpx.AsyncClient, link: str, show: Show, world: World
) -> None:
    await show(State.PROMISED, promise_day=CHOSEN, promise_status=PromiseStatus.OPEN)
    looked = await shop.get(link)
    same = await shop.post(f"{link}/promise", data={"day": "2026-03-06"})
    other = await shop.post(f"{link}/promise", data={"day": "2026-03-08"})
    assert [a.status_code for a in (looked, same, other)] == [200, 200, 409]
    assert {note(a) for a in (looked, same, other)} == {note(looked)}
    assert "Friday, March 6, 2026" in note(looked)
    assert [options(a) for a in (looked, same, other)] == [[], [], []]
    assert world.runs.orders == []


@pytest.mark.parametrize(
    ("state", "before", "rules"),
    [
        (State.OPENING, None, Rules()),
        (State.WAITING, None, None),
        (State.WAITING, PromiseStatus.BROKEN, Rules()),
    ],
)
async def test_where_nothing_can_be_promised_nothing_is_offered(
    shop: httpx.AsyncClient,
    link: str,
    show: Show,
    scripted: Scripted,
    state: State,
    before: PromiseStatus | None,
    rules: Rules | None,
) -> None:
    scripted.rules = rules
    await show(state, promise_status=before)
    assert options(await shop.get(link)) == []
    answer = await shop.post(f"{link}/promise", data={"day": "2026-03-06"})
    assert (answer.status_code, "cannot be noted any more" in note(answer)) == (409, True)


async def test_what_is_paid_needs_no_promise(
    shop: httpx.AsyncClient, link: str, show: Show, world: World
) -> None:
    await show()
    await shop.post("/v1/invoices/INV-1/paid")
    answer = await shop.post(f"{link}/promise", data={"day": "2026-03-06"})
    assert (answer.status_code, note(answer), options(answer)) == (200, "", [])
    assert "Nothing more to pay, thank you" in answer.text
    assert world.runs.orders == []


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (TemporalDownError("away"), 503, "Please try again in a moment."),
        (NoRunError("away"), 503, "Please try again in a moment."),
        (OrderRefusedError("too late"), 409, "cannot be noted any more"),
    ],
)
async def test_a_customer_hears_when_the_day_was_not_noted(
    shop: httpx.AsyncClient,
    link: str,
    show: Show,
    world: World,
    fault: DunningError,
    status: int,
    words: str,
) -> None:
    await show()
    world.runs.fault = fault
    answer = await shop.post(f"{link}/promise", data={"day": "2026-03-06"})
    assert (answer.status_code, words in note(answer)) == (status, True)
    assert len(options(answer)) == (14 if status == 503 else 0)


async def test_the_address_of_a_choice_leads_back_to_the_page(
    shop: httpx.AsyncClient, link: str, world: World
) -> None:
    answer = await shop.get(f"{link}/promise")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"../{link.removeprefix('/p/')}",
    )
    forged = await shop.post("/p/x.y/promise", data={"day": "2026-03-06"})
    assert forged.status_code == 404
    assert world.runs.orders == []


async def test_the_merchant_says_it_over_http(
    shop: httpx.AsyncClient, link: str, show: Show, world: World
) -> None:
    await show()
    body = {"day": "2026-03-06", "note": "on the phone"}
    answer = await shop.post("/v1/cases/INV-1/promise", json=body)
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    ((_, order, _),) = world.runs.orders
    assert isinstance(order, Promise)
    assert (order.day, order.begins_at, order.note_id is None) == (CHOSEN, ORDER.begins_at, False)


@pytest.mark.parametrize(
    ("day", "status", "words"),
    [
        (
            "2026-03-17",
            409,
            (
                "2026-03-17 cannot be promised; give a day from 2026-03-03 to 2026-03-16, "
                "on the customer's calendar"
            ),
        ),
        ("tomorrow", 422, 'day: must be a day such as "2026-12-01"'),
        (1772755200, 422, 'day: must be a day such as "2026-12-01"'),
        ("2026-02-30", 422, "day: "),
    ],
)
async def test_a_day_that_cannot_be_is_explained(
    shop: httpx.AsyncClient, link: str, show: Show, day: object, status: int, words: str
) -> None:
    await show()
    answer = await shop.post("/v1/cases/INV-1/promise", json={"day": day})
    assert (answer.status_code, answer.json()["detail"].startswith(words)) == (status, True)


async def test_an_invoice_without_a_case_has_nothing_to_promise(
    shop: httpx.AsyncClient, link: str
) -> None:
    assert options(await shop.get(link)) == []
    answer = await shop.post("/v1/cases/INV-1/promise", json={"day": "2026-03-06"})
    assert answer.status_code == 404
