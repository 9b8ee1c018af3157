"""Where do the tests of the pages find them? The whole product, with customers of every kind."""

from __future__ import annotations

import itertools
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn import Config

from app import clock, policy_file, senders, wiring
from app.clock import WallClock
from app.demo.stage import Stage, settings_for
from tests.pages.customers import fill, link_id
from tests.pages.serving import serving
from tests.pages.states import LOCALES, STATES, Door, Place, State
from web.portal import pages, preferences
from web.portal.pages import Behind
from web.portal.paying import Paying
from web.portal.promising import Promising
from web.portal.scene import Rules
from web.promises import Offer
from workflows.errors import TemporalDownError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from app.settings import Settings
    from dunning.directory import Invoice
    from dunning.pay_page import PayPage
    from store.cases import CaseRecord

BRAND = """brand:
  name: Northwind Studio
  support_email: billing@northwind.example
  website: https://northwind.example
  logo_url: https://northwind.example/logo.svg
  color: "#1f4fd8"
  postal_address: 18 Harbour Street, Portland, ME 04101, USA
"""
_NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one state of a page is found, and the language it is in."""

    state: State
    language: str
    lang: str
    url: str

    @property
    def name(self) -> str:
        return f"{self.language}/{self.state.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The running product, whose worker runs only where one is asked for.

    Beside it, its pages alone, for an account of each language, in the other places.
    """

    stage: Stage
    others: str

    def pages(self, language: str) -> list[Address]:
        """Every state of every page in a language."""
        return [self.page(state, language) for state in STATES]

    def page(self, state: State, language: str) -> Address:
        """One state of a page."""
        make = wiring.links if state.door is Door.PAY else wiring.preference_links
        url = make(self.stage.settings).url(link_id(state.life, language)) + state.below
        if state.place is not Place.WHOLE:
            path = url.removeprefix(self.stage.settings.public_url)
            url = f"{self.others}/{state.place.value}/{language}{path}"
        lang = LOCALES[language] if state.life else _account(language)
        return Address(state=state, language=language, lang=lang, url=url)


def _account(language: str) -> str:
    """How a page names its language when no customer has told a region."""
    main, _, region = language.partition("-")
    return f"{main}-{region.upper()}" if region else main


class Unheard:
    """Offers a day that no case hears of, as while Temporal is down."""

    async def offer(self, invoice: Invoice, case: CaseRecord | None) -> Offer:
        return Offer(days=(date(2026, 12, 1),))

    async def make_as_customer(self, invoice_id: str, day: date) -> object:
        raise TemporalDownError("Temporal does not answer")


@asynccontextmanager
async def open_site(database_url: str, temporal_address: str, folder: Path) -> AsyncGenerator[Site]:
    """Start the product, and let every customer come to where their pages are looked at."""
    policies = _policies(folder)
    async with AsyncExitStack() as stack:
        opening = Stage.open(
            database_url,
            temporal_address,
            work=False,
            DUNNING_POLICY=str(policies["en"]),
            REVTAIN_API_KEY="rk_pages",
        )
        stage = await stack.enter_async_context(opening)
        stage.sandbox.revtain.pages.active = False
        others = await stack.enter_async_context(_others(stage, database_url, policies))
        async with stage.working():
            await fill(stage)
        await _wear_out(others)
        yield Site(stage=stage, others=others)
        await stage.end_all()


def _policies(folder: Path) -> Mapping[str, Path]:
    """The default policy under a full brand, of an account in each language."""
    text = policy_file.default_policy_text()
    branded = re.sub(r"^brand:\n(?:  .*\n)+", BRAND, text, flags=re.MULTILINE)
    branded = branded.replace("[payment_url]", "[hosted_link, payment_url]")
    assert "Northwind" in branded
    assert "[hosted_link, payment_url]" in branded
    found = {language: folder / f"policy-{language}.yaml" for language in LOCALES}
    for language, path in found.items():
        path.write_text(branded.replace("  locale: en", f"  locale: {language}"))
    return found


@asynccontextmanager
async def _others(
    stage: Stage, database_url: str, policies: Mapping[str, Path]
) -> AsyncGenerator[str]:
    """The same pages for the account of each language, in every place; the base URL."""
    async with AsyncExitStack() as stack:
        mounted: list[Mount] = []
        for place, (language, policy) in itertools.product(
            set(Place) - {Place.WHOLE}, policies.items()
        ):
            url = _NOBODY if place is Place.WITHOUT_DATABASE else database_url
            settings = settings_for(url, stage.sandbox, DUNNING_POLICY=str(policy))
            stores = wiring.stores(settings, pool_size=1)
            stack.push_async_callback(stores.database.aclose)
            application = _application(settings, stores)
            mounted.append(Mount(f"/{place.value}/{language}", application))
        config = Config(Starlette(routes=mounted), lifespan="off", log_config=None)
        yield await stack.enter_async_context(serving(config))


def _application(settings: Settings, stores: wiring.Stores) -> Starlette:
    """Only the doors of customers: all the others take their time to start."""
    application = Starlette()
    policy = wiring.policy(settings)

    async def rules(_: str | None) -> PayPage:
        return policy.pay_page

    pages.install(
        application,
        registry=stores.registry,
        links=wiring.links(settings),
        policy=policy,
        behind=Behind(
            paying=Paying(now=clock.now),
            rules=Rules(of=rules, clock=WallClock()),
            promising=Promising(promises=Unheard()),
        ),
    )
    preferences.install(
        application,
        registry=stores.registry,
        wishes=stores.preferences,
        links=wiring.preference_links(settings),
        policy=policy,
        vendors=senders.channels(settings),
    )
    return application


async def _wear_out(others: str) -> None:
    """Guess links until nobody listens any more."""
    async with aiohttp.ClientSession() as http:
        for language in LOCALES:
            status = HTTPStatus.NOT_FOUND
            while status is HTTPStatus.NOT_FOUND:
                async with http.get(f"{others}/{Place.WORN_OUT.value}/{language}/p/guess") as told:
                    status = HTTPStatus(told.status)
            assert status is HTTPStatus.TOO_MANY_REQUESTS
