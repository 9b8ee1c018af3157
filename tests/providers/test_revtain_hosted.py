"""Does a link to Revtain's card page reach us, and only one that can be given to a customer?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from dunning.charge import HostedLink
from dunning.errors import (
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from providers.revtain.api import RevtainApi
from providers.revtain.hosted import read_link
from providers.transit import Answer
from sandbox.control import Sandbox
from sandbox.faults import Fault as Planned
from sandbox.faults import FaultKind, Operation, Vendor
from sandbox.settings import SandboxSettings
from tests.providers.revtain import HTML, NOW, SECRET, reply, scripted
from tests.providers.scripted_server import Fault, Reply, refusing_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

URL = "https://pay.shop.example/api/recovery/update-card/abc123xyz"
MADE = {"url": URL, "token": "abc123xyz", "expiresAt": "2026-03-05T09:00:00.000Z"}
LINK = HostedLink(url=URL, expires_at=datetime(2026, 3, 5, 9, 0, tzinfo=UTC))


async def minted(*script: Reply | Fault) -> HostedLink:
    async with scripted(*script) as (api, _):
        return await api.mint("pm_old")


async def test_201_is_a_link() -> None:
    async with scripted(reply(201, MADE)) as (api, server):
        assert await api.mint("pm_old") == LINK
    (received,) = server.received
    assert (received.method, received.target, received.headers["x-api-key"]) == (
        *("POST", "/api/recovery/update-card/generate"),
        "rev_1",
    )
    assert json.loads(received.body) == {"paymentMethodToken": "pm_old"}
    assert URL not in repr(LINK)


async def test_the_end_of_a_link_is_told_in_utc() -> None:
    elsewhere = {**MADE, "expiresAt": "2026-03-05T11:00:00+02:00"}
    assert await minted(reply(201, elsewhere)) == LINK


@pytest.mark.parametrize("status", [403, 404])
async def test_403_and_404_are_an_account_without_the_vault(status: int) -> None:
    with pytest.raises(ProviderMisconfiguredError, match="no hosted card pages") as fault:
        await minted(reply(status, {"error": SECRET}))
    assert "ada@" not in str(fault.value)


async def test_401_is_a_wrong_key() -> None:
    with pytest.raises(ProviderMisconfiguredError, match="REVTAIN_API_KEY"):
        await minted(reply(401, {}))


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_400_and_other_4xx_are_refusals(status: int) -> None:
    with pytest.raises(ProviderRejectedError, match=str(status)):
        await minted(reply(status, {"error": SECRET}))


async def test_429_is_a_pause() -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await minted(reply(429, {"retryAfter": "30 seconds"}))
    assert fault.value.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, {}),
        Reply(503, HTML),
        Reply(201, HTML),
        Reply(201),
        reply(201, {}),
        reply(201, {**MADE, "url": None}),
        reply(201, {**MADE, "url": 7}),
        reply(201, {**MADE, "url": "/api/recovery/update-card/abc"}),
        reply(201, {**MADE, "url": "//pay.shop.example/abc"}),
        reply(201, {**MADE, "url": "javascript:alert(1)"}),
        reply(201, {**MADE, "url": "https://"}),
        reply(201, {**MADE, "url": "https://pay.shop.example@evil.example/"}),
        reply(201, {**MADE, "url": "https://pay.shop.example\\@evil.example/"}),
        reply(201, {**MADE, "url": f"{URL} {SECRET}"}),
        reply(201, {**MADE, "url": f'{URL}"onclick="x'}),
        reply(201, {**MADE, "url": "https://pay.shöp.example/abc"}),
        reply(201, {**MADE, "url": URL + "x" * 2000}),
        reply(201, {**MADE, "url": "https://pay.shop.example:99999/abc"}),
        reply(201, {**MADE, "expiresAt": None}),
        reply(201, {**MADE, "expiresAt": 1772701200}),
        reply(201, {**MADE, "expiresAt": "in 72 hours"}),
        reply(201, {**MADE, "expiresAt": "2026-03-05T09:00:00"}),
        reply(201, {**MADE, "expiresAt": "0001-01-01T00:00:00+23:00"}),
        Fault.DROP_AFTER_READING,
        Fault.SILENCE,
    ],
)
async def test_what_is_no_link_may_be_asked_for_again(answer: Reply | Fault) -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await minted(answer)
    assert not isinstance(fault.value, ProviderMisconfiguredError)
    assert "ada@" not in str(fault.value)


async def test_nobody_is_there() -> None:
    async with RevtainApi("rev_1", now=lambda: NOW, base_url=refusing_url()) as api:
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            await api.mint("pm_old")


@pytest.mark.parametrize(("secure", "taken"), [(True, False), (False, True)])
def test_a_link_without_tls_is_for_trials_only(secure: bool, taken: bool) -> None:  # noqa: FBT001 (columns of the table)
    url = "http://127.0.0.1:8080/card"
    body = json.dumps({**MADE, "url": url}).encode()
    found = read_link(Answer(status=201, body=body, headers={}), secure=secure, now=NOW)
    assert isinstance(found, HostedLink) is taken


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    settings = SandboxSettings(revtain_api_keys=("rev_good",), time_factor=0)
    async with Sandbox.start(settings) as started:
        yield started


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncGenerator[RevtainApi]:
    async with RevtainApi("rev_good", now=lambda: NOW, base_url=sandbox.revtain_url) as opened:
        yield opened


async def test_the_stand_in_makes_a_page(sandbox: Sandbox, api: RevtainApi) -> None:
    link = await api.mint("pm_old")
    left = link.expires_at - sandbox.clock.now()
    assert timedelta(hours=71, minutes=59) < left <= timedelta(hours=72)
    async with aiohttp.ClientSession() as browser, browser.get(link.url) as page:
        assert (page.status, "<form" in await page.text()) == (200, True)


async def test_the_stand_in_can_be_an_account_without_the_vault(
    sandbox: Sandbox, api: RevtainApi
) -> None:
    sandbox.revtain.pages.active = False
    with pytest.raises(ProviderMisconfiguredError, match="vault"):
        await api.mint("pm_old")


async def test_the_stand_in_fails_for_links_alone(sandbox: Sandbox, api: RevtainApi) -> None:
    down = Planned(kind=FaultKind.STATUS, status=503)
    sandbox.faults.plan(Vendor.REVTAIN, down, operation=Operation.LINK, to="pm_old")
    assert (await api.mint("pm_other")).url
    with pytest.raises(ProviderUnavailableError, match="503"):
        await api.mint("pm_old")
