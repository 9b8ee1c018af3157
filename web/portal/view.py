"""What does a customer see? An invoice, or the lack of one, becomes a page of the brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from starlette.responses import HTMLResponse

from dunning.directory import Invoice, InvoiceStatus
from dunning.notice import Brand
from messages.dates import format_day
from messages.money import format_money
from messages.parameters import one_line
from web.portal.frame import Apology, Frame, Speech
from web.portal.headers import host_of
from web.portal.words import PromiseWords, Words
from web.promises import Offer

_NOTHING = Offer()


class Said(Enum):
    """What became of a choice of a day: the words that tell it, and the status of the answer."""

    MADE = ("made", 200)
    MADE_BEFORE = ("made", 409)
    CHOOSE = ("choose", 400)
    REFUSED = ("refused", 409)
    LATER = ("later", 503)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[1]

    def words(self, words: PromiseWords) -> str:
        """The sentence, in which a day may be missing."""
        return str(getattr(words, self.value[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What varies from page to page."""

    heading: str
    text: str | None = None
    facts: tuple[tuple[str, str | None], ...] = ()
    subject: str | None = None
    pays_at: str | None = None
    help: bool = False
    note: str | None = None
    days: tuple[tuple[str, str], ...] = ()
    token: str = ""
    chosen: bool = False


class View:
    """Draws the pages of invoices."""

    def __init__(self, brand: Brand, default_locale: str) -> None:
        self._frame = Frame(brand, default_locale)

    def invoice(
        self,
        invoice: Invoice,
        *,
        offer: Offer = _NOTHING,
        said: Said | None = None,
        token: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        """The invoice as it stands now, with a button while it can be paid here.

        With days of an `offer` one of them can be chosen; `said` is what became of a choice. The
        page's own address ends with `token`; a choice is answered one level below it.
        """
        speech = self._frame.speech(invoice.contact.locale)
        amount = format_money(invoice.amount, speech.locale)
        page = _of(invoice, speech.words, amount)
        if invoice.status is InvoiceStatus.OPEN:
            page = replace(_promising(page, offer, said, speech), token=token)
        return self._draw(page, speech, status)

    def apology(self, why: Apology) -> HTMLResponse:
        """A page that knows no customer."""
        speech = self._frame.speech()
        words = speech.words
        if why is Apology.UNKNOWN:
            page = _Page(heading=words.unknown, text=words.unknown_more, help=True)
        else:
            page = _Page(heading=words.later, text=words.later_more, help=True)
        return self._draw(page, speech, why.value)

    def _draw(self, page: _Page, speech: Speech, status: int) -> HTMLResponse:
        content = _texts(page, speech.words, self._frame.brand)
        return self._frame.draw("page.html", speech, content, status=status, leads_to=page.pays_at)


def _promising(page: _Page, offer: Offer, said: Said | None, speech: Speech) -> _Page:
    """The page with the days that can be chosen, or with the one that was."""
    words, locale = speech.words.promise, speech.locale
    told = said or (Said.MADE if offer.promised else None)
    note = told.words(words) if told else None
    if note and offer.promised:
        note = note.replace("{day}", format_day(offer.promised, locale))
    days = tuple((day.isoformat(), format_day(day, locale)) for day in offer.days)
    return replace(page, note=note, days=days, chosen=said is not None)


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
    title = words.title.replace("{brand}", brand.name)
    return {
        "title": f"{page.note} {title}" if page.note else title,
        "note": page.note,
        "days": page.days,
        "token": page.token,
        "below": page.chosen,
        "day_label": words.promise.label,
        "day_button": words.promise.button,
        "heading": page.heading.replace("{brand}", brand.name),
        "text": page.text,
        "facts": page.facts,
        "subject": page.subject,
        "button": words.pay if page.pays_at else None,
        "leads_to": words.leads_to.replace("{host}", host or brand.name),
        "help": words.help if page.help else None,
    }
