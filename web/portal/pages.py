"""Where does the link in a message lead? To a page that shows the invoice; its buttons act.

Looking changes nothing, so that the scanners of mail providers may look. The address to pay at is
read, or made, when the button is pressed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dunning.errors import DunningError
from dunning.policy import Policy
from messages.links import PayLinks, PreferenceLinks
from store.pay_pages import PageRecord
from web.portal.assisting import Assisting, plain
from web.portal.form import fields
from web.portal.frame import Apology
from web.portal.page import Answered, Around, Said
from web.portal.paying import Paying
from web.portal.presses import pressed
from web.portal.promising import Promising
from web.portal.rates import Rates
from web.portal.scene import Rules, Scene
from web.portal.view import View
from web.promises import Offer

_log = structlog.get_logger(__name__)
_PATH = "/p/{token}"
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_CONFLICT = 409
_NOTHING = Offer()
_Answer = Callable[[Request, Scene], Awaitable[Response]]


class PageBook(Protocol):
    """Knows what stands behind a link; `store.registry.Registry` is one such."""

    async def get_page_of_link(self, link_id: str) -> PageRecord | None:
        """The invoice and its case as committed now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What the buttons set in motion. `stops` are the links to what the customer receives."""

    paying: Paying
    rules: Rules
    promising: Promising = field(default_factory=Promising)
    assisting: Assisting = field(default_factory=Assisting)
    stops: PreferenceLinks | None = None


def install(
    application: Starlette, *, registry: PageBook, links: PayLinks, policy: Policy, behind: Behind
) -> None:
    """Add the pages of the customers, under the brand of the policy."""
    pages = PayPages(
        registry=registry,
        links=links,
        view=View(policy.brand, policy.account.locale),
        behind=behind,
        rates=Rates(behind.paying.now),
    )
    answers = {"": pages.answer, "/promise": pages.choose, "/help": pages.ask, "/": pages.back}
    for path, answer in answers.items():
        route = Route(f"{_PATH}{path}", answer, methods=["GET", "POST"], include_in_schema=False)
        application.router.routes.append(route)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPages:
    """The page of each invoice."""

    registry: PageBook
    links: PayLinks
    view: View
    behind: Behind
    rates: Rates

    async def answer(self, request: Request) -> Response:
        """GET shows, POST leads to the place to pay."""
        return await self._with_scene(request, self._pay if pressed(request) else self._show)

    async def choose(self, request: Request) -> Response:
        """POST takes the day on which the customer will pay; GET leads back to the page."""
        return await self._with_scene(request, self._choose if pressed(request) else _back)

    async def ask(self, request: Request) -> Response:
        """POST takes what the customer writes to us; GET leads back to the page."""
        return await self._with_scene(request, self._ask if pressed(request) else _back)

    async def back(self, request: Request) -> Response:
        """To the page from an address that something was added to, without naming any host."""
        return await self._with_scene(request, _back)

    async def _with_scene(self, request: Request, answer: _Answer) -> Response:
        token = request.path_params["token"]
        link_id = self.links.link_id(token)
        try:
            record = await self.registry.get_page_of_link(link_id) if link_id else None
            if link_id is None or record is None:
                return self._unknown(request)
            locale = record.invoice.contact.locale
            if wait := self.rates.of_link(link_id, request.method):
                return self.view.apology(Apology.OFTEN, locale, retry_after=wait)
            scene = await self.behind.rules.scene(record, token, link_id)
            if scene is None:
                return self.view.apology(Apology.EXPIRED, locale)
            return await answer(request, scene)
        except DunningError as fault:
            # Such as a database that is away, or a case's policy that cannot be read any more.
            _log.error("pay_page_unavailable", error=type(fault).__name__, reason=str(fault))
            return self.view.apology(Apology.LATER)

    def _unknown(self, request: Request) -> Response:
        if wait := self.rates.of_stranger(request):
            return self.view.apology(Apology.OFTEN, retry_after=wait)
        return self.view.apology(Apology.UNKNOWN)

    async def _show(self, _: Request, scene: Scene) -> Response:
        return self._page(scene, await self.behind.promising.offer(scene))

    async def _pay(self, _: Request, scene: Scene) -> Response:
        paying = self.behind.paying
        if not scene.owed:
            return self._page(scene)
        way = paying.way(scene.record, scene.rules)
        if way is None or scene.trying:
            return self._page(scene, status=_CONFLICT)
        url = await paying.address(scene.record, scene.rules)
        if url is None:
            return self.view.failed(scene.invoice, way)
        return RedirectResponse(url, status_code=303, headers=_PRIVATE)

    async def _choose(self, request: Request, scene: Scene) -> Response:
        if not scene.owed:
            return self._page(scene)
        wanted = (await fields(request)).get("day")
        offer, said = await self.behind.promising.choose(scene, wanted)
        return self._page(scene, offer, said=said, status=said.status)

    async def _ask(self, request: Request, scene: Scene) -> Response:
        if not scene.owed:
            return self._page(scene)
        written = plain((await fields(request)).get("message"))
        answered = await self.behind.assisting.take(scene.invoice, written)
        if answered is None:
            return self._page(scene, status=_CONFLICT)
        offer = await self.behind.promising.offer(scene)
        around = self._around(scene, answered, written)
        return self.view.invoice(
            scene.invoice, offer=offer, token=scene.token, status=answered.status, around=around
        )

    def _page(
        self,
        scene: Scene,
        offer: Offer = _NOTHING,
        *,
        said: Said | None = None,
        status: int = 200,
    ) -> Response:
        return self.view.invoice(
            scene.invoice,
            offer=offer,
            said=said,
            token=scene.token,
            status=status,
            around=self._around(scene),
        )

    def _around(self, scene: Scene, answered: Answered | None = None, written: str = "") -> Around:
        behind = self.behind
        return Around(
            way=behind.paying.way(scene.record, scene.rules),
            trying=scene.trying,
            helps=behind.assisting.offered(scene.invoice),
            answered=answered,
            written=written,
            stop_url=behind.stops.url(scene.link_id) if behind.stops else None,
        )


async def _back(_: Request, scene: Scene) -> Response:
    return RedirectResponse(f"../{scene.token}", status_code=303, headers=_PRIVATE)
