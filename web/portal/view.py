"""What does a customer see? An invoice, or the lack of one, becomes a page of the brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from dunning.directory import Invoice, InvoiceStatus
from dunning.money import Money
from dunning.notice import Brand, Notice
from messages.languages import language_tag, writing_locale
from messages.money import format_money
from messages.parameters import clean_brand, email_parameters, one_line
from web.portal.headers import host_of, security_headers
from web.portal.words import Words, words_for


class Apology(Enum):
    """Why there is no invoice to show: the status of the answer."""

    UNKNOWN = 404
    LATER = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What varies from page to page."""

    heading: str
    text: str | None = None
    facts: tuple[tuple[str, str | None], ...] = ()
    subject: str | None = None
    pays_at: str | None = None
    help: bool = False


class View:
    """Draws pages under one brand; `default_locale` is for customers without one."""

    def __init__(self, brand: Brand, default_locale: str) -> None:
        self._brand = clean_brand(brand)
        self._default = default_locale
        environment = Environment(
            loader=PackageLoader("web.portal"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._page = environment.get_template("page.html")
        style = environment.get_template("style.css")
        self._style = style.render(color=brand.color, ink=_ink(brand))

    def invoice(self, invoice: Invoice, *, status: int = 200) -> HTMLResponse:
        """The invoice as it stands now, with a button while it can be paid here."""
        wanted = invoice.contact.locale or self._default
        language, words = words_for(wanted, self._default)
        page = _of(invoice, words, format_money(invoice.amount, writing_locale(wanted, language)))
        return self._draw(page, wanted, language, words, status)

    def apology(self, why: Apology) -> HTMLResponse:
        """A page that knows no customer."""
        language, words = words_for(self._default, self._default)
        if why is Apology.UNKNOWN:
            page = _Page(heading=words.unknown, text=words.unknown_more, help=True)
        else:
            page = _Page(heading=words.later, text=words.later_more, help=True)
        answer = self._draw(page, self._default, language, words, why.value)
        if why is Apology.LATER:
            answer.headers["Retry-After"] = "60"
        return answer

    def _draw(
        self, page: _Page, wanted: str, language: str, words: Words, status: int
    ) -> HTMLResponse:
        locale = writing_locale(wanted, language)
        content = self._page.render(
            **_texts(page, words, self._brand),
            brand=self._brand,
            style=Markup(self._style),  # noqa: S704 (made above from a checked colour)
            lang=language_tag(locale),
            direction=locale.text_direction,
        )
        headers = security_headers(
            style=self._style, logo_url=self._brand.logo_url, leads_to=page.pays_at
        )
        return HTMLResponse(content, status_code=status, headers=headers)


def _of(invoice: Invoice, words: Words, amount: str) -> _Page:
    name = one_line(invoice.id)
    facts = (
        (words.amount, amount),
        (words.purpose, one_line(invoice.description or "") or None),
        (words.invoice, name),
    )
    match invoice.status:
        case InvoiceStatus.PAID:
            return _Page(heading=words.paid, text=words.paid_more, facts=facts)
        case InvoiceStatus.VOID:
            return _Page(heading=words.void, text=words.void_more)
        case InvoiceStatus.OPEN if invoice.payment_url is None:
            return _Page(heading=words.no_address, text=words.how_to_pay, facts=facts, subject=name)
        case InvoiceStatus.OPEN:
            return _Page(
                heading=words.heading,
                facts=facts,
                subject=name,
                pays_at=invoice.payment_url,
                help=True,
            )


def _texts(page: _Page, words: Words, brand: Brand) -> Mapping[str, object]:
    host = host_of(page.pays_at) if page.pays_at else None
    return {
        "title": words.title.replace("{brand}", brand.name),
        "heading": page.heading.replace("{brand}", brand.name),
        "text": page.text,
        "facts": page.facts,
        "subject": page.subject,
        "button": words.pay if page.pays_at else None,
        "leads_to": words.leads_to.replace("{host}", host or brand.name),
        "help": words.help if page.help else None,
    }


def _ink(brand: Brand) -> object:
    """The colour of letters on the brand's, the same as on the button of an email."""
    sample = Notice(
        template="page",
        locale="en",
        brand=brand,
        amount=Money(minor=0, currency="USD"),
        invoice_id="",
        pay_url="",
    )
    return email_parameters(sample, Locale("en"))["button_ink"]
