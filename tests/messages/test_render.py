"""What holds for every message, whatever its words are?"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.errors import PolicyError
from dunning.money import Money
from dunning.notice import Brand, Notice
from messages.render import RenderedText, Renderer
from messages.segments import Encoding, measure
from tests.messages.conftest import DAY, OTHERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.messages.conftest import BuildNotice, WriteTemplates

PACKAGE = Renderer().templates()
EMAILS = sorted(PACKAGE[Channel.EMAIL]["en"])
TEXTS = sorted(PACKAGE[Channel.SMS]["en"])
KINDS = {"USD": "$25.00", "JPY": "¥2,500", "KWD": "KWD\u00a02.500", "UYW": "UYW\u00a00.2500"}


class Page(HTMLParser):
    """The elements of an email, and the words a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def attributes(self, tag: str, name: str) -> list[str | None]:
        return [attributes.get(name) for found, attributes in self.tags if found == tag]


def scarce(notice: Notice) -> Notice:
    brand = Brand(name=notice.brand.name, support_email=notice.brand.support_email)
    return replace(notice, brand=brand, customer_name=None, description=None, last_day=None)


@pytest.mark.parametrize("currency", KINDS)
@pytest.mark.parametrize("template", EMAILS)
def test_every_email_states_the_amount_in_the_body_only(
    template: str, currency: str, renderer: Renderer, notice: BuildNotice
) -> None:
    full = notice(template, amount=Money(minor=2500, currency=currency))
    for each in (full, scarce(full)):
        email = renderer.email(each)
        assert KINDS[currency] in email.text
        assert KINDS[currency] in unescape(email.html)
        assert not re.search(r"\d", email.subject + email.preheader)
        assert "None" not in email.text + email.html


@pytest.mark.parametrize("template", EMAILS)
def test_every_email_says_who_writes_why_and_where_to_ask(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice(template))
    page = Page(email.html)
    for body in (email.text, "".join(page.words)):
        assert "You receive this email because" in body
        assert "Acme Analytics" in body
        assert "1 Main Street, Springfield, IL 62701, USA" in body
        assert "billing@acme.example" in body
        assert "Pro plan, November" in body
        assert "INV-2041" in body
    assert page.attributes("html", "lang") == ["en"]
    assert page.attributes("img", "alt") == ["Acme Analytics"]
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in page.tags
    assert set(page.attributes("table", "role")) == {"presentation"}


