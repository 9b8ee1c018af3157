"""Does the official Twilio client find in the sandbox what it finds at the vendor?"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.control import Sandbox
from sandbox.inbox import Channel
from sandbox.settings import SandboxSettings

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

ACCOUNT = "AC" + "a" * 32
SENDER = "+15005550006"
CUSTOMER = "+12125550123"


async def test_an_accepted_text_is_kept_with_all_its_parameters(
    sandbox: Sandbox, texter: Any
) -> None:
    created = await texter.messages.create_async(
        to=CUSTOMER,
        from_=SENDER,
        body="Shop: please pay. Reply STOP to end.",
        validity_period=3600,
        status_callback="https://shop.example/status",
    )

    assert (created.status, created.to, created.from_, created.num_segments, created.date_sent) == (
        "queued",
        CUSTOMER,
        SENDER,
        "1",
        None,
    )
    (message,) = sandbox.messages
    assert message.model_dump(include={"channel", "vendor_id", "to", "sender", "text"}) == {
        "channel": Channel.SMS,
        "vendor_id": created.sid,
        "to": CUSTOMER,
        "sender": SENDER,
        "text": "Shop: please pay. Reply STOP to end.",
    }
    assert message.payload["ValidityPeriod"] == "3600"
    assert message.payload["StatusCallback"] == "https://shop.example/status"


async def test_a_messaging_service_may_stand_for_the_sender(sandbox: Sandbox, texter: Any) -> None:
    service = "MG" + "b" * 32

    created = await texter.messages.create_async(
        to=CUSTOMER, messaging_service_sid=service, body="Hello"
    )

    assert (created.status, created.from_, created.messaging_service_sid, created.num_segments) == (
        "accepted",
        None,
        service,
        "0",
    )
    assert [each.payload["MessagingServiceSid"] for each in sandbox.messages] == [service]


@pytest.mark.parametrize(
    ("to", "sender", "body", "code"),
    [
        ("hello", SENDER, "x", 21211),
        ("+1 212 555 0123", SENDER, "x", 21211),
        ("+15005550001", SENDER, "x", 21211),
        ("+15005550002", SENDER, "x", 21612),
        ("+15005550003", SENDER, "x", 21408),
        ("+15005550004", SENDER, "x", 21610),
        ("+15005550009", SENDER, "x", 21614),
        (CUSTOMER, "+15005550001", "x", 21212),
        (CUSTOMER, "not a sender", "x", 21212),
        (CUSTOMER, "+15005550007", "x", 21606),
        (CUSTOMER, "+15005550008", "x", 21611),
        (CUSTOMER, SENDER, "x" * 1601, 21617),
        (CUSTOMER, SENDER, "", 21602),
        (CUSTOMER, "", "x", 21603),
        ("", SENDER, "x", 21604),
    ],
)
async def test_a_faulty_text_is_refused_with_the_vendors_code(
    sandbox: Sandbox, texter: Any, to: str, sender: str, body: str, code: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await texter.messages.create_async(to=to, from_=sender, body=body)

    assert (caught.value.status, caught.value.code) == (400, code)
    assert len(sandbox.messages) == 0


@pytest.mark.parametrize(
    "number", ["+4915112345678", "+819012345678", "+5511912345678", "+6591234567", "+37061234567"]
)
async def test_numbers_of_every_country_are_taken(
    sandbox: Sandbox, texter: Any, number: str
) -> None:
    await texter.messages.create_async(to=number, from_="Shop", body="x" * 1600)

    assert [each.to for each in sandbox.messages] == [number]


async def test_numbers_can_be_refused_one_by_one_or_by_their_beginning(
    sandbox: Sandbox, texter: Any
) -> None:
    sandbox.texts.opt_out(CUSTOMER)
    sandbox.texts.refusals["+98*"] = 21408

    codes: list[int | None] = []
    for number in (CUSTOMER, "+989121234567"):
        with pytest.raises(TwilioRestException) as caught:
            await texter.messages.create_async(to=number, from_=SENDER, body="x")
        codes.append(caught.value.code)
    sandbox.texts.opt_in(CUSTOMER)
    await texter.messages.create_async(to=CUSTOMER, from_=SENDER, body="x")

    assert codes == [21610, 21408]
    assert [each.to for each in sandbox.messages] == [CUSTOMER]


async def test_a_sender_that_is_not_ours_is_refused() -> None:
    async with Sandbox.start(SandboxSettings(twilio_senders=(SENDER,))) as sandbox:
        client = blocking_client(sandbox, "any")
        with pytest.raises(TwilioRestException) as caught:
            await asyncio.to_thread(
                client.messages.create, to=CUSTOMER, from_="+12025550100", body="x"
            )
    assert caught.value.code == 21606


async def test_wrong_credentials_are_refused_for_every_call(sandbox: Sandbox) -> None:
    client = blocking_client(sandbox, "wrong")
    calls = (
        lambda: client.messages.create(to=CUSTOMER, from_=SENDER, body="x"),
        lambda: client.messages("SM" + "0" * 32).fetch(),
    )
    for call in calls:
        with pytest.raises(TwilioRestException) as caught:
            await asyncio.to_thread(call)
        assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_the_blocking_client_works_too(sandbox: Sandbox, blocking_texter: Any) -> None:
    created = await asyncio.to_thread(
        blocking_texter.messages.create, to=CUSTOMER, from_=SENDER, body="Hello"
    )
    listed = await asyncio.to_thread(blocking_texter.messages.list, to=CUSTOMER)

    assert [each.sid for each in listed] == [created.sid]


async def test_each_look_moves_a_text_towards_delivery(texter: Any) -> None:
    created = await texter.messages.create_async(to=CUSTOMER, from_=SENDER, body="x")

    seen = [(await texter.messages(created.sid).fetch_async()).status for _ in range(3)]

    assert [created.status, *seen] == ["queued", "sent", "delivered", "delivered"]


async def test_the_fate_of_a_text_can_be_set(sandbox: Sandbox, texter: Any) -> None:
    created = await texter.messages.create_async(to=CUSTOMER, from_=SENDER, body="x")
    sandbox.texts.settle(created.sid, "undelivered", 30005)

    fetched = await texter.messages(created.sid).fetch_async()

    assert (fetched.status, fetched.error_code) == ("undelivered", 30005)


async def test_an_unknown_text_is_not_found(texter: Any) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await texter.messages("SM" + "0" * 32).fetch_async()

    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_listing_filters_by_both_numbers_and_by_date(texter: Any) -> None:
    now = datetime.now(UTC)
    other = "+12125550199"
    for to, sender in ((CUSTOMER, SENDER), (other, SENDER), (CUSTOMER, "+12025550100")):
        await texter.messages.create_async(to=to, from_=sender, body=f"{to} {sender}")

    async def found(**query: object) -> list[tuple[str, str]]:
        return [(each.to, each.from_) for each in await texter.messages.list_async(**query)]

    newest_first = [(CUSTOMER, "+12025550100"), (other, SENDER), (CUSTOMER, SENDER)]
    assert await found() == newest_first
    assert await found(to=CUSTOMER, from_=SENDER) == [(CUSTOMER, SENDER)]
    assert await found(date_sent=now.date()) == newest_first
    assert await found(date_sent_after=now - timedelta(seconds=1)) == newest_first
    assert await found(date_sent_after=now + timedelta(minutes=1)) == []
    assert await found(date_sent_before=now + timedelta(minutes=1)) == newest_first
    assert await found(date_sent_before=now - timedelta(minutes=1)) == []


async def test_the_client_walks_through_all_pages(texter: Any) -> None:
    for number in range(7):
        await texter.messages.create_async(to=CUSTOMER, from_=SENDER, body=str(number))

    listed = await texter.messages.list_async(to=CUSTOMER, page_size=3)
    page = await texter.messages.page_async(to=CUSTOMER, page_size=3)
    following = await page.next_page_async()
    back = await following.previous_page_async()

    assert [each.body for each in listed] == ["6", "5", "4", "3", "2", "1", "0"]
    assert [each.body for each in following] == ["3", "2", "1"]
    assert [each.body for each in back] == ["6", "5", "4"]


def blocking_client(sandbox: Sandbox, password: str) -> Any:
    http = TwilioHttpClient(timeout=2, pool_connections=False)
    client = Client(ACCOUNT, password, http_client=http)
    client.api.base_url = sandbox.twilio_url
    return client
