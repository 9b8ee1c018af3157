"""Where does the link in a message lead? To a page that shows the invoice; its button acts.

Looking changes nothing, so that the scanners of mail providers may look. The address to pay at is
read when the button is pressed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
from web.portal.form import fields
from web.portal.frame import Apology
from web.portal.promising import Promises, Promising
from web.portal.view import View

_log = structlog.get_logger(__name__)
_PATH = "/p/{token}"
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_Answer = Callable[[Request, Invoice], Awaitable[Response]]


class InvoiceBook(Protocol):
    """Knows which invoice a link names; `store.registry.Registry` is one such."""

    async def get_invoice_of_link(self, link_id: str) -> Invoice | None:
        """The invoice as committed now."""
        ...


def install(
    application: Starlette,
    *,
    registry: InvoiceBook,
    links: PayLinks,
    policy: Policy,
    promises: Promises | None = None,
) -> None:
    """Add the pages of the customers, under the brand of the policy.

    Without `promises` no day can be chosen.
    """
    view = View(policy.brand, policy.account.locale)
    promising = Promising(promises=promises, view=view)
    pages = PayPages(registry=registry, links=links, view=view, promising=promising)
    for path, answer in ((_PATH, pages.answer), (f"{_PATH}/promise", pages.choose)):
        route = Route(path, answer, methods=["GET", "POST"], include_in_schema=False)
        application.router.routes.append(route)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPages:
    """The page of each invoice."""

    registry: InvoiceBook
    links: PayLinks
    view: View
    promising: Promising

    async def answer(self, request: Request) -> Response:
        """GET shows, POST leads to the place to pay."""
        return await self._with_invoice(request, self._pay_or_show)

    async def choose(self, request: Request) -> Response:
        """POST takes the day on which the customer will pay; GET leads back to the page."""
        return await self._with_invoice(request, self._choose)

    async def _with_invoice(self, request: Request, answer: _Answer) -> Response:
        link_id = self.links.link_id(request.path_params["token"])
        try:
            invoice = link_id and await self.registry.get_invoice_of_link(link_id)
            if not invoice:
                return self.view.apology(Apology.UNKNOWN)
            return await answer(request, invoice)
        except DatabaseDownError as fault:
            _log.error("pay_page_unavailable", reason=str(fault))
            return self.view.apology(Apology.LATER)

    async def _pay_or_show(self, request: Request, invoice: Invoice) -> Response:
        if request.method == "POST":
            return self._pay(invoice)
        return await self.promising.show(invoice, request.path_params["token"])

    async def _choose(self, request: Request, invoice: Invoice) -> Response:
        if request.method != "POST":
            page = f"../{request.path_params['token']}"
            return RedirectResponse(page, status_code=303, headers=_PRIVATE)
        if invoice.status is not InvoiceStatus.OPEN:
            return self.view.invoice(invoice)
        wanted = (await fields(request)).get("day")
        return await self.promising.choose(invoice, wanted, request.path_params["token"])

    def _pay(self, invoice: Invoice) -> Response:
        if invoice.status is not InvoiceStatus.OPEN:
            return self.view.invoice(invoice)
        if invoice.payment_url is None:
            return self.view.invoice(invoice, status=409)
        return RedirectResponse(invoice.payment_url, status_code=303, headers=_PRIVATE)