@pytest.mark.parametrize("template", EMAILS)
def test_the_pay_link_is_a_button_and_plain_text_unless_nothing_is_asked(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    sent = notice(template)
    email = renderer.email(sent)
    page = Page(email.html)
    asked = 0 if template == "payment_received" else 1
    listed = 1 if template == "several" else 0
    assert page.attributes("a", "href").count(sent.pay_url) == 2 * asked + listed
    assert page.words.count(sent.pay_url) == asked
    assert email.text.count(sent.pay_url) == asked + listed


@pytest.mark.parametrize("template", EMAILS)
def test_no_email_threatens_promises_or_names_the_decline(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice(template))
    said = f"{email.subject} {email.preheader} {email.text}".lower()
    banned = r"retry|try again|insufficient|funds|balance|debt|legal|collect|immediately|urgent"
    assert not re.search(rf"\b({banned})\b|discount|% off|free month", said)


@pytest.mark.parametrize("template", TEXTS)
def test_a_text_is_one_gsm7_segment_with_a_long_brand_and_link(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    brand = replace(notice(template).brand, name="B" * 20)
    link = "https://pay.acme.example/p/".ljust(70, "x")
    text = renderer.text(notice(template, brand=brand, pay_url=link))
    assert text == RenderedText(body=text.body, encoding=Encoding.GSM7, segments=1)
    assert measure(text.body).units <= 160
    assert text.body.startswith(f"{'B' * 20}: ")
    assert text.body.endswith(f" {link} Reply STOP to opt out")


@pytest.mark.parametrize("template", TEXTS)
def test_a_text_tells_strangers_nothing(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    """The words do not depend on customer, amount, purpose or day."""
    full = notice(template)
    other = replace(
        full,
        amount=Money(minor=1, currency="KWD"),
        invoice_id="X",
        customer_name=None,
        description=None,
        last_day=None,
    )
    assert renderer.text(full) == renderer.text(other)
    assert not re.search(r"\d", renderer.text(full).body.replace(full.pay_url, ""))


def test_a_text_with_a_brand_beyond_gsm7_says_so(renderer: Renderer, notice: BuildNotice) -> None:
    brand = replace(notice("reminder").brand, name="Škoda")
    text = renderer.text(notice("reminder", brand=brand))
    assert (text.encoding, text.segments) == (Encoding.UCS2, 2)


def test_hostile_values_stay_values(renderer: Renderer, notice: BuildNotice) -> None:
    hostile = '<script>alert("x")</script>{{ amount }}'
    email = renderer.email(
        notice(
            "card_declined",
            customer_name=hostile,
            description=f"{hostile}\n\nPay here instead",
            invoice_id='"><img src=x onerror=y>',
            pay_url='https://pay.acme.example/p/"onmouseover="x',
        )
    )
    page = Page(email.html)
    assert page.attributes("script", "src") == []
    assert page.attributes("img", "src") == ["https://acme.example/logo.png"]
    assert page.attributes("a", "onmouseover") == [None] * len(page.attributes("a", "href"))
    assert f"Hello {hostile}," in email.text
    assert f"For: {hostile} Pay here instead\n" in email.text
    assert f"Hello {hostile}," in page.words


def test_a_line_break_cannot_start_a_header(renderer: Renderer, notice: BuildNotice) -> None:
    brand = replace(notice("reminder").brand, name="Acme\r\nBcc: all@acme.example\u2028\x00")
    email = renderer.email(notice("reminder", brand=brand))
    assert email.subject == "Reminder: your payment to Acme Bcc: all@acme.example"
    assert renderer.text(notice("reminder", brand=brand)).body.count("\n") == 0


@pytest.mark.parametrize(
    "name",
    [
        "http://evil.example",
        "www.evil",
        "win at evil.com",
        "ada@evil.example",
        "A" * 61,
        " ",
    ],
)
def test_a_name_that_could_carry_a_link_is_not_greeted(
    name: str, renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice("reminder", customer_name=name))
    assert "Hello,\n" in email.text


@pytest.mark.parametrize("name", ["J. R. Smith", "Zoë O'Neill-Çelik", "Acme A/S", "\u202eadA"])
def test_names_are_greeted_as_they_are(name: str, renderer: Renderer, notice: BuildNotice) -> None:
    email = renderer.email(notice("reminder", customer_name=name))
    assert f"Hello {name.removeprefix(chr(0x202E))},\n" in email.text


@pytest.mark.parametrize(
    ("color", "ink"),
    [("#1f4fd8", "#ffffff"), ("#ffd400", "#000000"), ("#fff", "#000000"), ("navy", "#ffffff")],
)
def test_the_button_can_be_read_on_any_brand_color(
    color: str, ink: str, renderer: Renderer, notice: BuildNotice
) -> None:
    brand = replace(notice("reminder").brand, color=color)
    html = renderer.email(notice("reminder", brand=brand)).html
    styles = [re.sub(r":\s", ":", style or "") for style in Page(html).attributes("a", "style")]
    (style,) = (style for style in styles if "font-weight:600" in style)
    assert f"color:{ink};" in style
    assert f"background:{color};" in style


def test_a_british_customer_gets_british_dates_and_amounts(
    renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice("final_notice", locale="en-GB"))
    assert "Amount: US$25.00\n" in email.text
    assert "Pay by: Thursday, 3 December 2026\n" in email.text
    assert '<html lang="en-GB" dir="ltr" ' in email.html


def test_a_dutch_template_is_used_with_dutch_amounts_and_only_where_it_exists(
    write_templates: WriteTemplates, notice: BuildNotice
) -> None:
    directory = write_templates(
        nl__reminder__email=(
            "{% extends layout %}{% block subject %}Uw betaling{% endblock %}"
            "{% block preheader %}Graag nakijken{% endblock %}"
            "{% block body %}{{ amount }}{% endblock %}"
        ),
        nl__words__email="",
    )
    words = (directory / "nl" / "words.email.jinja").rename(directory / "nl" / "words.jinja")
    words.write_text(
        "{% set amount = 'Bedrag' %}{% set purpose = 'Voor' %}{% set invoice = 'Factuur' %}"
        "{% set last_day = 'Uiterlijk' %}{% set plain_link = 'Adres:' %}{% set help = 'Vragen?' %}"
        "{% set closing = 'Groeten' %}{% macro greeting(name) %}Goedendag,{% endmacro %}"
        "{% macro why(brand) %}Waarom{% endmacro %}",
        encoding="utf-8",
    )
    renderer = Renderer(directory)
    dutch = renderer.email(notice("reminder", locale="nl-BE"))
    assert dutch.subject == "Uw betaling"
    assert "Bedrag: US$\u00a025,00\nVoor: Pro plan, November" in dutch.text
    english = renderer.email(notice("final_notice", locale="nl-BE"))
    assert "Hello Ada," in english.text
    assert "Amount: $25.00\n" in english.text
    assert renderer.templates()[Channel.EMAIL]["nl"] == frozenset({"reminder"})


def test_a_merchant_overrides_a_single_file(
    write_templates: WriteTemplates, renderer: Renderer, notice: BuildNotice
) -> None:
    directory = write_templates(en__reminder__sms="{{ brand.name }} {{ pay_url }} STOP")
    own = Renderer(directory)
    assert own.text(notice("reminder")).body == (
        "Acme Analytics https://pay.acme.example/p/aXkZ3w.q8Vb1kTn STOP"
    )
    assert own.email(notice("reminder")) == renderer.email(notice("reminder"))
    assert own.templates() == renderer.templates()


def test_a_message_about_several_lists_each_and_a_total_for_each_currency(
    renderer: Renderer, notice: BuildNotice
) -> None:
    email = renderer.email(notice("several"))
    assert (
        "$25.00: Pro plan, November, Invoice INV-2041\n"
        "https://pay.acme.example/p/aXkZ3w.q8Vb1kTn\n"
        "$19.99: Storage, Invoice INV-2042\n"
        "https://pay.acme.example/p/second\n"
        "€10.00: Invoice INV-2043\n"
        "https://pay.acme.example/p/third\n"
        "Total: $44.99\n"
        "Total: €10.00\n"
    ) in email.text
    words = [word.strip() for word in Page(email.html).words]
    assert {"INV-2043", "Storage", "Invoice INV-2042", "$44.99", "€10.00"} <= set(words)
    alone = renderer.email(notice("reminder"))
    assert "Total" not in alone.text + alone.html


def test_days_stand_where_a_notice_has_them(renderer: Renderer, notice: BuildNotice) -> None:
    confirmed = renderer.email(notice("promise_confirmed")).text
    assert "by Thursday, December 3, 2026." in confirmed
    assert "Your payment date: Thursday, December 3, 2026\n" in confirmed
    paused = renderer.email(notice("paused")).text
    assert "until Thursday, December 3, 2026." in paused


def test_a_merchant_brings_a_frame_of_html_or_of_mjml(
    tmp_path: Path, renderer: Renderer, notice: BuildNotice
) -> None:
    shipped = renderer.email(notice("reminder"))
    (tmp_path / "layout.html").write_text("<p>{% block body %}{% endblock %}</p>", "utf-8")
    plain = Renderer(tmp_path).email(notice("reminder"))
    assert plain.html.startswith("<p>Your payment of $25.00")
    frame = "<mjml><mj-body><mj-text>{% block heading %}{% endblock %}</mj-text></mj-body></mjml>"
    (tmp_path / "layout.mjml").write_text(frame, "utf-8")
    own = Renderer(tmp_path).email(notice("reminder"))
    assert own.html.startswith("<!DOCTYPE html>")
    assert "A reminder about your payment" in own.html
    assert (plain.text, own.text) == (shipped.text, shipped.text)


@pytest.mark.parametrize(
    "content", ["<mj-text>", "<mj-include path='/etc/hosts' />", "<mj-include path='file:///x' />"]
)
def test_a_frame_that_is_not_mjml_or_includes_a_file_is_refused(
    content: str, tmp_path: Path, notice: BuildNotice
) -> None:
    (tmp_path / "layout.mjml").write_text(f"<mjml><mj-body>{content}</mj-body></mjml>", "utf-8")
    with pytest.raises(PolicyError) as raised:
        Renderer(tmp_path).email(notice("reminder"))
    (problem,) = raised.value.problems
    assert problem == (
        "reminder.email.jinja: the email is not well-formed MJML; close every tag, and include no "
        "other file"
    )


def test_a_language_without_a_region_gets_the_only_one_there_is(
    renderer: Renderer, notice: BuildNotice
) -> None:
    brazil = renderer.email(notice("reminder", locale="pt-BR"))

    assert renderer.email(notice("reminder", locale="pt")).subject == brazil.subject
    assert renderer.email(notice("reminder", locale="pt-PT")).subject == brazil.subject


def test_an_amount_never_breaks_over_two_lines(renderer: Renderer, notice: BuildNotice) -> None:
    german = renderer.email(
        notice("reminder", locale="de", amount=Money(minor=250000, currency="EUR"))
    )

    assert "2.500,00\N{NO-BREAK SPACE}€" in german.text
    assert "2.500,00 €" not in german.text


@pytest.mark.parametrize("template", ["promise_broken", "promise_confirmed", "paused"])
def test_conditions_in_a_template_glue_no_words_and_no_paragraphs(
    renderer: Renderer, notice: BuildNotice, template: str
) -> None:
    words = renderer.email(
        notice(template, description="Plan X", promised_day=DAY, paused_until=DAY)
    ).text

    assert not re.search(r"Plan X[a-z]", words)
    assert re.search(r"\n\n(Plans change|We will send|The payment itself)", words)


def test_each_of_several_payments_has_a_link_of_its_own(
    renderer: Renderer, notice: BuildNotice
) -> None:
    rendered = renderer.email(notice("several", others=OTHERS))

    for address in ("https://pay.acme.example/p/second", "https://pay.acme.example/p/third"):
        assert rendered.text.count(address) == 1
        assert rendered.html.count(f'href="{address}"') == 1
