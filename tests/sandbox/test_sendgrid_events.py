"""Do SendGrid's events arrive as the vendor sends them, and in every odd way that they may?"""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandbox.control import Sandbox
from sandbox.courier import DeliveryState
from sandbox.inbox import Message
from sandbox.manner import Manner
from sandbox.sendgrid_events import EventKind
from sandbox.settings import SandboxSettings
from tests.sandbox.door import Door, door

TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
BODY: dict[str, Any] = {
    "personalizations": [
        {"to": [{"email": "ada@example.com"}], "custom_args": {"message_id": "m1", "step": "d4"}}
    ],
    "from": {"email": "billing@shop.example"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}],
    "categories": ["dunning"],
}


class Mailer(Protocol):
    async def send(self, body: object) -> Any: ...


@pytest.fixture
async def merchant(sandbox: Sandbox) -> AsyncGenerator[Door]:
    async with door() as opened:
        sandbox.sendgrid.send_events_to(opened.at("webhooks/sendgrid"))
        yield opened
        sandbox.sendgrid.send_events_to(None)
        await sandbox.settled()


async def taken(sandbox: Sandbox, mailer: Mailer, to: str = "ada@example.com") -> Message:
    person = {**BODY["personalizations"][0], "to": [{"email": to}]}
    await mailer.send({**BODY, "personalizations": [person]})
    await sandbox.reported()
    return sandbox.messages.find(to=to)[-1]


