"""Can a customer choose what to receive, and nobody else, and nothing by merely looking?"""

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
from tests.doors.conftest import TOKEN_KEY, Rows, World
from web.portal import preferences
from web.portal.choices import masked
from web.portal.words import languages

EMAIL = "ada@example.com"
PHONE = "+12125550123"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ON = "Reminders are on"
OFF = "Reminders are off"
UNREACHABLE = "We cannot reach this address, so we send nothing to it."
ESSENTIAL = (
    "Whatever you choose, we may still send you an email to confirm a payment, "
    "or to tell you that a service is about to end or has ended."
)
STAYS_OPEN = "Stopping reminders does not settle a payment: it stays open until it is paid."
STATE = "SELECT channel, reason, scope, source, lifted_at, lifted_by FROM suppressions ORDER BY id"


@pytest.fixture
async def link(invoice: dict[str, Any], shop: httpx.AsyncClient, rows: Rows, world: World) -> str:
    """The path of the choices of Ada, who can be reached in every way."""
    person = {
        "phone": PHONE,
        "sms_consent_at": "2026-01-05T10:00:00Z",
        "push_tokens": ["device-1", "device-2"],
    }
    answer = await shop.put("/v1/invoices/INV-1", json={"customer": person})
    assert answer.status_code == 200, answer.text
    del shop.headers["Authorization"]
    return await _link_of(rows, world)


async def _link_of(rows: Rows, world: World) -> str:
    (row,) = await rows("SELECT link_id FROM invoices")
    return world.preferences.url(row["link_id"]).removeprefix("http://127.0.0.1")


