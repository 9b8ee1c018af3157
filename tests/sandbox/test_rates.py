"""Do the vendors tell of their limits, and refuse what exceeds them?"""

import asyncio
import time
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession
from python_http_client.exceptions import TooManyRequestsError
from twilio.base.exceptions import TwilioRestException

from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Vendor
from sandbox.rates import SendGridLimit, TwilioLimit

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

BODY = {
    "personalizations": [{"to": [{"email": "ada@example.com"}]}],
    "from": {"email": "billing@shop.example"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}],
}
MESSAGES = "/twilio/2010-04-01/Accounts/AC/Messages.json"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Mailer(Protocol):
    async def send(self, body: object) -> Any: ...


async def test_sendgrid_tells_what_is_left_and_refuses_the_rest(
    sandbox: Sandbox, mailer: Mailer
) -> None:
    sandbox.mail_rate.set(SendGridLimit(calls=2, window_s=60))

    answers = [await mailer.send(BODY) for _ in range(2)]
    with pytest.raises(TooManyRequestsError) as caught:
        await mailer.send(BODY)

    seen = [*(each.headers for each in answers), caught.value.headers]
    assert [each["X-RateLimit-Remaining"] for each in seen] == ["1", "0", "0"]
    assert {each["X-RateLimit-Limit"] for each in seen} == {"2"}
    assert all(55 < int(each["X-RateLimit-Reset"]) - time.time() <= 61 for each in seen)
    message = {"field": None, "help": None, "message": "too many requests"}
    assert caught.value.to_dict == {"errors": [message]}
    assert len(sandbox.messages) == 2


async def test_a_new_window_has_room_again(sandbox: Sandbox, mailer: Mailer) -> None:
    sandbox.mail_rate.set(SendGridLimit(calls=1, window_s=0.001))

    for _ in range(3):
        await mailer.send(BODY)

    assert len(sandbox.messages) == 3


async def test_refusals_and_faults_of_sendgrid_tell_it_too(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    sandbox.faults.plan(Vendor.SENDGRID, Fault(kind=FaultKind.STATUS, status=503))
    for status in (503, 401):
        async with browser.post("/sendgrid/v3/mail/send", data=b"") as answer:
            assert (answer.status, [name in answer.headers for name in HEADERS]) == (
                status,
                [True] * 3,
            )


async def test_twilio_counts_what_is_under_way_and_refuses_one_too_many(
    sandbox: Sandbox, texter: Any, browser: ClientSession
) -> None:
    sandbox.text_rate.limit = TwilioLimit(concurrent=1, retry_after_s=7)
    sandbox.faults.plan(Vendor.TWILIO, Fault(kind=FaultKind.DELAY, delay_s=0.5))
    first = asyncio.create_task(
        texter.messages.create_async(to="+12125550123", from_="Shop", body="x")
    )
    while not sandbox.text_rate.under_way:
        await asyncio.sleep(0)

    with pytest.raises(TwilioRestException) as caught:
        await texter.messages.create_async(to="+12125550123", from_="Shop", body="y")
    async with browser.get(MESSAGES) as refused:
        told = (refused.status, refused.headers["Retry-After"])
        count = refused.headers["Twilio-Concurrent-Requests"]
        code = (await refused.json())["code"]
    await first
    async with browser.get(MESSAGES) as alone:
        assert (alone.status, alone.headers["Twilio-Concurrent-Requests"]) == (401, "1")

    assert (caught.value.status, caught.value.code) == (429, 20429)
    assert (told, count, code) == ((429, "7"), "2", 20429)
    assert [each.text for each in sandbox.messages] == ["x"]


async def test_limits_are_set_over_http_and_end_with_a_reset(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    async with browser.put("/_control/rates", json={"sendgrid": {"calls": 0}}) as answer:
        assert (await answer.json())["sendgrid"] == {"calls": 0, "window_s": 1.0}
    async with browser.put("/_control/rates", json={"twilio": {"concurrent": 0}}) as answer:
        assert (await answer.json())["sendgrid"]["calls"] == 0
    statuses = [await status_of(browser, path) for path in ("/sendgrid/v3/scopes", MESSAGES)]
    await sandbox.reset()
    after = [await status_of(browser, path) for path in ("/sendgrid/v3/scopes", MESSAGES)]

    assert (statuses, after) == ([429, 429], [401, 401])
    async with browser.put("/_control/rates", json={"sendgrid": {"calls": -1}}) as answer:
        assert answer.status == 422


async def status_of(browser: ClientSession, path: str) -> int:
    async with browser.get(path) as answer:
        return answer.status
