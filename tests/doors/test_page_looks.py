"""Can every page of a customer be read on a narrow phone, by day and by night?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.consent import ConsentRule
from dunning.directory import Contact, Invoice, InvoiceStatus
from dunning.money import Money
from dunning.notice import Brand
from dunning.suppression import Reason, Scope, Source, Suppression
from tests.messages.browser import SCHEMES, Scheme, measure
from web.portal.choices import Ways
from web.portal.frame import Apology, Frame
from web.portal.page import Answered, Around
from web.portal.paying import Way
from web.portal.preference_view import PreferenceView
from web.portal.view import Said, View
from web.portal.words import languages
from web.promises import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.responses import HTMLResponse

NARROW = 320
STOP = "https://billing.northwind-studio-verwaltung.example/u/-wFvTglX5U2-.LrMgXn9Qy001jMcj_DkUiA"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAYS = (date(2026, 9, 23), date(2026, 9, 30))
BACKGROUNDS = {"light": "rgb(243, 245, 248)", "dark": "rgb(18, 21, 27)"}
BRAND = Brand(
    name="Northwind Studio AG",
    support_email="rechnungswesen@northwind-studio-verwaltung.example",
    website="https://northwind.example",
    postal_address="18 Harbour Street, Portland, ME 04101, USA",
)
COLORS = ("#ffd400", "#0b1f4b", "#767676")
ADA = Contact(
    customer_id="cus_1",
    email="ada@hohenstein-wittelsbach-grundstuecksverwaltung.example",
    phone="+12125550123",
    push_tokens=("device",),
)
INVOICE = Invoice(
    id="2026-11-annual-renewal-0000004711-amendment-b",
    amount=Money(minor=123456789, currency="EUR"),
    status=InvoiceStatus.OPEN,
    contact=ADA,
    description="Enterprise plan with 250 seats, priority support, data residency option",
    payment_url="https://checkout.northwind-studio-verwaltung.example/pay",
)


def _closed(channel: Channel, reason: Reason) -> Suppression:
    return Suppression(
        id=1,
        channel=channel,
        reason=reason,
        scope=Scope.EVERYTHING,
        source=Source.REPLY,
        created_at=NOW,
    )


CLOSED = {
    Channel.EMAIL: _closed(Channel.EMAIL, Reason.BAD_ADDRESS),
    Channel.SMS: _closed(Channel.SMS, Reason.OPTED_OUT),
}


def _choosing(brand: Brand, contact: Contact) -> Mapping[str, HTMLResponse]:
    view = PreferenceView(Frame(brand, "en"))
    ways = Ways(vendors=frozenset(Channel), consent=ConsentRule.NOT_REQUIRED)
    return {
        "open": view.page(contact, ways.of(contact, {})),
        "closed": view.page(contact, ways.of(contact, CLOSED), saved=True),
        "none": view.page(contact, (), saved=False, status=400),
        "unknown": view.apology(Apology.UNKNOWN),
    }


def _around(invoice: Invoice) -> Mapping[str, HTMLResponse]:
    view, way = View(BRAND, "en"), Way(host=None, leads_to="https://x.example", new_card=True)
    asking = Around(way=way, helps=True, answered=Answered.LONG, written="x" * 300, stop_url=STOP)
    return {
        "card": view.invoice(invoice, around=Around(way=way, helps=True, stop_url=STOP)),
        "asking": view.invoice(invoice, offer=Offer(days=DAYS), around=asking),
        "asked": view.invoice(invoice, around=Around(way=way, answered=Answered.TAKEN)),
        "trying": view.invoice(invoice, around=Around(trying=True, helps=True)),
        "failed": view.failed(invoice, way),
        "expired": view.apology(Apology.EXPIRED, invoice.contact.locale),
        "often": view.apology(Apology.OFTEN, invoice.contact.locale, retry_after=600),
    }


def _pages() -> dict[str, str]:
    found = dict[str, str]()
    for language in languages():
        contact = replace(ADA, locale=language)
        drawn = {
            **_choosing(BRAND, contact),
            "pay": View(BRAND, "en").invoice(replace(INVOICE, contact=contact)),
            "days": View(BRAND, "en").invoice(
                replace(INVOICE, contact=contact), offer=Offer(days=DAYS), said=Said.CHOOSE
            ),
            "promised": View(BRAND, "en").invoice(
                replace(INVOICE, contact=contact), offer=Offer(promised=DAYS[0]), said=Said.MADE
            ),
        }
        drawn |= _around(replace(INVOICE, contact=contact))
        found |= {f"{language}/{name}": _text(page) for name, page in drawn.items()}
    for color in COLORS:
        brand = replace(BRAND, color=color)
        found[color] = _text(_choosing(brand, ADA)["open"])
        found[f"{color}/pay"] = _text(View(brand, "en").invoice(INVOICE, offer=Offer(days=DAYS)))
    return found


def _text(page: HTMLResponse) -> str:
    return bytes(page.body).decode()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_fits_a_narrow_screen_and_can_be_read(scheme: Scheme, tmp_path: Path) -> None:
    pages = _pages()
    measured = measure(pages, tmp_path, width=NARROW, scheme=scheme)
    assert measured.keys() == pages.keys()
    assert {name: each["wide"] for name, each in measured.items() if each["wide"] > NARROW} == {}
    assert {name: each["poor"] for name, each in measured.items() if each["poor"]} == {}
    assert {each["background"] for each in measured.values()} == {BACKGROUNDS[scheme]}
    assert min(each["words"] for each in measured.values()) > len(("brand", "heading", "help"))
