"""Do planned faults strike as planned, and do the official clients see what they would see?"""

import asyncio
import http.client
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp import ClientSession
from python_http_client.exceptions import (
    InternalServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from requests.exceptions import ConnectionError as RequestsConnectionError
from twilio.base.exceptions import TwilioRestException

from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, FaultMode, Moment, Operation, Vendor

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

CUSTOMER = "+12125550123"
DROP = Fault(kind=FaultKind.DROP)
DROP_AFTER = Fault(kind=FaultKind.DROP, when=Moment.AFTER)


class Mailer(Protocol):
    async def send(self, body: object) -> Any: ...


def mail(to: str = "ada@example.com") -> dict[str, object]:
    return {
        "personalizations": [{"to": [{"email": to}]}],
        "from": {"email": "billing@shop.example"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
    }


async def text(texter: Any, to: str = CUSTOMER) -> Any:
    return await texter.messages.create_async(to=to, from_="Shop", body="Hello")


@pytest.mark.parametrize(("fault", "taken"), [(DROP, 0), (DROP_AFTER, 1)])
async def test_a_dropped_mail(sandbox: Sandbox, mailer: Mailer, fault: Fault, taken: int) -> None:
    sandbox.faults.plan(Vendor.SENDGRID, fault)

    with pytest.raises(http.client.RemoteDisconnected):
        await mailer.send(mail())

    assert len(sandbox.messages) == taken
    assert (await mailer.send(mail())).status_code == 202


@pytest.mark.parametrize(("fault", "taken"), [(DROP, 0), (DROP_AFTER, 1)])
async def test_a_dropped_text(sandbox: Sandbox, texter: Any, fault: Fault, taken: int) -> None:
    sandbox.faults.plan(Vendor.TWILIO, fault)

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await text(texter)

    listed = await texter.messages.list_async(to=CUSTOMER)
    assert len(listed) == len(sandbox.messages) == taken


async def test_a_dropped_text_of_the_blocking_client(
    sandbox: Sandbox, blocking_texter: Any
) -> None:
    sandbox.faults.plan(Vendor.TWILIO, DROP_AFTER)

    with pytest.raises(RequestsConnectionError):
        await asyncio.to_thread(
            blocking_texter.messages.create, to=CUSTOMER, from_="Shop", body="Hello"
        )

    assert len(sandbox.messages) == 1


async def test_a_connection_can_end_with_a_reset(
    sandbox: Sandbox, mailer: Mailer, texter: Any
) -> None:
    reset = Fault(kind=FaultKind.DROP, reset=True)
    sandbox.faults.plan(Vendor.SENDGRID, reset)
    sandbox.faults.plan(Vendor.TWILIO, reset)

    with pytest.raises(ConnectionResetError):
        await mailer.send(mail())
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await text(texter)


async def test_statuses_come_in_order_and_with_their_headers(
    sandbox: Sandbox, mailer: Mailer
) -> None:
    limited = {"Retry-After": "7", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790000000"}
    sandbox.faults.plan(
        Vendor.SENDGRID,
        Fault(kind=FaultKind.STATUS, status=429, headers=limited),
        Fault(kind=FaultKind.STATUS, status=500),
        Fault(kind=FaultKind.STATUS, status=503),
    )

    with pytest.raises(TooManyRequestsError) as caught:
        await mailer.send(mail())
    with pytest.raises(InternalServerError):
        await mailer.send(mail())
    with pytest.raises(ServiceUnavailableError):
        await mailer.send(mail())
    await mailer.send(mail())

    assert {name: caught.value.headers[name] for name in limited} == limited
    assert caught.value.to_dict["errors"][0]["message"] == "too many requests"
    assert len(sandbox.messages) == 1


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (500, 20500), (503, 20503)])
async def test_twilios_faults_carry_its_codes(
    sandbox: Sandbox, texter: Any, status: int, code: int
) -> None:
    sandbox.faults.plan(Vendor.TWILIO, Fault(kind=FaultKind.STATUS, status=status))

    with pytest.raises(TwilioRestException) as caught:
        await text(texter)

    assert (caught.value.status, caught.value.code, len(sandbox.messages)) == (status, code, 0)


async def seen(browser: ClientSession, vendor: Vendor) -> tuple[object, ...]:
    """Status, media type and body of a send, or the fault that the client met."""
    path = {
        Vendor.SENDGRID: "/sendgrid/v3/mail/send",
        Vendor.TWILIO: "/twilio/2010-04-01/Accounts/AC/Messages.json",
    }[vendor]
    try:
        async with browser.post(path, data={"To": CUSTOMER}) as answer:
            return answer.status, answer.content_type, await answer.text()
    except aiohttp.ClientError as error:
        return (type(error),)


@pytest.mark.parametrize("vendor", [Vendor.SENDGRID, Vendor.TWILIO])
async def test_a_gateway_in_between_answers_in_its_own_way(
    sandbox: Sandbox, browser: ClientSession, vendor: Vendor
) -> None:
    sandbox.faults.plan(
        vendor,
        Fault(kind=FaultKind.HTML, status=200),
        Fault(kind=FaultKind.HTML, status=502),
        Fault(kind=FaultKind.BAD_JSON, status=201),
        Fault(kind=FaultKind.DROP, delay_s=0.05),
        Fault(kind=FaultKind.TRUNCATED, status=502),
    )

    page = "<!doctype html><title>Just a moment</title><h1>We will be back shortly</h1>"
    broken = '{"sid": "SM0", "errors": [{"message'
    assert [await seen(browser, vendor) for _ in range(5)] == [
        (200, "text/html", page),
        (502, "text/html", page),
        (201, "application/json", broken),
        (aiohttp.ServerDisconnectedError,),
        (aiohttp.ClientPayloadError,),
    ]


async def test_an_answer_may_be_cut_short_after_the_message_was_taken(
    sandbox: Sandbox, mailer: Mailer, texter: Any
) -> None:
    cut = Fault(kind=FaultKind.TRUNCATED, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.SENDGRID, cut)
    sandbox.faults.plan(Vendor.TWILIO, cut)

    with pytest.raises(http.client.IncompleteRead):
        await mailer.send(mail())
    with pytest.raises(aiohttp.ClientPayloadError):
        await text(texter)

    assert [each.channel for each in sandbox.messages] == ["email", "sms"]
    assert (await mailer.send(mail())).status_code == 202


async def test_a_status_that_is_no_error_is_no_fault(browser: ClientSession) -> None:
    for kind, status in (("status", 200), ("truncated", 201), ("html", 199)):
        plan = {"vendor": "twilio", "faults": [{"kind": kind, "status": status}]}
        async with browser.post("/_control/faults", json=plan) as answer:
            assert answer.status == 422


async def test_a_server_error_may_hide_a_taken_message(sandbox: Sandbox, mailer: Mailer) -> None:
    hidden = Fault(kind=FaultKind.STATUS, status=500, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.SENDGRID, hidden)

    with pytest.raises(InternalServerError):
        await mailer.send(mail())

    assert len(sandbox.messages) == 1


async def test_a_slow_answer_outlasts_the_clients_patience(sandbox: Sandbox, mailer: Any) -> None:
    mailer.client.client.timeout = 0.1
    slow = Fault(kind=FaultKind.DELAY, delay_s=0.3, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.SENDGRID, slow)

    with pytest.raises(TimeoutError):
        await mailer.send(mail())

    assert len(sandbox.messages) == 1


async def test_a_plan_for_one_recipient_leaves_the_others_alone(
    sandbox: Sandbox, texter: Any
) -> None:
    sandbox.faults.plan(Vendor.TWILIO, DROP, to="+12125550199", mode=FaultMode.STICKY)

    await text(texter)
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await text(texter, "+12125550199")
    sandbox.faults.clear()
    await text(texter, "+12125550199")

    assert [each.to for each in sandbox.messages] == [CUSTOMER, "+12125550199"]


async def test_a_random_mix_is_the_same_for_the_same_seed(sandbox: Sandbox, mailer: Mailer) -> None:
    mix = (
        Fault(kind=FaultKind.STATUS, status=500, probability=0.3),
        Fault(kind=FaultKind.STATUS, status=429, probability=0.3),
    )

    async def run(seed: int) -> list[int]:
        sandbox.faults.clear()
        sandbox.faults.plan(Vendor.SENDGRID, *mix, mode=FaultMode.RANDOM, seed=seed)
        return [await status_of(mailer) for _ in range(20)]

    first, again, other = await run(1), await run(1), await run(2)

    assert first == again != other
    assert set(first) == {202, 429, 500}


async def test_reading_can_fail_while_sending_works(sandbox: Sandbox, texter: Any) -> None:
    unreadable = Fault(kind=FaultKind.STATUS, status=503)
    sandbox.faults.plan(Vendor.TWILIO, unreadable, operation=Operation.READ)

    created = await text(texter)
    with pytest.raises(TwilioRestException):
        await texter.messages(created.sid).fetch_async()

    assert (await texter.messages(created.sid).fetch_async()).sid == created.sid


async def test_faults_are_planned_over_http(
    sandbox: Sandbox, mailer: Mailer, browser: ClientSession
) -> None:
    plan = {"vendor": "sendgrid", "faults": [{"kind": "drop"}], "mode": "sticky"}
    async with browser.post("/_control/faults", json=plan) as answer:
        assert answer.status == 201
    with pytest.raises(http.client.RemoteDisconnected):
        await mailer.send(mail())
    async with browser.get("/_control/faults") as answer:
        assert [each["vendor"] for each in await answer.json()] == ["sendgrid"]
    async with browser.delete("/_control/faults") as answer:
        assert answer.status == 204
    assert (await mailer.send(mail())).status_code == 202
    async with browser.post("/_control/faults", json={**plan, "mode": "often"}) as answer:
        assert answer.status == 422


async def status_of(mailer: Mailer) -> int:
    try:
        status: int = (await mailer.send(mail())).status_code
    except (InternalServerError, TooManyRequestsError) as error:
        return int(error.status_code)
    return status
