"""Does each reminder by email lead to the choice of what to receive, and no essential notice?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from activities.letters import Letter, Writer
from dunning.channel import Channel
from dunning.directory import Contact
from dunning.facts import Case
from dunning.notice import ESSENTIAL
from dunning.policy import Unsubscribe
from dunning.steps import Step
from messages.examples import example_notices
from messages.links import PayLinks, PreferenceLinks
from messages.render import Renderer
from tests.rules.policies import facts, policy

if TYPE_CHECKING:
    from tests.messages.conftest import BuildNotice

KEY = "k" * 32
URL = "https://pay.shop.example"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PACKAGE = Renderer().templates()
LINKS = {
    "en": "Change what you receive",
    "de": "Einstellen, was Sie erhalten",
    "fr": "Choisir ce que vous recevez",
    "es": "Elegir qué mensajes recibe",
    "pt-BR": "Escolher o que você recebe",
    "ja": "メール・SMSの受信設定を変更する",
}
CHOOSING = PreferenceLinks(KEY, URL)


def letter(
    template: str = "reminder",
    unsubscribe: Unsubscribe = Unsubscribe.ONE_CLICK,
    *,
    channel: Channel = Channel.EMAIL,
    public_url: str = URL,
) -> Letter:
    writer = Writer(
        renderer=Renderer(),
        links=PayLinks(KEY, public_url),
        preferences=PreferenceLinks(KEY, public_url),
    )
    contact = Contact(
        customer_id="cus_1", email="ada@example.com", phone="+12125550123", push_tokens=("d",)
    )
    return writer.write(
        step=Step(id="m.first", channel=channel, template=template, due_at=NOW),
        case=Case(workflow_id="dunning:INV-1:1", started_at=NOW),
        invoice=replace(facts(link_id="abc").invoice, contact=contact),
        policy=policy(unsubscribe=unsubscribe.value),
        zone="UTC",
        valid_for=timedelta(hours=1),
    )


@pytest.mark.parametrize("locale", LINKS)
def test_the_footer_of_every_language_leads_to_the_choice(
    locale: str, renderer: Renderer, notice: BuildNotice
) -> None:
    named = f">{LINKS[locale]}</a>"
    for template in PACKAGE[Channel.EMAIL][locale]:
        given: dict[str, Any] = {"locale": locale}
        email = renderer.email(notice(template, **given))
        link = notice(template).preferences_url
        shown = (named in email.html, LINKS[locale] in email.text)
        assert shown == ((False, False) if template in ESSENTIAL else (True, True))
        assert link is None or (f'href="{link}"' in email.html and link in email.text)
        without = renderer.email(notice(template, **given, preferences_url=None))
        assert LINKS[locale] not in without.html + without.text


def test_examples_show_the_link_but_for_notices_that_must_come() -> None:
    linked = {
        t for t in PACKAGE[Channel.EMAIL]["en"] if example_notices(t, "en")[0].preferences_url
    }
    assert linked == PACKAGE[Channel.EMAIL]["en"] - ESSENTIAL
    assert PACKAGE[Channel.EMAIL]["en"] >= ESSENTIAL


def test_one_click_adds_both_headers_for_the_link_of_the_footer() -> None:
    written = letter()
    url = CHOOSING.url("abc")
    assert written.headers == {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert url in written.text
    assert url in written.html
    assert letter(channel=Channel.SMS).headers == {}


def test_the_policy_decides_between_headers_link_and_nothing() -> None:
    assert policy().unsubscribe is Unsubscribe.LINK
    plain = letter(unsubscribe=Unsubscribe.LINK)
    assert (plain.headers, CHOOSING.url("abc") in plain.text) == ({}, True)
    silent = letter(unsubscribe=Unsubscribe.NONE)
    assert (silent.headers, "/u/" in silent.text + silent.html) == ({}, False)


@pytest.mark.parametrize("template", sorted(ESSENTIAL))
def test_what_a_customer_must_get_offers_no_way_to_stop_it(template: str) -> None:
    written = letter(template)
    assert (written.headers, "/u/" in written.text + written.html) == ({}, False)


@pytest.mark.parametrize(
    ("public_url", "promised"),
    [
        ("https://pay.shop.example", True),
        ("http://pay.shop.example", False),
        ("http://127.0.0.1.shop.example", False),
        ("http://10.0.0.1:8080", False),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
    ],
)
def test_one_click_is_promised_over_encrypted_links_only(
    public_url: str, *, promised: bool
) -> None:
    written = letter(public_url=public_url)
    assert bool(written.headers) is promised
    assert f"{public_url}/u/" in written.text


def test_the_links_of_one_email_open_no_other_door() -> None:
    pay, choose = PayLinks(KEY, URL), CHOOSING
    tokens = {links: links.url("abc").rpartition("/")[2] for links in (pay, choose)}
    assert [links.link_id(tokens[links]) for links in (pay, choose)] == ["abc", "abc"]
    assert (pay.link_id(tokens[choose]), choose.link_id(tokens[pay])) == (None, None)
    assert PreferenceLinks("x" * 32, URL).link_id(tokens[choose]) is None
