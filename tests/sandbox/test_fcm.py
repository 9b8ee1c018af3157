"""Does the sandbox answer as Firebase would, from the purchase of a token to the device's page?"""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from aiohttp import ClientSession

from app import clock
from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from sandbox.inbox import Channel
from sandbox.settings import SandboxSettings
from tests.providers.service_account import EMAIL, document, public_key

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SEND = "/fcm/v1/projects/shop-app/messages:send"
BODY: dict[str, Any] = {
    "message": {
        "token": "device-1",
        "notification": {"title": "Shop", "body": "Please <pay>"},
        "data": {"link": "https://shop.example/p/1"},
        "android": {"ttl": "60s"},
    }
}


def assertion(url: str, **changes: object) -> str:
    now = int(clock.now().timestamp())
    claims = {"iss": EMAIL, "scope": SCOPE, "aud": url, "iat": now, "exp": now + 3600, **changes}
    return jwt.encode(claims, document(url)["private_key"], algorithm="RS256")


async def buy(browser: ClientSession, claim: str, grant: str = GRANT) -> tuple[int, Any]:
    form = {"grant_type": grant, "assertion": claim}
    async with browser.post("/fcm/token", data=form) as answer:
        return answer.status, await answer.json()


async def send(browser: ClientSession, token: str, body: object = BODY) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with browser.post(SEND, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.fixture
async def access(sandbox: Sandbox, browser: ClientSession) -> str:
    status, bought = await buy(browser, assertion(f"{sandbox.fcm_url}/token"))
    assert (status, bought["token_type"]) == (200, "Bearer")
    return str(bought["access_token"])


async def test_a_notification_arrives_on_the_devices_page(
    sandbox: Sandbox, browser: ClientSession, access: str
) -> None:
    status, answer = await send(browser, access)
    (message,) = sandbox.messages
    assert (status, answer) == (200, {"name": message.vendor_id})
    assert (message.channel, message.to, message.subject) == (Channel.PUSH, "device-1", "Shop")
    async with browser.get("/to/device-1") as page:
        shown = await page.text()
    assert "<strong>Shop</strong>" in shown
    assert "Please &lt;pay&gt;" in shown
    assert 'href="https://shop.example/p/1"' in shown


@pytest.mark.parametrize(
    ("tokens", "status", "code"),
    [
        ("gone", 404, "UNREGISTERED"),
        ("malformed", 400, "INVALID_ARGUMENT"),
        ("foreign", 403, "SENDER_ID_MISMATCH"),
    ],
)
async def test_devices_that_refuse(
    sandbox: Sandbox, browser: ClientSession, access: str, tokens: str, status: int, code: str
) -> None:
    if tokens == "gone":
        async with browser.put("/_control/fcm/unregistered", json=["device-1"]) as answer:
            assert await answer.json() == ["device-1"]
    else:
        getattr(sandbox.devices, tokens).add("device-1")
    found, body = await send(browser, access)
    codes = [detail.get("errorCode") for detail in body["error"]["details"]]
    assert (found, codes, len(sandbox.messages)) == (status, [code], 0)


async def test_a_field_that_firebase_does_not_know_is_named(
    sandbox: Sandbox, browser: ClientSession, access: str
) -> None:
    wrong = {"message": {**BODY["message"], "data": {"count": 1}}}
    status, body = await send(browser, access, wrong)
    fields = [v["field"] for d in body["error"]["details"] for v in d.get("fieldViolations", ())]
    assert (status, fields) == (400, ["message.data.count"])


async def test_an_access_token_has_to_be_live(
    sandbox: Sandbox, browser: ClientSession, access: str
) -> None:
    assert (await send(browser, "ya29.made-up"))[0] == 401
    sandbox.devices.revoke_access()
    assert (await send(browser, access))[0] == 401


async def test_a_fault_strikes_before_or_after_the_device_got_it(
    sandbox: Sandbox, browser: ClientSession, access: str
) -> None:
    headers = {"Retry-After": "30"}
    sandbox.faults.plan(
        Vendor.FCM,
        Fault(kind=FaultKind.STATUS, status=429, headers=headers),
        Fault(kind=FaultKind.STATUS, status=500, when=Moment.AFTER),
    )
    found = [await send(browser, access) for _ in range(2)]
    codes = [body["error"]["details"][0]["errorCode"] for _, body in found]
    assert (codes, len(sandbox.messages)) == (["QUOTA_EXCEEDED", "INTERNAL"], 1)


@pytest.mark.parametrize(
    "changes",
    [{"aud": "https://elsewhere.example"}, {"scope": "email"}, {"exp": 1}, {"iss": "eve@example"}],
)
async def test_a_claim_is_checked_against_the_accounts_that_are_known(
    changes: dict[str, object],
) -> None:
    async with (
        Sandbox.start(SandboxSettings(fcm_keys={EMAIL: public_key()})) as sandbox,
        ClientSession(sandbox.url) as browser,
    ):
        url = f"{sandbox.fcm_url}/token"
        good, _ = await buy(browser, assertion(url))
        bad, body = await buy(browser, assertion(url, **changes))
        odd, _ = await buy(browser, assertion(url), grant="password")
    assert (good, bad, odd, body["error"]) == (200, 400, 400, "invalid_grant")
