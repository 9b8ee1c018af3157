"""Is there no more to the page of choices than its reader may see and do?"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dunning.channel import Channel
from dunning.policy import Policy
from dunning.suppression import Reason, Scope, Source
from messages.links import PreferenceLinks
from store.consents import Consents
from store.database import Database
from store.preferences import Preferences
from store.registry import Registry
from store.suppressions import Closing, Suppressions
from tests.doors.choices import (
    EMAIL,
    ON,
    ONE_CLICK,
    PHONE,
    STATE,
    UNREACHABLE,
    buttons,
    change,
    in_force,
    link_of_ada,
    words,
)
from tests.doors.conftest import TOKEN_KEY, Rows, World
from web.portal import preferences
from web.portal.choices import masked


@pytest.fixture
async def link(invoice: dict[str, Any], shop: httpx.AsyncClient, rows: Rows, world: World) -> str:
    return await link_of_ada(shop, rows, world)


async def test_the_page_tells_no_more_than_its_reader_needs(
    browser: httpx.AsyncClient, link: str
) -> None:
    page = (await browser.get(link)).text
    secrets = (
        EMAIL,
        PHONE,
        "212555",
        "Ada",
        "cus_1",
        "INV-1",
        "49",
        "Pro plan",
        "device-1",
        "pm_1",
    )
    assert [secret for secret in secrets if secret in page.partition("</style>")[2]] == []


async def test_a_browser_may_do_nothing_else_with_it(browser: httpx.AsyncClient, link: str) -> None:
    headers = (await browser.get(link)).headers
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; "
        r"img-src https://cdn\.example\.com; form-action 'self'; "
        r"base-uri 'none'; frame-ancestors 'none'",
        headers["content-security-policy"],
    )
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["x-content-type-options"] == "nosniff"


async def test_looking_changes_nothing(browser: httpx.AsyncClient, link: str, rows: Rows) -> None:
    before = await rows("SELECT id FROM events")
    looked = await browser.head(f"{link}?stop=all&List-Unsubscribe=One-Click")
    assert (looked.status_code, looked.content) == (200, b"")
    for _ in range(3):
        await browser.get(f"{link}?stop=email", params={"List-Unsubscribe": "One-Click"})
    assert await rows(STATE) == []
    assert await rows("SELECT id FROM events") == before


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=one-click", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
        (b"stop=fax&start=fax", "application/x-www-form-urlencoded"),
        (b"stop=" + b"x" * 100_000, "application/x-www-form-urlencoded"),
        (
            b"&".join(b"a=%d" % n for n in range(50)) + b"&stop=all",
            "application/x-www-form-urlencoded",
        ),
        (b"stop=%FF%00", "application/x-www-form-urlencoded"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data"),
        (
            b"--x\r\nContent-Disposition: nonsense\r\n\r\nall\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="stop"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x; charset=klingon",
        ),
        (
            (
                b'--x\r\nContent-Disposition: form-data; name="stop"; filename="a"\r\n\r\nall\r\n'
                b"--x--\r\n"
            ),
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_what_is_no_choice_changes_nothing(
    browser: httpx.AsyncClient, link: str, rows: Rows, content: bytes, content_type: str
) -> None:
    answer = await browser.post(link, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert "Nothing was changed. Please choose one of the buttons below." in words(answer)
    assert words(answer).count(ON) == 3
    assert await rows(STATE) == []


@pytest.mark.parametrize("reason", [Reason.BAD_ADDRESS, Reason.COMPLAINED])
async def test_an_address_that_is_dead_cannot_be_opened(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World, reason: Reason
) -> None:
    for why in (Reason.OPTED_OUT, reason):
        closing = Closing(channel=Channel.EMAIL, address=EMAIL, reason=why, source=Source.REPORT)
        await world.suppressions.add(closing)
    before = await in_force(rows)
    looked = await browser.get(link)
    assert f"Email a…@example.com {UNREACHABLE} Text messages" in words(looked)
    assert "start=email" not in "".join(buttons(looked))
    for choice in ({"start": "email"}, {"start": "all"}):
        pressed = await browser.post(link, data=choice)
        assert UNREACHABLE in words(pressed)
    assert await in_force(rows) == before


async def test_only_what_the_customer_chose_is_lifted(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    closing = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.OPTED_OUT, source=Source.REPLY
    )
    await world.suppressions.add(closing)
    hint = "If you stopped our texts by replying STOP, please also reply START to one of them"
    assert hint in words(await browser.get(link))
    await browser.post(link, data={"stop": "push"})
    started = await browser.post(link, data={"start": "sms"})
    assert hint not in words(started)
    assert await in_force(rows) == [("push", "opted_out", "everything", "page")]


async def test_only_the_present_address_is_closed(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    await change(world, browser, email="countess@lovelace.example")
    await browser.post(link, data={"stop": "email"})
    held = await world.suppressions.of(Channel.EMAIL, "countess@lovelace.example")
    assert held is not None
    assert held.scope is Scope.REMINDERS
    assert await world.suppressions.of(Channel.EMAIL, EMAIL) is None
    assert len(await rows(STATE)) == 1


async def test_a_foreign_link_gets_no_hint(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    link_id = link.removeprefix("/u/").partition(".")[0]
    forged = link[:-5] + ("A" if link[-5] != "A" else "B") + link[-4:]
    unknown = world.preferences.url("nobody").removeprefix("http://127.0.0.1")
    stranger = PreferenceLinks(secret_key="x" * 32, public_url="").url(link_id)
    paying = world.links.url(link_id).removeprefix("http://127.0.0.1/p/")
    paths = (forged, unknown, stranger, f"/u/{paying}", "/u/x", "/u/%00", "/u/%C3%BC.%F0%9F%98%80")
    answers = [
        await browser.request(method, path, data=data)
        for path in paths
        for method, data in (("GET", None), ("POST", {"stop": "all"}), ("POST", ONE_CLICK))
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link does not work" in words(answers[0])
    assert "billing@example.com" in words(answers[0])
    assert await rows(STATE) == []
    choosing = link.removeprefix("/u/")
    assert (await browser.get(f"/p/{choosing}")).status_code == 404


async def test_who_was_erased_is_as_good_as_unknown(
    browser: httpx.AsyncClient, link: str, world: World
) -> None:
    await change(world, browser, email=None, phone=None, push_tokens=[], sms_consent_at=None)
    erased = await browser.get(link)
    unknown = await browser.get("/u/x")
    assert (erased.status_code, erased.text) == (404, unknown.text)


async def test_another_method_is_refused(browser: httpx.AsyncClient, link: str) -> None:
    assert (await browser.put(link)).status_code == 405


async def test_while_the_database_is_away_the_page_asks_to_come_back(
    policy: Policy, world: World
) -> None:
    away = Database.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    application = FastAPI()
    preferences.install(
        application,
        registry=Registry(away, TOKEN_KEY),
        wishes=Preferences(away, Suppressions(away, TOKEN_KEY), Consents(away, TOKEN_KEY)),
        links=world.preferences,
        policy=policy,
        vendors={Channel.EMAIL},
    )
    transport = httpx.ASGITransport(application)
    path = world.preferences.url("x").removeprefix("http://127.0.0.1")
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        answers = [await client.get(path), await client.post(path, data=ONE_CLICK)]
    await away.aclose()
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert "This page cannot be shown right now" in words(answer)


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        (Channel.EMAIL, "ada@example.com", "a…@example.com"),
        (Channel.EMAIL, "a@b@example.com", "a…@example.com"),
        (Channel.EMAIL, "nonsense", "n…"),
        (Channel.EMAIL, "\u202eada@example.com", "a…@example.com"),
        (Channel.SMS, "+12125550123", "…0123"),
        (Channel.SMS, "+123456", "…"),
        (Channel.PUSH, "cus_1", None),
    ],
)
def test_an_address_is_shown_only_to_who_knows_it(
    channel: Channel, address: str, shown: str | None
) -> None:
    assert masked(channel, address) == shown
