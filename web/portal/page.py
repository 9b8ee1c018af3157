"""What does the page of an invoice say, in the words of one language?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from dunning.directory import Invoice, InvoiceStatus
from dunning.notice import Brand
from messages.dates import format_day
from messages.money import format_money
from messages.parameters import one_line
from web.portal.frame import Apology, Speech
from web.portal.paying import Way
from web.portal.words import AssistanceWords, PromiseWords, Words
from web.promises import Offer

LONGEST_REQUEST = 1000
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


class Answered(Enum):
    """What became of a request for help, likewise."""

    TAKEN = ("taken", 200)
    EMPTY = ("empty", 400)
    LONG = ("long", 400)
    MANY = ("many", 429)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[1]

    def words(self, words: AssistanceWords) -> str:
        """The sentence."""
        return str(getattr(words, self.value[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around an invoice. `way`: where its button leads, None if nowhere.

    `helps`: the customer can ask for help; `answered` and `written` are what became of it and the
    words that were not taken. `trying`: a card is being charged. `stop_url` leads to the customer's
    choices.
    """

    way: Way | None = None
    trying: bool = False
    helps: bool = False
    answered: Answered | None = None
    written: str = ""
    stop_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What varies from page to page. `token` is the end of its address, `below` one level down."""

    heading: str
    text: str | None = None
    facts: tuple[tuple[str, str | None], ...] = ()
    subject: str | None = None
    way: Way | None = None
    help: bool = False
    note: str | None = None
    days: tuple[tuple[str, str], ...] = ()
    token: str = ""
    below: bool = False
    helps: bool = False
    fault: str | None = None
    written: str = ""
    stop_url: str | None = None


def page_of(invoice: Invoice, around: Around, speech: Speech) -> Page:
    """The page of an invoice as it stands now."""
    words, name = speech.words, one_line(invoice.id)
    facts = (
        (words.amount, format_money(invoice.amount, speech.locale)),
        (words.purpose, one_line(invoice.description or "") or None),
        (words.invoice, name),
    )
    match invoice.status:
        case InvoiceStatus.PAID:
            return Page(heading=words.paid, text=words.paid_more, facts=facts)
        case InvoiceStatus.VOID:
            return Page(heading=words.void, text=words.void_more)
        case InvoiceStatus.OPEN if invoice.amount.minor == 0:
            return Page(heading=words.void, facts=facts)
        case InvoiceStatus.OPEN:
            page = _open(Page(heading=words.heading, facts=facts, subject=name), around, words)
            return _helping(page, around, words.assistance)


def _open(page: Page, around: Around, words: Words) -> Page:
    if around.trying:
        return replace(page, heading=words.trying, text=words.trying_more, help=True)
    if around.way is None:
        return replace(page, heading=words.no_address, text=words.how_to_pay)
    return replace(page, way=around.way, help=True)


def _helping(page: Page, around: Around, words: AssistanceWords) -> Page:
    """With the form to ask for help, unless that has just been done."""
    answered = around.answered
    page = replace(page, helps=around.helps, stop_url=around.stop_url)
    if answered is None:
        return page
    if answered is Answered.TAKEN:
        return replace(page, note=answered.words(words), helps=False, below=True)
    return replace(page, fault=answered.words(words), written=around.written, below=True)


def with_days(page: Page, offer: Offer, said: Said | None, speech: Speech) -> Page:
    """The page with the days that can be chosen, or with the one that was."""
    words, locale = speech.words.promise, speech.locale
    told = said or (Said.MADE if offer.promised else None)
    note = told.words(words) if told else None
    if note and offer.promised:
        note = note.replace("{day}", format_day(offer.promised, locale))
    days = tuple((day.isoformat(), format_day(day, locale)) for day in offer.days)
    return replace(page, note=page.note or note, days=days, below=page.below or said is not None)


def failed(invoice: Invoice, way: Way, words: Words) -> Page:
    """The page for a button that led nowhere; it can be pressed again."""
    name = one_line(invoice.id)
    return Page(heading=words.busy, text=words.busy_more, subject=name, way=way)


def apology(why: Apology, words: Words) -> Page:
    """A page that knows no invoice."""
    match why:
        case Apology.UNKNOWN:
            return Page(heading=words.unknown, text=words.unknown_more, help=True)
        case Apology.EXPIRED:
            return Page(heading=words.expired, text=words.expired_more)
        case Apology.OFTEN:
            return Page(heading=words.often, text=words.often_more, help=True)
        case Apology.LATER:
            return Page(heading=words.later, text=words.later_more, help=True)


def texts(page: Page, words: Words, brand: Brand) -> Mapping[str, object]:
    """Everything that the template needs."""
    title = words.title.replace("{brand}", brand.name)
    told = page.fault or page.note
    return {
        "title": f"{told} {title}" if told else title,
        "note": page.note,
        "days": page.days,
        "token": page.token,
        "below": page.below,
        "day_label": words.promise.label,
        "day_button": words.promise.button,
        "heading": page.heading.replace("{brand}", brand.name),
        "text": page.text,
        "facts": page.facts,
        "subject": page.subject,
        **_button(page.way, words, brand),
        "help": words.help if page.help else None,
        "asking": words.assistance if page.helps else None,
        "fault": page.fault,
        "written": page.written,
        "longest": LONGEST_REQUEST,
        "stop": words.stop,
        "stop_url": page.stop_url,
    }


def _button(way: Way | None, words: Words, brand: Brand) -> Mapping[str, object]:
    if way is None:
        return {"button": None, "leads_to": None}
    if way.new_card:
        return {"button": words.card, "leads_to": words.card_leads_to}
    return {
        "button": words.pay,
        "leads_to": words.leads_to.replace("{host}", way.host or brand.name),
    }
