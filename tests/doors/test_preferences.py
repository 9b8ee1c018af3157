"""Can a customer choose what to receive, way by way?"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.doors.choices import (
    ESSENTIAL,
    OFF,
    ON,
    ONE_CLICK,
    STATE,
    STAYS_OPEN,
    buttons,
    change,
    in_force,
    link_of_ada,
    words,
)
from tests.doors.conftest import Rows, World
from web.portal.words import languages


@pytest.fixture
async def link(invoice: dict[str, Any], shop: httpx.AsyncClient, rows: Rows, world: World) -> str:
    return await link_of_ada(shop, rows, world)


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


async def test_ways_that_are_not_used_are_not_offered(
    browser: httpx.AsyncClient, link: str, rows: Rows, world: World
) -> None:
    await change(world, browser, sms_consent_at=None, push_tokens=[])
    assert buttons(await browser.get(link)) == ["stop=email: Stop reminders by email"]
    assert (await browser.post(link, data={"stop": "sms"})).status_code == 400
    await change(world, browser, email=None)
    nothing = await browser.get(link)
    assert "You receive no reminders from us at the moment." in words(nothing)
    assert buttons(nothing) == []
    assert (await browser.post(link, data=ONE_CLICK)).status_code == 200
    assert await rows(STATE) == []


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
    await change(world, browser, locale=locale)
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
