"""How does a customer choose what to receive? On a page, or by the button of a mail program.

Looking changes nothing, so that the scanners of mail providers may look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunning.channel import Channel
from dunning.directory import Contact, Invoice
from dunning.policy import Policy
from dunning.suppression import Source, Suppression
from messages.links import PreferenceLinks
from store.errors import DatabaseDownError
from web.portal.choices import Choice, Standing, Ways, addresses
from web.portal.form import fields
from web.portal.frame import Apology, Frame
from web.portal.preference_view import PreferenceView

_log = structlog.get_logger(__name__)
_PATH = "/u/{token}"
# RFC 8058, section 3.2, to the letter.
_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_ALL = "all"


class InvoiceBook(Protocol):
    """Knows which invoice a link names; `store.registry.Registry` is one such."""

    async def get_invoice_of_link(self, link_id: str) -> Invoice | None:
        """The invoice as committed now."""
        ...


class Wishes(Protocol):
    """Keeps what customers choose; `store.preferences.Preferences` is one such."""

    async def closed(self, addresses: Mapping[Channel, str]) -> Mapping[Channel, Suppression]:
        """The weightiest reason why each address is closed, if it is."""
        ...

    async def stop(
        self, customer_id: str, addresses: Mapping[Channel, str], *, source: Source
    ) -> None:
        """Send no more reminders to these addresses; twice is once."""
        ...

    async def start(
        self, customer_id: str, addresses: Mapping[Channel, str], *, source: Source
    ) -> None:
        """Send reminders there again; what is a fact, and no choice of the customer, stays."""
        ...


def install(
    application: Starlette,
    *,
    registry: InvoiceBook,
    wishes: Wishes,
    links: PreferenceLinks,
    policy: Policy,
    vendors: Collection[Channel],
) -> None:
    """Add the page; `vendors` are the channels over which anything is sent at all."""
    pages = PreferencePages(
        registry=registry,
        wishes=wishes,
        links=links,
        ways=Ways(vendors=vendors, consent=policy.consent.sms),
        view=PreferenceView(Frame(policy.brand, policy.account.locale)),
    )
    route = Route(_PATH, pages.answer, methods=["GET", "POST"], include_in_schema=False)
    application.router.routes.append(route)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePages:
    """The choices of each customer."""

    registry: InvoiceBook
    wishes: Wishes
    links: PreferenceLinks
    ways: Ways
    view: PreferenceView

    async def answer(self, request: Request) -> Response:
        """GET shows, POST changes."""
        try:
            contact = await self._whose(request.path_params["token"])
            if contact is None:
                return self.view.apology(Apology.UNKNOWN)
            if request.method == "POST":
                return await self._change(contact, await fields(request))
            return self.view.page(contact, await self._choices(contact))
        except DatabaseDownError as fault:
            _log.error("preferences_unavailable", reason=str(fault))
            return self.view.apology(Apology.LATER)

    async def _whose(self, token: str) -> Contact | None:
        """The customer behind a link; one who was erased has no address any more."""
        link_id = self.links.link_id(token)
        invoice = link_id and await self.registry.get_invoice_of_link(link_id)
        return invoice.contact if invoice and addresses(invoice.contact) else None

    async def _change(self, contact: Contact, form: Mapping[str, str]) -> Response:
        if _ONE_CLICK in form.items():
            return await self._one_click(contact)
        found = await self._choices(contact)
        stop = _named(form.get("stop"), found)
        start = [
            c for c in _named(form.get("start"), found) if c.standing is not Standing.UNREACHABLE
        ]
        if not (stop or start):
            return self.view.page(contact, found, saved=False, status=HTTPStatus.BAD_REQUEST)
        if stop:
            await self.wishes.stop(contact.customer_id, _addresses(stop), source=Source.PAGE)
        if start:
            await self.wishes.start(contact.customer_id, _addresses(start), source=Source.PAGE)
        return self.view.page(contact, await self._choices(contact), saved=True)

    async def _one_click(self, contact: Contact) -> Response:
        if contact.email:
            email = {Channel.EMAIL: contact.email}
            await self.wishes.stop(contact.customer_id, email, source=Source.ONE_CLICK)
        return self.view.stopped(contact)

    async def _choices(self, contact: Contact) -> tuple[Choice, ...]:
        return self.ways.of(contact, await self.wishes.closed(addresses(contact)))


def _named(value: str | None, found: Sequence[Choice]) -> Sequence[Choice]:
    """The choices that a button stands for."""
    if value == _ALL:
        return found
    return [choice for choice in found if choice.channel.value == value]


def _addresses(found: Sequence[Choice]) -> Mapping[Channel, str]:
    return {choice.channel: choice.address for choice in found}
