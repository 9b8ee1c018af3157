"""Where does the link in a message lead? To a page that shows the invoice; its button acts.

Looking changes nothing, so that the scanners of mail providers may look. The address to pay at is
read when the button is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dunning.directory import Invoice, InvoiceStatus
from dunning.policy import Policy
from messages.links import PayLinks
from store.errors import DatabaseDownError
from web.portal.view import Apology, View

_log = structlog.get_logger(__name__)
_PATH = "/p/{token}"


class InvoiceBook(Protocol):
    """Knows which invoice a link names; `store.registry.Registry` is one such."""

    async def get_invoice_of_link(self, link_id: str) -> Invoice | None:
        """The invoice as committed now."""
        ...


def install(
    application: Starlette, *, registry: InvoiceBook, links: PayLinks, policy: Policy
) -> None:
    """Add the pages of the customers, under the brand of the policy."""
    view = View(policy.brand, policy.account.locale)
    pages = PayPages(registry=registry, links=links, view=view)
    route = Route(_PATH, pages.answer, methods=["GET", "POST"], include_in_schema=False)
    application.router.routes.append(route)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPages:
    """The page of each invoice."""

    registry: InvoiceBook
    links: PayLinks
    view: View

    async def answer(self, request: Request) -> Response:
        """GET shows, POST leads to the place to pay."""
        link_id = self.links.link_id(request.path_params["token"])
        try:
            invoice = link_id and await self.registry.get_invoice_of_link(link_id)
        except DatabaseDownError as fault:
            _log.error("pay_page_unavailable", reason=str(fault))
            return self.view.apology(Apology.LATER)
        if not invoice:
            return self.view.apology(Apology.UNKNOWN)
        if request.method == "POST":
            return self._pay(invoice)
        return self.view.invoice(invoice)

    def _pay(self, invoice: Invoice) -> Response:
        if invoice.status is not InvoiceStatus.OPEN:
            return self.view.invoice(invoice)
        if invoice.payment_url is None:
            return self.view.invoice(invoice, status=409)
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(invoice.payment_url, status_code=303, headers=headers)
