"""Is every language complete, short enough and silent about the debt?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from messages.render import Renderer
from messages.segments import Encoding, measure

if TYPE_CHECKING:
    from tests.messages.conftest import BuildNotice

PACKAGE = Renderer().templates()
LOCALES = sorted(PACKAGE[Channel.EMAIL])
CASES = {
    channel: [(locale, name) for locale in LOCALES for name in sorted(PACKAGE[channel][locale])]
    for channel in Channel
}
BRAND = "Brand of twenty chrs"
LINK = "https://pay.acme.example/p/".ljust(60, "x")
# Words by which each language says how to stop; the keyword itself is what carriers know.
OPT_OUT = {
    "de": "SMS abbestellen: STOP",
    "en": "Reply STOP to opt out",
    "es": "Baja SMS: responda STOP",
    "fr": "Désinscription : STOP",
    "ja": "配信停止はSTOPと返信",
    "pt-BR": "Responda STOP para sair",
}
# What would tell a stranger about the money: amounts, currencies, invoices.
TELLTALE = re.compile(r"\d|[$€£¥￥]|R\$|\b(USD|EUR|JPY|BRL|INV)\b")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("channel", Channel)
def test_every_language_has_what_english_has(channel: Channel, locale: str) -> None:
    english, there = PACKAGE[channel]["en"], PACKAGE[channel][locale]
    missing, foreign = sorted(english - there), sorted(there - english)
    assert (missing, foreign) == ([], []), f"{channel} templates of {locale}"


def test_the_list_of_opt_out_words_is_complete() -> None:
    assert sorted(OPT_OUT) == LOCALES


@pytest.mark.parametrize(("locale", "template"), CASES[Channel.EMAIL])
def test_what_stands_in_the_list_of_emails_is_short_and_silent(
    locale: str, template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    brand = replace(notice(template).brand, name=BRAND)
    email = renderer.email(notice(template, locale=locale, brand=brand, customer_name="Ada"))
    assert len(email.subject) <= 60
    assert len(email.preheader) <= 110
    assert not TELLTALE.search(email.subject + email.preheader)
    assert "Ada" not in email.subject + email.preheader


@pytest.mark.parametrize(("locale", "template"), CASES[Channel.EMAIL])
def test_the_body_is_all_in_one_language(
    locale: str, template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice(template, locale=locale))
    english = renderer.email(notice(template, locale="en"))
    shared = set(email.text.splitlines()) & set(english.text.splitlines())
    said = {line for line in shared if locale != "en" and len(line.split()) > 4}
    values = {line for line in said if "Springfield" in line}
    assert said == values
    assert f'lang="{locale}"' in email.html
    assert email.text.count("billing@acme.example") >= 1


@pytest.mark.parametrize(("locale", "template"), CASES[Channel.SMS])
def test_a_text_is_short_signed_silent_and_can_be_stopped(
    locale: str, template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    brand = replace(notice(template).brand, name=BRAND)
    sent = notice(template, locale=locale, brand=brand, pay_url=LINK)
    text = renderer.text(sent)
    allowed = 1 if text.encoding is Encoding.GSM7 else 2
    assert text.segments <= allowed, f"{measure(text.body)}"
    assert (text.encoding is Encoding.GSM7) == (locale != "ja"), measure(text.body).flips
    words = text.body.replace(LINK, "")
    assert words.startswith(BRAND)
    assert LINK in text.body.split()
    assert words.endswith(OPT_OUT[locale])
    assert not TELLTALE.search(words)


@pytest.mark.parametrize(("locale", "template"), CASES[Channel.PUSH])
def test_a_push_message_is_short_and_silent(
    locale: str, template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    brand = replace(notice(template).brand, name=BRAND)
    push = renderer.push(notice(template, locale=locale, brand=brand))
    other = replace(notice(template, locale=locale, brand=brand), customer_name=None, others=())
    assert len(push.title) <= 50
    assert len(push.body) <= 150
    assert BRAND in push.title
    assert not TELLTALE.search(push.title + push.body)
    assert renderer.push(other) == push
