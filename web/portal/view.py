"""What does a customer see? An invoice, or the lack of one, becomes a page of the brand."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import HTMLResponse

from dunning.directory import Invoice, InvoiceStatus
from dunning.notice import Brand
from web.portal.frame import Apology, Frame, Speech
from web.portal.page import Around, Page, Said, apology, failed, page_of, texts, with_days
from web.portal.paying import Way
from web.promises import Offer

__all__ = ["Around", "Said", "View"]
_NOTHING = Offer()


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
        around: Around | None = None,
    ) -> HTMLResponse:
        """The invoice as it stands now, with a button while it can be paid here.

        With days of an `offer` one of them can be chosen; `said` is what became of a choice. The
        page's own address ends with `token`; what is sent of it is answered one level below.
        Without anything `around`, the button leads to the invoice's own address.
        """
        speech = self._frame.speech(invoice.contact.locale)
        around = around or Around(way=Way.to(invoice.payment_url))
        page = replace(page_of(invoice, around, speech), token=token)
        if invoice.status is InvoiceStatus.OPEN:
            page = with_days(page, offer, said, speech)
        return self._draw(page, speech, status)

    def failed(self, invoice: Invoice, way: Way) -> HTMLResponse:
        """The button led nowhere at this moment."""
        speech = self._frame.speech(invoice.contact.locale)
        return self._draw(failed(invoice, way, speech.words), speech, Apology.LATER.value)

    def apology(
        self, why: Apology, locale: str | None = None, *, retry_after: int | None = None
    ) -> HTMLResponse:
        """A page that tells nothing of any customer, but may speak their language."""
        speech = self._frame.speech(locale)
        return self._draw(apology(why, speech.words), speech, why.value, retry_after)

    def _draw(
        self, page: Page, speech: Speech, status: int, retry_after: int | None = None
    ) -> HTMLResponse:
        return self._frame.draw(
            "page.html",
            speech,
            texts(page, speech.words, self._frame.brand),
            status=status,
            leads_to=page.way.leads_to if page.way else None,
            retry_after=retry_after,
        )
