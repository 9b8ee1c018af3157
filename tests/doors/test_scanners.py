"""Is anything used up by the programs that open links before a person does?

The requests are those of mail gateways, link previews, prefetching browsers and crawlers: what
they ask for, by which method, and under which name.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest

from dunning.policy import Policy, parse_policy
from store.database import Database
from tests.doors.conftest import Rows, Show, World
from tests.doors.customers import HOSTED, Customer, visiting, words

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)
OLD_EXPLORER = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Trident/4.0)"
# Of each: the methods in their order, what it says of itself, whether it follows all that it finds.
SCANNERS: dict[str, tuple[tuple[str, ...], dict[str, str], bool]] = {
    "Safe Links": (("HEAD", "GET"), {"User-Agent": OLD_EXPLORER}, False),
    "Safe Links without a name": (("GET", "HEAD", "GET"), {"User-Agent": ""}, False),
    "Proofpoint": (("GET",), {"User-Agent": FIREFOX, "Accept": "*/*"}, True),
    "Mimecast": (("HEAD", "GET"), {"User-Agent": CHROME, "Accept-Language": "en"}, True),
    "Barracuda": (
        ("HEAD", "GET"),
        {"User-Agent": "Mozilla/5.0 (compatible; BarracudaCentral/1.0)", "Connection": "close"},
        True,
    ),
    "Slack": (
        ("GET",),
        {
            "User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Range": "bytes=0-32768",
        },
        False,
    ),
    "WhatsApp": (("GET",), {"User-Agent": "WhatsApp/2.24.20.89 A"}, False),
    "iMessage": (
        ("GET",),
        {
            "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 "
            "(KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 "
            "Facebot Twitterbot/1.0"
        },
        False,
    ),
    "Chrome that prefetches": (
        ("GET",),
        {"User-Agent": CHROME, "Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Site": "none"},
        False,
    ),
    "Gmail's images": (
        ("GET",),
        {
            "User-Agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 "
            "(via ggpht.com GoogleImageProxy)",
            "Accept": "image/*",
        },
        False,
    ),
    "a crawler": (("GET",), {"User-Agent": "crawler/1.0 (+https://crawler.example)"}, True),
}
# What no human hand on our page would send.
UNASKED = {
    "prefetch": {"Sec-Purpose": "prefetch"},
    "prerender": {"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Site": "same-origin"},
    "an old prefetch": {"Purpose": "prefetch"},
    "a preview": {"X-Purpose": "preview"},
    "Firefox of old": {"X-Moz": "prefetch"},
    "a form of another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
}
FORMS = {"": {}, "/promise": {"day": "2026-03-06"}, "/help": {"message": "win a prize"}}


@pytest.fixture
async def customer(
    invoice: dict[str, Any],
    show: Show,
    world: World,
    database: Database,
    policy: Policy,
    rows: Rows,
) -> AsyncGenerator[Customer]:
    """With a link of Revtain's to win, a day to promise and words to send."""
    del invoice
    await show()
    (row,) = await rows("SELECT link_id FROM invoices")
    given = {"pay_page": {"destinations": ["hosted_link"]}}
    hosted = parse_policy({**policy.model_dump(mode="json"), **given})
    async with visiting(world, database, hosted, str(row["link_id"])) as customer:
        page = await customer.look()
        assert "<select" in page.text
        assert "<textarea" in page.text
        yield customer


async def spent(rows: Rows, world: World, customer: Customer) -> list[Any]:
    """Everything that a person's hand would have left behind."""
    tables = ("hosted_links", "replies", "suppressions", "consents", "events", "notes")
    return [
        *[r for one in tables for r in await rows(f"SELECT * FROM {one}")],  # noqa: S608 (ours)
        *await rows("SELECT * FROM audit WHERE kind LIKE 'order.%' OR kind LIKE 'customer.%'"),
        *world.runs.orders,
        *customer.cards.tokens,
    ]


async def crawl(customer: Customer, methods: tuple[str, ...], headers: dict[str, str]) -> set[str]:
    """Follow every link and the address of every form on our pages, never sending a form."""
    seen, found = set[str](), [customer.link]
    while found:
        path = found.pop()
        seen.add(path)
        for method in methods:
            answer = await customer.http.request(
                method, path, headers=headers, follow_redirects=True
            )
            here = answer.url.path
            marks = re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)
            followed = (urljoin(here, unescape(mark)) for mark in (*marks, ""))
            ours = {one.removeprefix("http://127.0.0.1") for one in followed}
            found += [one for one in ours if one[:3] in ("/p/", "/u/") and one not in seen]
    return seen


@pytest.mark.parametrize("name", SCANNERS)
async def test_a_scanner_uses_nothing_up_and_the_button_still_works(
    customer: Customer, world: World, rows: Rows, name: str
) -> None:
    methods, headers, follows = SCANNERS[name]
    if follows:
        seen = await crawl(customer, methods, headers)
        assert {f"{customer.link}/promise", f"{customer.link}/help"} < seen
        assert any(path.startswith("/u/") for path in seen)
    else:
        for method in methods:
            answer = await customer.http.request(method, customer.link, headers=headers)
            assert answer.status_code == 200
    assert await spent(rows, world, customer) == []
    pressed = await customer.press(headers={"Sec-Fetch-Site": "same-origin"})
    assert pressed.headers["location"] == f"{HOSTED}/update-card/once-1"
    assert (await customer.press("/promise", data=FORMS["/promise"])).status_code == 200
    assert (await customer.write("I need help")).status_code == 200
    assert len(await rows("SELECT id FROM replies")) == len(world.runs.orders) == 1


@pytest.mark.parametrize("name", UNASKED)
@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_nobody_sent_is_answered_with_the_page(
    customer: Customer, world: World, rows: Rows, name: str, path: str
) -> None:
    answer = await customer.press(
        path, data=FORMS[path], headers=UNASKED[name], follow_redirects=True
    )
    assert answer.status_code == 200
    assert "Your payment to Example" in words(answer)
    assert "Enter a new card" in words(answer)
    assert await spent(rows, world, customer) == []


async def test_an_old_browser_that_tells_nothing_of_itself_is_believed(customer: Customer) -> None:
    pressed = await customer.press(headers={"User-Agent": OLD_EXPLORER})
    assert pressed.status_code == 303
