"""What may a customer do on the page of an invoice, and where does its button lead?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from dunning.errors import (
    PolicyError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.pay_page import PayPage
from dunning.policy import Policy, parse_policy
from dunning.promise import PromiseStatus
from dunning.states import Outcome, State
from store.call_budget import CallBudget
from store.database import Database
from store.digest import token_digest
from store.erasure import Erasure
from store.suppressions import Suppressions
from tests.doors.conftest import NOW, TOKEN_KEY, Rows, Show, World
from tests.doors.customers import HOSTED, Customer, visiting, words
from web.portal.words import languages

TEMPLATE = "https://pay.example/{invoice}?a={amount}&c={currency}&e={expires}&s={signature}"
FIRST = f"{HOSTED}/update-card/once-1"
ALL = {"destinations": ["hosted_link", "template", "payment_url"], "template": TEMPLATE}
MINTS = "SELECT invoice_id, expires_at FROM hosted_links ORDER BY id"
REPLIES = "SELECT channel, customer_id, case_id, body, meaning, handled_at FROM replies ORDER BY id"
# Long ago, a case of the test has ended.
AGES = timedelta(days=91)


def under(policy: Policy, **pay_page: Any) -> Policy:
    return parse_policy({**policy.model_dump(mode="json"), "pay_page": pay_page})


@pytest.fixture
async def link_id(invoice: dict[str, Any], rows: Rows) -> str:
    (row,) = await rows("SELECT link_id FROM invoices")
    return str(row["link_id"])


@pytest.fixture
async def customer(
    world: World, database: Database, policy: Policy, link_id: str
) -> AsyncGenerator[Customer]:
    """Under a policy with all destinations."""
    async with visiting(world, database, under(policy, **ALL), link_id) as customer:
        yield customer


async def test_each_press_makes_a_link_of_its_own_and_keeps_none(
    customer: Customer, rows: Rows
) -> None:
    page = await customer.look()
    assert "Enter a new card" in words(page)
    assert "at our payment provider. This page never asks for card numbers" in words(page)
    assert "form-action 'self' https:;" in page.headers["content-security-policy"]
    assert customer.cards.tokens == []
    pressed = [await customer.press() for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in pressed] == [
        (303, FIRST),
        (303, f"{HOSTED}/update-card/once-2"),
    ]
    assert customer.cards.tokens == ["pm_1", "pm_1"]
    good_until = {"invoice_id": "INV-1", "expires_at": NOW + timedelta(hours=72)}
    assert await rows(MINTS) == [good_until, good_until]
    kept = str(await rows("SELECT * FROM hosted_links"))
    assert "once" not in kept
    assert "pm_1" not in kept


async def test_ten_links_an_hour_are_enough_and_the_next_destination_takes_over(
    customer: Customer, rows: Rows
) -> None:
    pressed = await asyncio.gather(*(customer.press() for _ in range(12)))
    led = [str(one.headers["location"]).partition("/once")[0] for one in pressed]
    assert led.count(f"{HOSTED}/update-card") == 10
    others = [one for one in pressed if "pay.example" in one.headers["location"]]
    assert len(others) == 2
    assert len(await rows(MINTS)) == 10
    assert len(customer.cards.minted) == 10


@pytest.mark.parametrize(
    "fault",
    [
        ProviderUnavailableError("away"),
        ProviderRejectedError("no page", rejection=Rejection.INVALID, code="400"),
    ],
)
async def test_when_no_link_can_be_made_the_next_destination_is_taken(
    customer: Customer, rows: Rows, fault: Exception
) -> None:
    customer.cards.fault = fault  # type: ignore[assignment]  # both are faults of a provider
    pressed = await customer.press()
    found = re.fullmatch(
        r"https://pay\.example/INV-1\?a=4900&c=USD&e=(\d+)&s=([0-9a-f]{64})",
        pressed.headers["location"],
    )
    assert found
    assert int(found[1]) == int(NOW.timestamp()) + 3600
    assert await rows(MINTS) == []


async def test_who_may_not_be_asked_is_not_waited_for(
    customer: Customer, database: Database
) -> None:
    await CallBudget(database).hold(timedelta(minutes=5))
    async with asyncio.timeout(3):
        assert "pay.example" in (await customer.press()).headers["location"]
    assert customer.cards.tokens == []


async def test_when_nothing_is_left_the_customer_tries_again_in_a_minute(
    world: World, database: Database, policy: Policy, link_id: str
) -> None:
    only = under(policy, destinations=["hosted_link"])
    async with visiting(world, database, only, link_id) as customer:
        customer.cards.fault = ProviderUnavailableError("away")
        failed = await customer.press()
        assert (failed.status_code, failed.headers["retry-after"]) == (503, "60")
        assert "The payment page could not be opened" in words(failed)
        assert "write to billing@example.com and mention the invoice" in words(failed)
        customer.cards.fault = None
        assert (await customer.press()).headers["location"] == FIRST


async def test_without_a_card_or_a_secret_their_destinations_are_left_out(
    shop: httpx.AsyncClient, world: World, database: Database, policy: Policy, link_id: str
) -> None:
    await shop.put("/v1/invoices/INV-1", json={"payment_method_token": None})
    async with visiting(world, database, under(policy, **ALL), link_id, secret=None) as customer:
        assert "You pay at shop.example." in words(await customer.look())
        assert (await customer.press()).headers["location"] == "https://shop.example/pay/INV-1"
        await shop.put("/v1/invoices/INV-1", json={"payment_url": None})
        assert "There is no online payment for this invoice" in words(await customer.look())
        assert (await customer.press()).status_code == 409


async def test_while_a_card_is_being_charged_nobody_pays_twice(
    customer: Customer, show: Show
) -> None:
    await show(State.RETRYING)
    looked, pressed = await customer.look(), await customer.press()
    assert (looked.status_code, pressed.status_code) == (200, 409)
    for answer in (looked, pressed):
        assert "Your card is being charged" in words(answer)
        assert "Enter a new card" not in words(answer)
        assert "I will pay on" not in words(answer)
    assert customer.cards.tokens == []


async def test_a_day_that_was_promised_is_told_beside_the_button(
    customer: Customer, show: Show
) -> None:
    day = date(2026, 3, 6)
    await show(State.PROMISED, promise_day=day, promise_status=PromiseStatus.OPEN)
    page = words(await customer.look())
    assert "We will not remind you of this payment before Friday, March 6, 2026 is over." in page
    assert "Enter a new card" in page


@pytest.mark.parametrize("call", ["paid", "void", None])
async def test_long_after_the_case_the_link_tells_nothing(
    shop: httpx.AsyncClient,
    world: World,
    database: Database,
    policy: Policy,
    link_id: str,
    show: Show,
    call: str | None,
) -> None:
    await show(State.CLOSED, outcome=Outcome.WRITTEN_OFF, closed_at=NOW)
    if call is not None:
        await shop.post(f"/v1/invoices/INV-1/{call}")
    async with visiting(world, database, policy, link_id, now=NOW + AGES) as late:
        for answer in (await late.look(), await late.press(), await late.write("Hello?")):
            assert answer.status_code == 410
            assert "This link is no longer in use" in words(answer)
            for detail in ("INV-1", "49", "Pro plan", "<button", "/u/", "<form"):
                assert detail not in answer.text.partition("<body>")[2]
    async with visiting(world, database, policy, link_id, now=NOW + timedelta(days=89)) as early:
        assert (await early.look()).status_code == 200


async def test_what_a_customer_writes_waits_for_a_person(
    customer: Customer, show: Show, rows: Rows
) -> None:
    await show()
    page = (await customer.look()).text
    token = customer.link.removeprefix("/p/")
    assert f'<form method="post" action="{token}/help">' in page
    assert 'aria-describedby="hint"' in page
    answer = await customer.write("  My bank <b>blocks</b>\r\nyou \x00. ")
    assert (answer.status_code, "<textarea" in answer.text) == (200, False)
    assert "Thank you. Your message has arrived, and a person will read it." in words(answer)
    assert f'<form method="post" action="../{token}">' in answer.text
    assert await rows(REPLIES) == [
        {
            "channel": "page",
            "customer_id": "cus_1",
            "case_id": 1,
            "body": "My bank <b>blocks</b>\nyou \N{REPLACEMENT CHARACTER}.",
            "meaning": "other",
            "handled_at": None,
        }
    ]
    (entry,) = await rows("SELECT detail FROM audit WHERE kind = 'customer.asked_for_help'")
    assert entry["detail"] == {"reply": 1}
    (alert,) = await rows("SELECT kind, subject, detail FROM alerts WHERE kind = 'reply'")
    assert alert["detail"] == {"channel": "page", "invoice": "INV-1"}


async def test_the_same_words_count_once_and_five_a_day_are_enough(
    customer: Customer, rows: Rows, show: Show
) -> None:
    await show()
    await asyncio.gather(*(customer.write("one") for _ in range(3)))
    for number in range(4):
        assert (await customer.write(f"another {number}")).status_code == 200
    sixth = await customer.write("six <i>")
    assert sixth.status_code == 429
    assert "we have several messages from you today already" in words(sixth)
    assert "six &lt;i&gt;</textarea>" in sixth.text
    assert len(await rows(REPLIES)) == 5
    await rows("UPDATE replies SET received_at = received_at - interval '25 hours' RETURNING id")
    assert (await customer.write("six")).status_code == 200


async def test_the_same_words_count_once_over_midnight_too(
    customer: Customer, rows: Rows, show: Show
) -> None:
    await show()
    await customer.write("one")
    (row,) = await rows(
        "SELECT vendor_id, CAST(now() AT TIME ZONE 'UTC' AS date) AS today FROM replies"
    )
    before = token_digest(TOKEN_KEY, f"{row['today'] - timedelta(days=1)}\none")
    name = f"{row['vendor_id'].rpartition('-')[0]}-{before}"
    await rows(f"UPDATE replies SET vendor_id = '{name}' RETURNING id")  # noqa: S608 (ours)
    assert (await customer.write("one")).status_code == 200
    assert len(await rows(REPLIES)) == 1


@pytest.mark.parametrize(
    ("written", "said"),
    [("", "Please write a few words first."), (" \n ", "Please"), ("ü" * 1001, "longer than")],
)
async def test_what_cannot_be_taken_is_said_beside_the_words(
    customer: Customer, rows: Rows, written: str, said: str
) -> None:
    answer = await customer.write(written)
    assert answer.status_code == 400
    found = re.search(r'<p class="note" id="fault" role="alert">(.*?)</p>', answer.text)
    assert found
    assert said in found[1]
    assert 'aria-describedby="fault hint" aria-invalid="true" autofocus>' in answer.text
    assert f"{written.strip()}</textarea>" in answer.text
    assert '<details class="ask" open>' in answer.text
    assert await rows(REPLIES) == []


async def test_a_thousand_letters_of_any_script_are_taken_and_a_flood_is_not(
    customer: Customer, rows: Rows
) -> None:
    long = "あ\n" * 499 + "あ"
    assert (await customer.write(long.replace("\n", "\r\n"))).status_code == 200
    assert (
        await customer.press("/help", files={"message": (None, long + "い")})
    ).status_code == 200
    assert [row["body"] for row in await rows(REPLIES)] == [long, long + "い"]
    assert (await customer.write("x" * 100_000)).status_code == 400


@pytest.mark.parametrize(
    ("charset", "sent", "status"),
    [
        ("undefined", b"Hello", 400),
        ("punycode", b"\xff-\xff", 400),
        ("utf-7", b"+2AA-" * 1001, 400),
        ("unicode_escape", rb"\ud800 and I", 200),
        ("zlib", b"Hello", 200),
    ],
)
async def test_a_form_in_an_odd_encoding_is_answered(
    customer: Customer, charset: str, sent: bytes, status: int
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n'
    answer = await customer.press(
        "/help",
        content=head + sent + b"\r\n--x--\r\n",
        headers={"Content-Type": f"multipart/form-data; charset={charset}; boundary=x"},
    )
    assert (answer.status_code, "<h1>Your payment to Example" in answer.text) == (status, True)


async def test_an_address_with_a_stroke_more_leads_to_the_page_of_this_host(
    customer: Customer,
) -> None:
    for send in (customer.http.get, customer.http.post):
        answer = await send(f"{customer.link}/", headers={"Host": "evil.example"})
        token = customer.link.removeprefix("/p/")
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}")
    assert (await customer.http.get("/p/guess.xx/")).status_code == 404
    assert customer.cards.tokens == []


async def test_a_case_whose_policy_cannot_be_read_is_told_in_the_words_of_the_brand(
    world: World, database: Database, policy: Policy, link_id: str, show: Show
) -> None:
    async def unreadable(_: str | None) -> PayPage:
        raise PolicyError(("pay_page.template: is not encrypted",))

    await show()
    async with visiting(world, database, policy, link_id, rules=unreadable) as customer:
        for answer in (await customer.look(), await customer.press(), await customer.write("x")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
            assert "This page cannot be shown right now" in words(answer)
            assert "is not encrypted" not in answer.text


async def test_nothing_is_taken_of_who_was_erased_or_owes_nothing(
    customer: Customer, rows: Rows, database: Database, shop: httpx.AsyncClient
) -> None:
    await Erasure(database, TOKEN_KEY).erase("cus_1", author="operator")
    assert "<textarea" not in (await customer.look()).text
    assert (await customer.write("me again")).status_code == 409
    await shop.post("/v1/invoices/INV-1/paid")
    assert "Nothing more to pay, thank you" in words(await customer.write("me again"))
    assert await rows(REPLIES) == []


async def test_the_way_to_stop_the_messages_is_on_the_page(
    customer: Customer, database: Database, rows: Rows
) -> None:
    found = re.search(r'<a href="http://127.0.0.1(/u/\S+)"', (await customer.look()).text)
    assert found
    assert "What you receive from Example" in words(await customer.http.get(found[1]))
    assert await rows("SELECT id FROM suppressions") == []
    await customer.http.post(found[1], data={"stop": "all"})
    held = await Suppressions(database, TOKEN_KEY).of_all({})
    assert held == {}
    assert [r["reason"] for r in await rows("SELECT reason FROM suppressions")] == ["opted_out"]


async def test_a_page_is_not_asked_for_endlessly(
    shop: httpx.AsyncClient, customer: Customer, link_id: str
) -> None:
    await shop.put("/v1/invoices/INV-1", json={"customer": {"locale": "de-DE"}})
    looked = [(await customer.look()).status_code for _ in range(121)]
    assert (looked.count(200), looked[-1]) == (120, 429)
    held = await customer.look()
    assert 1 <= int(held.headers["retry-after"]) <= 600
    assert "Bitte warten Sie einige Minuten" in words(held)
    assert "INV-1" not in held.text
    pressed = [(await customer.press("/promise", data={})).status_code for _ in range(31)]
    assert (pressed.count(429), pressed[-1]) == (1, 429)


async def test_a_stranger_who_guesses_is_stopped_and_customers_are_not(
    customer: Customer, world: World
) -> None:
    guessed = [(await customer.http.get(f"/p/guess-{n}.xx")).status_code for n in range(61)]
    assert (guessed.count(404), guessed[-1]) == (60, 429)
    signed = world.links.url("nobody").removeprefix("http://127.0.0.1")
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert (await customer.http.get(signed, headers=elsewhere)).status_code == 429
    assert (await customer.look()).status_code == 200


async def test_the_page_holds_nothing_that_its_holder_does_not_need(
    customer: Customer, show: Show
) -> None:
    await show()
    page = (await customer.look()).text
    for detail in ("Ada", "ada@example.com", "cus_1", "pm_1", "dunning:INV-1", "<script"):
        assert detail not in page
    assert page.count("<h1>") == page.count("<main>") == page.count("<header") == 1


def test_every_language_fills_in_the_address_to_write_to() -> None:
    for language, spoken in languages().items():
        assert "{email}" in spoken.expired_more, language
        assert "{email}" in spoken.busy_more, language
