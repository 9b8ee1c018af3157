"""What does a customer meet behind the link of a message?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dunning.policy import Policy
from messages.links import PayLinks
from store.database import Database
from store.registry import Registry
from tests.doors.conftest import TOKEN_KEY, Rows, World, behind_pages
from web.portal import pages
from web.portal.frame import Apology
from web.portal.headers import origin, security_headers
from web.portal.view import View
from web.portal.words import languages, words_for

HELP = "Need another day, or something is wrong? Write to"


@pytest.fixture
async def link(invoice: dict[str, Any], rows: Rows, world: World) -> str:
    """The path of the page of INV-1."""
    (row,) = await rows("SELECT link_id FROM invoices")
    return world.links.url(row["link_id"]).removeprefix("http://127.0.0.1")


def words(answer: httpx.Response) -> str:
    """What a person reads, without marks and line breaks."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    body = answer.text.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


async def test_the_page_shows_the_invoice_and_one_button(
    browser: httpx.AsyncClient, link: str
) -> None:
    answer = await browser.get(link)
    assert answer.status_code == 200
    assert words(answer) == (
        "Your payment to Example &amp; Sons "
        "Amount $49.00 For Pro plan, March Invoice INV-1 "
        "Continue to payment "
        "You pay at shop.example. This page never asks for card numbers or passwords. "
        f"{HELP} billing@example.com . "
        "Example &amp; Sons https://example.com"
    )
    assert answer.text.count("<button") == 1
    assert '<html lang="en-US" dir="ltr">' in answer.text
    assert '<form method="post">' in answer.text
    assert '<img class="logo" src="https://cdn.example.com/logo.png" alt="Example &amp; Sons"' in (
        answer.text
    )
    assert "mailto:billing%40example.com?subject=INV-1" in answer.text
    assert "<script" not in answer.text


async def test_a_browser_may_do_nothing_else_with_it(browser: httpx.AsyncClient, link: str) -> None:
    headers = (await browser.get(link)).headers
    style = re.fullmatch(
        r"default-src 'none'; style-src '(sha256-[A-Za-z0-9+/=]{44})'; "
        r"img-src https://cdn\.example\.com; form-action 'self' https:; "
        r"base-uri 'none'; frame-ancestors 'none'",
        headers["content-security-policy"],
    )
    assert style
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["x-content-type-options"] == "nosniff"


