"""Does the stand-in's page for a new card work once, for 72 hours, and tell the merchant?"""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from sandbox.control import Sandbox
from sandbox.revtain_card_pages import Use
from tests.sandbox.conftest import SETTINGS

Merchant = Any
GENERATE = "/revtain/api/recovery/update-card/generate"
KEY = {"X-API-KEY": "rev_good"}
NEW = {"newPaymentMethodToken": "pm_new"}


async def generate(browser: ClientSession, **body: object) -> tuple[int, Any]:
    wanted = body or {"paymentMethodToken": "pm_old"}
    async with browser.post(GENERATE, json=wanted, headers=KEY) as answer:
        return answer.status, await answer.json()


async def link(browser: ClientSession) -> str:
    _, made = await generate(browser)
    return str(made["url"])


async def seen(browser: ClientSession, url: str) -> int:
    async with browser.get(url) as answer:
        return answer.status


async def sent(browser: ClientSession, url: str, form: dict[str, str]) -> int:
    async with browser.post(url, data=form) as answer:
        return answer.status


async def test_a_link_is_made(sandbox: Sandbox, browser: ClientSession) -> None:
    status, made = await generate(browser)
    (page,) = sandbox.revtain.pages.made
    assert (status, made) == (
        201,
        {
            "url": f"{sandbox.url}/revtain/api/recovery/update-card/{page.token}",
            "token": page.token,
            "expiresAt": page.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    )


async def test_a_new_card_is_told_with_both_tokens_and_a_signature(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    url = await link(browser)
    assert (await seen(browser, url), await sent(browser, url, NEW)) == (200, 200)
    await sandbox.revtain.settled()
    ((body, signature),) = merchant.received
    assert json.loads(body) == {
        "event": "card.updated",
        "oldPaymentMethodToken": "pm_old",
        "newPaymentMethodToken": "pm_new",
    }
    secret = SETTINGS.webhook_secret.encode()
    assert signature == hmac.new(secret, body, hashlib.sha256).hexdigest()


async def test_whoever_looks_first_has_used_it(browser: ClientSession) -> None:
    url = await link(browser)
    # As a scanner of mails does, before the customer comes.
    assert [await seen(browser, url) for _ in range(2)] == [200, 410]


async def test_a_card_is_taken_once(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    url = await link(browser)
    assert await sent(browser, url, {"newPaymentMethodToken": ""}) == 422
    assert [await sent(browser, url, NEW) for _ in range(2)] == [200, 410]
    await sandbox.revtain.settled()
    assert (len(merchant.received), sandbox.revtain.pages.made[0].use) == (1, Use.DONE)


async def test_it_ends_after_72_hours(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    first, second = await link(browser), await link(browser)
    sandbox.clock.advance(timedelta(hours=71, minutes=59))
    assert await seen(browser, first) == 200
    sandbox.clock.advance(timedelta(minutes=1))
    answers = [await sent(browser, first, NEW), await seen(browser, second)]
    assert (answers, merchant.received) == ([410, 410], [])


async def test_another_link_is_none(browser: ClientSession) -> None:
    url = f"{GENERATE.removesuffix('generate')}nobody"
    assert (await seen(browser, url), await sent(browser, url, NEW)) == (410, 410)


@pytest.mark.parametrize("body", [{"paymentMethodToken": ""}, {"card": "pm_1"}])
async def test_a_faulty_request_is_refused(browser: ClientSession, body: dict[str, str]) -> None:
    assert (await generate(browser, **body))[0] == 400


async def test_a_wrong_key_is_unauthorized(browser: ClientSession) -> None:
    async with browser.post(GENERATE, json={"paymentMethodToken": "pm_1"}) as answer:
        assert answer.status == 401


async def test_an_account_may_lack_the_vault(sandbox: Sandbox, browser: ClientSession) -> None:
    async with browser.put("/_control/revtain/vault?active=false") as answer:
        assert answer.status == 200
    assert (await generate(browser))[0] == 403
    await sandbox.reset()
    assert (await generate(browser))[0] == 201


async def test_pages_are_read_over_http(browser: ClientSession) -> None:
    await seen(browser, await link(browser))
    async with browser.get("/_control/revtain/card-pages") as answer:
        (page,) = await answer.json()
    assert (page["card"], page["use"]) == ("pm_old", "shown")
