"""What does a customer come to who follows the link of a message?"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from app.policy_file import default_policy_text
from sandbox.inbox import Channel
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT

WORDS = "My bank asks for a form, please call grace@example.net"
_HELP = "SELECT kind, subject FROM alerts WHERE kind = 'reply'"


@pytest.fixture
async def hosting(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> AsyncGenerator[Teller]:
    """A merchant whose account at Revtain has pages for new cards."""
    policy = tmp_path / "policy.yaml"
    default = default_policy_text()
    policy.write_text(default.replace("[payment_url]", "[hosted_link, payment_url]"))
    assert policy.read_text() != default
    async with Stage.open(
        database_url, temporal.address, DUNNING_POLICY=str(policy), REVTAIN_API_KEY="rev_stage"
    ) as stage:
        yield Teller.of(stage)
        await stage.end_all()


async def _visit(
    ada: Invoice, url: str, data: dict[str, str] | None = None, method: str | None = None
) -> tuple[int, str, str]:
    """What a browser meets: the status, where it is led, and what it shows."""
    method = method or ("GET" if data is None else "POST")
    async with ada.stage.http.request(
        method, url, data=data, headers={"Authorization": ""}, allow_redirects=False
    ) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


def _link(ada: Invoice) -> str:
    email = next(m for m in ada.arrived() if m.channel is Channel.EMAIL)
    found = re.search(r"http://\S+/p/\S+", email.text)
    assert found
    return found[0]


async def _kinds(ada: Invoice) -> Any:
    _, story = await ada.stage.call("GET", f"/v1/cases/{ada.id}/story")
    return [line["kind"] for line in story["lines"]]


async def test_a_link_burnt_by_a_scanner_is_made_again_and_the_new_card_stops_the_messages(
    hosting: Teller,
) -> None:
    ada = await hosting.invoice(payment_url="https://shop.example/pay")
    await ada.fails()
    await hosting.day(1)
    link, made = _link(ada), hosting.stage.sandbox.revtain.pages.made
    for method in ("HEAD", "GET"):
        assert (await _visit(ada, link, method=method))[0] == HTTPStatus.OK
    assert made == []

    _, first, _ = await _visit(ada, link, {})
    assert (await _visit(ada, first))[0] == HTTPStatus.OK
    burnt = await _visit(ada, first)
    assert (burnt[0], "Link used" in burnt[2]) == (HTTPStatus.GONE, True)

    status, second, _ = await _visit(ada, link, {})
    assert (status, second != first) == (HTTPStatus.SEE_OTHER, True)
    assert [page.card for page in made] == [ada.token] * 2
    assert (await _visit(ada, second))[0] == HTTPStatus.OK
    given = await _visit(ada, second, {"newPaymentMethodToken": "pm-fresh"})
    assert given[0] == HTTPStatus.OK
    await hosting.stage.sandbox.revtain.settled()
    await hosting.stage.settle()

    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="retrying")
    page = (await _visit(ada, link))[2]
    assert "Your card is being charged" in page
    assert "Enter a new card" not in page
    assert (await _visit(ada, link, {}))[0] == HTTPStatus.CONFLICT
    await hosting.day(3)
    assert (await ada.told()).inbox == (f"day 0: {FIRST}",)
    kept = await rows(hosting.stage, "SELECT invoice_id, expires_at FROM hosted_links")
    assert [row["invoice_id"] for row in kept] == [ada.id] * 2
    assert None not in [row["expires_at"] for row in kept]


async def test_without_the_vault_the_button_leads_to_the_shop(hosting: Teller) -> None:
    hosting.stage.sandbox.revtain.pages.active = False
    ada = await hosting.invoice(payment_url="https://shop.example/pay")
    await ada.fails()
    await hosting.day(1)
    status, led, _ = await _visit(ada, _link(ada), {})
    assert (status, led) == (HTTPStatus.SEE_OTHER, "https://shop.example/pay")
    assert await rows(hosting.stage, "SELECT id FROM hosted_links") == []


async def test_a_page_thanks_for_what_was_paid(tell: Teller) -> None:
    ada = await tell.invoice(payment_url="https://shop.example/pay")
    await ada.fails()
    await tell.day(1)
    link = _link(ada)
    assert (await _visit(ada, link, {}))[1] == "https://shop.example/pay"
    await ada.pays()
    for data in (None, dict[str, str]()):
        status, led, page = await _visit(ada, link, data)
        assert (status, led) == (HTTPStatus.OK, "")
        assert "Nothing more to pay, thank you" in page
        assert "<form" not in page
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
    )


async def test_a_request_for_help_reaches_the_operator_and_no_history(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    status, _, page = await _visit(ada, f"{_link(ada)}/help", {"message": WORDS})
    assert (status, "Your message has arrived" in page) == (HTTPStatus.OK, True)
    await tell.stage.settle()
    replies = tell.stage.stores.replies
    (waiting,) = await replies.find()
    told = waiting.channel, waiting.invoice_id, waiting.customer_id, waiting.body
    assert told == ("page", ada.id, f"cus-{ada.number}", WORDS)
    assert await rows(tell.stage, _HELP) == [{"kind": "reply", "subject": str(waiting.id)}]
    assert {"customer.asked_for_help", "reply.other"} < set(await _kinds(ada))
    assert await replies.done(waiting.id, by="grace")
    assert await replies.find() == []
    case = await ada.case()
    run = tell.stage.client.get_workflow_handle(case["workflow_id"])
    assert "grace@example.net" not in (await run.fetch_history()).to_json()
    await tell.day(4)
    assert (await ada.told()).standing == "waiting"