async def test_looking_changes_nothing(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    before = await rows("SELECT * FROM invoices, customers")
    looked = await browser.head(link)
    assert looked.status_code == 200
    for _ in range(3):
        await browser.get(link)
    assert await rows("SELECT * FROM invoices, customers") == before
    assert await rows("SELECT id FROM events") == []
    assert world.runs.orders == []


async def test_the_button_leads_to_the_address_of_this_moment(
    shop: httpx.AsyncClient, link: str
) -> None:
    first = await shop.post(link)
    assert (first.status_code, first.headers["location"]) == (303, "https://shop.example/pay/INV-1")
    await shop.put("/v1/invoices/INV-1", json={"payment_url": "http://127.0.0.1:9/new?a=1&b=2"})
    second = await shop.post(link)
    assert second.headers["location"] == "http://127.0.0.1:9/new?a=1&b=2"
    assert second.headers["cache-control"] == "no-store"
    policy = (await shop.get(link)).headers["content-security-policy"]
    assert "form-action 'self' https: http:;" in policy


async def test_without_an_address_the_page_says_whom_to_write_to(
    shop: httpx.AsyncClient, link: str
) -> None:
    await shop.put("/v1/invoices/INV-1", json={"payment_url": None})
    looked, pressed = await shop.get(link), await shop.post(link)
    assert (looked.status_code, pressed.status_code) == (200, 409)
    assert words(looked) == words(pressed)
    assert "There is no online payment for this invoice at the moment" in words(pressed)
    assert "Please write to billing@example.com and mention the invoice." in words(pressed)
    assert "<button" not in looked.text


@pytest.mark.parametrize(
    ("call", "sentence"),
    [("paid", "Nothing more to pay, thank you"), ("void", "Nothing is owed")],
)
async def test_what_is_settled_cannot_be_paid(
    shop: httpx.AsyncClient, link: str, call: str, sentence: str
) -> None:
    await shop.post(f"/v1/invoices/INV-1/{call}")
    for answer in (await shop.get(link), await shop.post(link)):
        assert answer.status_code == 200
        assert sentence in words(answer)
        assert "<button" not in answer.text
        assert HELP not in words(answer)


async def test_an_invoice_of_nothing_asks_for_nothing(shop: httpx.AsyncClient, link: str) -> None:
    await shop.put("/v1/invoices/INV-1", json={"amount_due": 0})
    answers = [await shop.get(link), await shop.post(link)]
    answers += [await shop.post(f"{link}/{below}") for below in ("promise", "help")]
    for answer in answers:
        assert answer.status_code == 200
        assert words(answer) == (
            "Nothing is owed Amount $0.00 For Pro plan, March Invoice INV-1 "
            "Example &amp; Sons https://example.com"
        )
        assert "<form" not in answer.text


async def test_a_foreign_link_gets_no_hint(
    browser: httpx.AsyncClient, link: str, world: World
) -> None:
    forged = link[:-5] + ("A" if link[-5] != "A" else "B") + link[-4:]
    unknown = world.links.url("nobody").removeprefix("http://127.0.0.1")
    stranger = PayLinks(secret_key="x" * 32, public_url="").url(link[3:].partition(".")[0])
    answers = [
        await browser.request(method, path)
        for path in (forged, unknown, stranger, "/p/x", "/p/%00", "/p/%C3%BC.%F0%9F%98%80")
        for method in ("GET", "POST")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link does not work" in words(answers[0])
    assert "INV-1" not in answers[0].text


async def test_another_method_is_refused(browser: httpx.AsyncClient, link: str) -> None:
    assert (await browser.put(link)).status_code == 405


@pytest.mark.parametrize(
    ("locale", "lang", "amount", "button"),
    [
        ("de-AT", "de-AT", "€\u00a049,00", "Weiter zur Zahlung"),
        ("fr", "fr", "49,00\u00a0€", "Continuer vers le paiement"),
        ("es-MX", "es-MX", "EUR", "Continuar al pago"),
        ("pt-BR", "pt-BR", "€\u00a049,00", "Continuar para o pagamento"),
        ("ja-JP", "ja-JP", "€49.00", "お支払いへ進む"),
        ("ko-KR", "en", "€49.00", "Continue to payment"),
    ],
)
async def test_the_page_speaks_the_language_of_the_customer(
    shop: httpx.AsyncClient, link: str, locale: str, lang: str, amount: str, button: str
) -> None:
    change = {"currency": "EUR", "customer": {"locale": locale}}
    await shop.put("/v1/invoices/INV-1", json=change)
    page = (await shop.get(link)).text
    assert f'<html lang="{lang}" dir="ltr">' in page
    assert amount in page
    assert button in page


async def test_what_the_merchant_wrote_is_text_only(shop: httpx.AsyncClient, link: str) -> None:
    hostile = '<script>alert("x")</script>'
    await shop.put("/v1/invoices/INV-1", json={"description": hostile})
    page = (await shop.get(link)).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page


async def test_while_the_database_is_away_the_page_asks_to_come_back(
    policy: Policy, world: World
) -> None:
    away = Database.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    application = FastAPI()
    registry = Registry(away, TOKEN_KEY)
    behind = behind_pages(policy)
    pages.install(application, registry=registry, links=world.links, policy=policy, behind=behind)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        answer = await client.get(world.links.url("x").removeprefix("http://127.0.0.1"))
    await away.aclose()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "This page cannot be shown right now" in words(answer)


def test_every_language_fills_in_the_same_places() -> None:
    assert set(languages()) == {"de", "en", "es", "fr", "ja", "pt-br"}
    for spoken in languages().values():
        assert "{brand}" in spoken.heading
        assert "{host}" in spoken.leads_to
        assert "{email}" in spoken.help
        assert "{email}" in spoken.how_to_pay
    assert words_for("de_CH", "en")[0] == "de"
    assert words_for("xx", "yy")[0] == "en"


def test_an_odd_logo_address_cannot_reach_the_header() -> None:
    assert origin("https://cdn.example.com:8443/a;b.png") == "https://cdn.example.com:8443"
    assert origin("https://a;script-src.example/x") is None
    assert origin("https://[::1]:80/x") == "https://[::1]:80"
    assert origin("https://x:99999/") is None
    policy = security_headers(style="", logo_url="https://[bad")["Content-Security-Policy"]
    assert "img-src 'none'" in policy


def test_a_brand_without_a_logo_shows_its_name(policy: Policy) -> None:
    page = View(replace(policy.brand, logo_url=None, website=None), "en").apology(Apology.UNKNOWN)
    text = bytes(page.body).decode()
    assert "<img" not in text
    assert "<span>Example &amp; Sons</span>" in text