async def test_an_accepted_mail_is_reported_by_itself_and_signed(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    message = await taken(sandbox, mailer)

    (arrived,) = merchant.arrived
    assert arrived.fits_event_key(sandbox.sendgrid.event_public_key)
    assert abs(int(arrived.headers[TIMESTAMP]) - time.time()) < 5
    assert arrived.path == "/webhooks/sendgrid"
    processed, delivered = arrived.events
    assert processed == {
        "message_id": "m1",
        "step": "d4",
        "email": "ada@example.com",
        "timestamp": processed["timestamp"],
        "smtp-id": f"<{message.vendor_id}@geopod-ismtpd-1>",
        "event": "processed",
        "category": ["dunning"],
        "sg_event_id": processed["sg_event_id"],
        "sg_message_id": f"{message.vendor_id}.filterdrecv-5645d9c87f-n2bvr-1-5D6F1F2A-1F.0",
    }
    assert {**processed, **delivered} == {
        **delivered,
        "event": "delivered",
        "response": "250 2.0.0 OK",
    }
    assert processed["sg_event_id"] != delivered["sg_event_id"]
    assert sandbox.messages.find()[0].reports == ("processed", "delivered")


async def test_nothing_is_reported_without_an_address(sandbox: Sandbox, mailer: Mailer) -> None:
    message = await taken(sandbox, mailer)

    assert (message.reports, sandbox.sendgrid.deliveries) == ((), [])


async def test_the_fate_of_mails_goes_by_their_address(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    sandbox.sendgrid.set_fate("Ada@example.com", "processed", "bounce")
    sandbox.sendgrid.set_fate("*@gone.example", "dropped")
    sandbox.sendgrid.set_fate("nobody@gone.example")

    told = {
        to: (await taken(sandbox, mailer, to)).reports
        for to in ("ada@example.com", "eve@gone.example", "nobody@gone.example", "bob@x.example")
    }

    assert told == {
        "ada@example.com": ("processed", "bounce"),
        "eve@gone.example": ("dropped",),
        "nobody@gone.example": (),
        "bob@x.example": ("processed", "delivered"),
    }
    assert merchant.events == ["processed", "bounce", "dropped", "processed", "delivered"]


async def test_every_kind_of_event_says_what_the_vendor_says(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    sandbox.sendgrid.set_fate("*")
    message = await taken(sandbox, mailer)

    await sandbox.sendgrid.report(message, *EventKind, "blocked")

    (arrived,) = merchant.arrived
    own = {"message_id", "step", "email", "timestamp", "event", "category", "sg_event_id"}
    own |= {"sg_message_id", "smtp-id"}
    said = [(event["event"], frozenset(event) - own) for event in arrived.events]
    reader, server = {"ip", "useragent"}, {"ip", "tls"}
    group = {*reader, "asm_group_id", "url"}
    bounce = {*server, "reason", "status", "type", "bounce_classification"}
    assert said == [
        ("processed", frozenset()),
        ("deferred", {*server, "response", "attempt", "domain"}),
        ("delivered", {*server, "response"}),
        ("bounce", bounce),
        ("dropped", {"reason", "status"}),
        ("open", {*reader, "sg_content_type", "sg_machine_open"}),
        ("click", {*reader, "url", "url_offset"}),
        ("spamreport", frozenset()),
        ("unsubscribe", frozenset()),
        ("group_unsubscribe", group),
        ("group_resubscribe", group),
        ("bounce", bounce),
    ]
    kinds = [event["type"] for event in arrived.events if event["event"] == "bounce"]
    assert kinds == ["bounce", "blocked"]
    assert arrived.events[1]["attempt"] == "3"
    stamps = [event["timestamp"] for event in arrived.events]
    assert stamps == sorted(stamps)
    assert len({event["sg_event_id"] for event in arrived.events}) == 12


async def test_reports_come_twice_reordered_forged_stale_and_broken(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    sandbox.sendgrid.set_fate("*")
    message = await taken(sandbox, mailer)
    key, report = sandbox.sendgrid.event_public_key, sandbox.sendgrid.report

    await report(message, "processed", "delivered", manner=Manner(repeat=2, reordered=True))
    for manner in (
        Manner(forge=True),
        Manner(tampered=True),
        Manner(truncated=True),
        Manner(age_s=3600),
        Manner(signature=""),
    ):
        await report(message, "bounce", manner=manner)

    first, second, forged, tampered, truncated, stale, unsigned = merchant.arrived
    assert first.body == second.body
    assert [event["event"] for event in first.events] == ["delivered", "processed"]
    assert first.events[0]["timestamp"] > first.events[1]["timestamp"]
    assert [each.fits_event_key(key) for each in (forged, tampered, truncated, stale)] == [
        *(False, False, True, True)
    ]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
        assert truncated.events
    assert 3590 < time.time() - int(stale.headers[TIMESTAMP]) < 3610
    assert "X-Twilio-Email-Event-Webhook-Signature" not in unsigned.headers


async def test_a_refused_report_comes_again_until_any_2xx(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    merchant.answers = [500, 302, 403, 204]

    await taken(sandbox, mailer)
    assert len(merchant.arrived) == 1
    await sandbox.settled()

    (post,) = sandbox.sendgrid.deliveries
    assert [attempt.status for attempt in post.attempts] == [500, 302, 403, 204]
    assert post.state is DeliveryState.ACCEPTED
    assert len({each.body for each in merchant.arrived}) == 1
    key = sandbox.sendgrid.event_public_key
    assert all(each.fits_event_key(key) for each in merchant.arrived)


async def test_redelivery_ends_with_the_schedule_and_spares_what_is_false(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    merchant.answers = [500] * 99
    message = await taken(sandbox, mailer)
    (forged,) = await sandbox.sendgrid.report(message, "bounce", manner=Manner(forge=True))
    await sandbox.settled()

    posts = [(post.state, len(post.attempts)) for post in sandbox.sendgrid.deliveries]
    assert posts == [(DeliveryState.GIVEN_UP, 5), (DeliveryState.GIVEN_UP, 1)]
    assert forged.number == 2


async def test_a_delayed_report_is_waited_for(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    sandbox.sendgrid.set_fate("*")
    message = await taken(sandbox, mailer)

    await sandbox.sendgrid.report(message, "delivered", manner=Manner(delay_s=0.05))
    before = (sandbox.untold, len(merchant.arrived))
    await sandbox.reported()

    assert (before, merchant.events) == ((1, 0), ["delivered"])


async def test_a_given_key_stays_and_another_kind_of_key_is_refused() -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings = SandboxSettings(sendgrid_event_key=pem)
    async with Sandbox.start(settings) as one, Sandbox.start(settings) as two:
        assert one.sendgrid.event_public_key == two.sendgrid.event_public_key
        async with ClientSession(base_url=one.url) as browser:
            async with browser.get("/_control/sendgrid/event-key") as answer:
                shown = (await answer.json())["public_key"]
            assert shown == one.sendgrid.event_public_key


async def test_events_are_steered_over_http(
    sandbox: Sandbox, merchant: Door, mailer: Mailer, browser: ClientSession
) -> None:
    async with browser.put(
        "/_control/sendgrid/fates", json={"*@example.com": ["deferred"]}
    ) as answer:
        assert answer.status == 200
    await mailer.send(BODY)
    async with browser.post("/_control/reported") as answer:
        assert answer.status == 204
    dropped = {"event": "dropped", "details": {"reason": "Invalid SMTPAPI header"}}
    order = {"message": 1, "events": [dropped, "open"], "repeat": 2}
    async with browser.post("/_control/sendgrid/events", json=order) as answer:
        assert [post["state"] for post in await answer.json()] == ["accepted", "accepted"]

    assert merchant.events == ["deferred", *["dropped", "open"] * 2]
    assert merchant.arrived[1].events[0]["reason"] == "Invalid SMTPAPI header"
    refused: list[tuple[dict[str, object], int]] = [
        ({"message": 9, "events": ["open"]}, 404),
        ({"message": 1, "events": ["opened"]}, 422),
        ({"message": 1, "events": []}, 422),
    ]
    for wrong, status in refused:
        async with browser.post("/_control/sendgrid/events", json=wrong) as answer:
            assert answer.status == status
    async with browser.put("/_control/sendgrid/webhook", json={"url": None}) as answer:
        assert answer.status == 204
    async with browser.post("/_control/sendgrid/events", json=order) as answer:
        assert answer.status == 409


async def test_reset_forgets_fates_and_what_is_under_way(
    sandbox: Sandbox, merchant: Door, mailer: Mailer
) -> None:
    sandbox.sendgrid.set_fate("*", "bounce")
    await taken(sandbox, mailer)
    await sandbox.sendgrid.report(sandbox.messages.find()[0], "open", manner=Manner(delay_s=60))

    await sandbox.reset()
    await asyncio.sleep(0)

    assert (sandbox.untold, sandbox.sendgrid.fates, sandbox.sendgrid.deliveries) == (0, {}, [])
    assert merchant.events == ["bounce"]
