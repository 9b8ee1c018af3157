"""How does a customer's browser meet the whole page? With every button that it can have."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from dunning.charge import HostedLink
from dunning.errors import ProviderError
from dunning.pay_page import PayPage
from dunning.policy import Policy, Promise
from store.call_budget import CallBudget
from store.database import Database
from store.help_requests import HelpRequests
from store.hosted_links import HostedLinks
from tests.doors.conftest import NOW, TOKEN_KEY, StillClock, World, behind_pages
from web.portal import pages
from web.portal.assisting import Assisting
from web.portal.minting import Minter
from web.portal.paying import Paying
from web.portal.scene import Rules
from web.promises import PromiseDesk

SECRET = "0123456789abcdef0123456789abcdef"
HOSTED = "https://api.revtain.example"


@dataclass(slots=True)
class CardPages:
    """Makes links as the recovery service does, or fails as told."""

    minted: list[str] = field(default_factory=list[str])
    tokens: list[str] = field(default_factory=list[str])
    fault: ProviderError | None = None

    async def mint(self, token: str) -> HostedLink:
        self.tokens.append(token)
        if self.fault is not None:
            raise self.fault
        url = f"{HOSTED}/update-card/once-{len(self.minted) + 1}"
        self.minted.append(url)
        return HostedLink(url=url, expires_at=NOW + timedelta(hours=72))


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A browser, the path of the page of INV-1, and what stands behind it."""

    http: httpx.AsyncClient
    link: str
    cards: CardPages

    async def look(self, **more: Any) -> httpx.Response:
        return await self.http.get(self.link, **more)

    async def press(self, path: str = "", **more: Any) -> httpx.Response:
        return await self.http.post(f"{self.link}{path}", **more)

    async def write(self, message: str) -> httpx.Response:
        return await self.press("/help", data={"message": message})


@asynccontextmanager
async def visiting(
    world: World,
    database: Database,
    policy: Policy,
    link_id: str,
    *,
    now: datetime = NOW,
    secret: str | None = SECRET,
    rules: Callable[[str | None], Awaitable[PayPage]] | None = None,
) -> AsyncGenerator[Customer]:
    """The pages as the program installs them, but for the recovery service."""
    cards, clock, registry = CardPages(), StillClock(now), world.operations.registry

    async def promise(_digest: str | None) -> Promise | None:
        return policy.promise

    async def of_policy(_digest: str | None) -> PayPage:
        return policy.pay_page

    limit = CallBudget(database, burst=60, a_minute=6000)
    minter = Minter(pages=cards, limit=limit, count=HostedLinks(database), base_url=HOSTED)
    behind = behind_pages(
        policy,
        PromiseDesk(operations=world.operations, clock=clock, rules=promise),
        rules=Rules(of=rules or of_policy, clock=clock),
        paying=Paying(now=lambda: NOW, minter=minter, secret=secret),
        assisting=Assisting(desk=HelpRequests(database, TOKEN_KEY)),
        stops=world.preferences,
    )
    application = FastAPI()
    pages.install(application, registry=registry, links=world.links, policy=policy, behind=behind)
    application.mount("", world.application)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as http:
        link = world.links.url(link_id).removeprefix("http://127.0.0.1")
        yield Customer(http=http, link=link, cards=cards)


def words(answer: httpx.Response) -> str:
    """What a person reads, without marks and line breaks."""
    body = answer.text.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