async def _change(world: World, browser: httpx.AsyncClient, **person: Any) -> None:
    """The merchant changes the customer."""
    key = await world.keys.add(f"changes {sorted(person)}", ["invoices:write"])
    answer = await browser.put(
        "/v1/invoices/INV-1",
        json={"customer": person},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200, answer.text


def words(answer: httpx.Response) -> str:
    """What a person reads, without marks and line breaks."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    body = answer.text.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def buttons(answer: httpx.Response) -> list[str]:
    """What can be pressed, and what it sends."""
    found = re.findall(r'name="(\w+)" value="(\w+)">([^<]+)</button>', answer.text)
    return [f"{name}={value}: {label}" for name, value, label in found]


async def in_force(rows: Rows) -> list[tuple[str, ...]]:
    found = await rows(f"{STATE.partition('ORDER')[0]} WHERE lifted_at IS NULL ORDER BY id")
    return [(r["channel"], r["reason"], r["scope"], r["source"]) for r in found]


async def test_the_page_names_each_way_and_how_to_close_it(
    browser: httpx.AsyncClient, link: str
) -> None:
    answer = await browser.get(link)
    assert answer.status_code == 200
    assert words(answer) == (
        "What you receive from Example &amp; Sons "
        "We write to you when a payment to Example &amp; Sons is open. "
        "Here you choose where our reminders may reach you. "
        f"Email a…@example.com {ON} Stop reminders by email "
        f"Text messages …0123 {ON} Stop reminders by text message "
        f"Notifications On your devices {ON} Stop notifications "
        f"Stop all reminders {ESSENTIAL} "
        "Questions about our messages? Write to billing@example.com . "
        "Example &amp; Sons https://example.com"
    )
    assert buttons(answer) == [
        "stop=email: Stop reminders by email",
        "stop=sms: Stop reminders by text message",
        "stop=push: Stop notifications",
        "stop=all: Stop all reminders",
    ]
    assert answer.text.count('<form method="post">') == 4
    assert "<script" not in answer.text


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


async def test_a_way_is_closed_and_opened_again(
    browser: httpx.AsyncClient, link: str, rows: Rows
) -> None:
    stopped = await browser.post(link, data={"stop": "email"})
    assert stopped.status_code == 200
    assert "<title>Your choice is saved. What you receive from" in stopped.text
    assert '<p class="note" role="status">Your choice is saved.</p>' in stopped.text
    assert f"Email a…@example.com {OFF} Get reminders by email again" in words(stopped)
    assert f"{STAYS_OPEN} {ESSENTIAL}" in words(stopped)
    assert await in_force(rows) == [("email", "opted_out", "reminders", "page")]
    started = await browser.post(link, data={"start": "email"})
    assert f"Email a…@example.com {ON} Stop reminders by email" in words(started)
    assert STAYS_OPEN not in words(started)
    (row,) = await rows(STATE)
    assert row["lifted_at"] is not None
    assert row["lifted_by"] == "page"


async def test_every_change_reaches_the_cases_of_the_customer(
    browser: httpx.AsyncClient, link: str, rows: Rows
) -> None:
    await browser.post(link, data={"stop": "sms"})
    await browser.post(link, data={"stop": "sms"})
    await browser.post(link, data={"start": "sms"})
    events = await rows("SELECT convert_from(body, 'UTF8') AS body FROM events ORDER BY id")
    assert [re.sub(r"\d+", "N", event["body"]) for event in events] == [
        '{"channel":"sms","reason":null,"change":"registered N","customers":["cus_N"]}',
        '{"channel":"sms","reason":"opted_out","change":"closed N N","customers":["cus_N"]}',
        '{"channel":"sms","reason":null,"change":"lifted N N","customers":["cus_N"]}',
    ]


async def test_all_ways_are_closed_at_once(
    browser: httpx.AsyncClient, link: str, rows: Rows
) -> None:
    stopped = await browser.post(link, data={"stop": "all"})
    assert buttons(stopped) == [
        "start=email: Get reminders by email again",
        "start=sms: Get reminders by text message again",
        "start=push: Get notifications again",
    ]
    assert words(stopped).count(OFF) == 3
    assert await in_force(rows) == [
        ("email", "opted_out", "reminders", "page"),
        ("sms", "opted_out", "everything", "page"),
        ("push", "opted_out", "everything", "page"),
    ]


async def test_every_choice_is_kept_as_proof_once(
    browser: httpx.AsyncClient, link: str, rows: Rows
) -> None:
    await browser.post(link, data=ONE_CLICK)
    await browser.post(link, data={"stop": "email"})
    await browser.post(link, data={"stop": "sms"})
    await browser.post(link, data={"start": "all"})
    proof = await rows(
        "SELECT customer_id, channel, kind, source FROM consents WHERE source <> 'registration' "
        "ORDER BY id"
    )
    assert [tuple(entry.values()) for entry in proof] == [
        ("cus_1", "email", "withdrawn", "one_click"),
        ("cus_1", "sms", "withdrawn", "page"),
        ("cus_1", "email", "restored", "page"),
        ("cus_1", "sms", "restored", "page"),
    ]


@pytest.mark.parametrize("encoding", ["form", "multipart"])
async def test_a_mail_program_stops_the_emails_by_one_post(
    browser: httpx.AsyncClient, link: str, rows: Rows, encoding: str
) -> None:
    if encoding == "form":
        answer = await browser.post(
            link,
            content=b"List-Unsubscribe=One-Click",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    else:
        answer = await browser.post(link, files={"List-Unsubscribe": (None, "One-Click")})
    assert (answer.status_code, answer.text) == (
        200,
        "You will get no more reminders by email from Example & Sons.\n",
    )
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.history == []
    assert not {"set-cookie", "location", "www-authenticate"} & answer.headers.keys()
    assert await in_force(rows) == [("email", "opted_out", "reminders", "one_click")]
    again = await browser.post(link, data=ONE_CLICK)
    assert again.text == answer.text
    assert len(await rows(STATE)) == 1


async def test_a_customer_takes_back_what_a_mail_program_did(
    browser: httpx.AsyncClient, link: str, rows: Rows
) -> None:
    await browser.post(link, data=ONE_CLICK)
    assert OFF in words(await browser.get(link))
    assert OFF not in words(await browser.post(link, data={"start": "email"}))
    assert await in_force(rows) == []


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
    await _change(world, browser, email="countess@lovelace.example")
    await browser.post(link, data={"stop": "email"})
    held = await world.suppressions.of(Channel.EMAIL, "countess@lovelace.example")
    assert held is not None
    assert held.scope is Scope.REMINDERS
    assert await world.suppressions.of(Channel.EMAIL, EMAIL) is None
    assert len(await rows(STATE)) == 1


async def test_ways_that_are_not_used_are_not_offered(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    await _change(world, browser, sms_consent_at=None, push_tokens=[])
    assert buttons(await browser.get(link)) == ["stop=email: Stop reminders by email"]
    assert (await browser.post(link, data={"stop": "sms"})).status_code == 400
    await _change(world, browser, email=None)
    nothing = await browser.get(link)
    assert "You receive no reminders from us at the moment." in words(nothing)
    assert buttons(nothing) == []
    assert (await browser.post(link, data=ONE_CLICK)).status_code == 200
    assert await rows(STATE) == []


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
    await _change(world, browser, email=None, phone=None, push_tokens=[], sms_consent_at=None)
    erased = await browser.get(link)
    unknown = await browser.get("/u/x")
    assert (erased.status_code, erased.text) == (404, unknown.text)


async def test_another_method_is_refused(browser: httpx.AsyncClient, link: str) -> None:
    assert (await browser.put(link)).status_code == 405


@pytest.mark.parametrize(
    ("locale", "lang", "button"),
    [
        ("de-AT", "de-AT", "Keine Erinnerungen mehr per E-Mail"),
        ("fr", "fr", "Ne plus recevoir de rappels par e-mail"),
        ("es-MX", "es-MX", "No recibir más recordatorios por correo"),
        ("pt-BR", "pt-BR", "Não receber mais lembretes por e-mail"),
        ("ja-JP", "ja-JP", "メールでのご案内を停止する"),
        ("ko-KR", "en", "Stop reminders by email"),
    ],
)
async def test_the_page_speaks_the_language_of_the_customer(
    browser: httpx.AsyncClient, link: str, world: World, locale: str, lang: str, button: str
) -> None:
    await _change(world, browser, locale=locale)
    page = (await browser.get(link)).text
    assert f'<html lang="{lang}" dir="ltr">' in page
    assert f">{button}</button>" in page


def test_every_language_fills_in_the_same_places() -> None:
    for spoken in languages().values():
        choosing = spoken.preferences
        assert all("{brand}" in text for text in (choosing.title, choosing.intro, choosing.stopped))
        assert "{email}" in choosing.help
        names = [choosing.stop_email, choosing.stop_sms, choosing.stop_push, choosing.stop_all]
        names += [choosing.start_email, choosing.start_sms, choosing.start_push]
        assert len(set(names)) == len(names)
        assert "STOP" in choosing.start_reply
        assert "START" in choosing.start_reply


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
