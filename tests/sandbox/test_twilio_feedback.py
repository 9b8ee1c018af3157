"""Do statuses and customers' answers arrive as Twilio sends them, and in every odd way?"""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiohttp import ClientSession
from twilio.base.exceptions import TwilioRestException

from sandbox.control import Sandbox
from sandbox.inbox import Channel
from sandbox.manner import Manner
from sandbox.twilio_replies import NoAddressError
from sandbox.twilio_signature import SharedKey
from tests.sandbox.conftest import ACCOUNT
from tests.sandbox.door import Door, door

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

SENDER = "+15005550006"
CUSTOMER = "+12125550123"
SERVICE = "MG" + "b" * 32
TWIML = (
    "<Response><Message>Thank you.</Message><Message><Body>A &amp; B</Body></Message></Response>"
)


@pytest.fixture
async def merchant(sandbox: Sandbox) -> AsyncGenerator[Door]:
    async with door() as opened:
        sandbox.twilio.send_replies_to(opened.at("inbound"))
        yield opened
        sandbox.twilio.send_replies_to(None)
        sandbox.twilio.sign_with(None)
        sandbox.twilio.report_statuses()


async def sent(texter: Any, merchant: Door, to: str = CUSTOMER, **more: str) -> Any:
    sender = more or {"from_": SENDER}
    return await texter.messages.create_async(
        to=to, body="Shop: pay.", status_callback=merchant.at("status?case=1"), **sender
    )


async def test_a_text_is_reported_step_by_step_and_signed(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    created = await sent(texter, merchant)
    await sandbox.reported()

    assert (created.status, merchant.statuses) == (
        "queued",
        ["queued", "sending", "sent", "delivered"],
    )
    url = merchant.at("status?case=1")
    assert [each.fits_token(url, "token") for each in merchant.arrived] == [True] * 4
    assert not merchant.arrived[0].fits_token(url, "other")
    last = merchant.arrived[-1].form
    assert last == {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": SENDER,
        "To": CUSTOMER,
        "MessageSid": created.sid,
        "SmsSid": created.sid,
        "MessageStatus": "delivered",
        "SmsStatus": "delivered",
        "RawDlrDoneDate": last["RawDlrDoneDate"],
    }
    assert (await texter.messages(created.sid).fetch_async()).status == "delivered"
    assert sandbox.messages.find()[0].reports == ("queued", "sending", "sent", "delivered")


async def test_a_messaging_service_is_named_and_begins_with_accepted(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    await sent(texter, merchant, messaging_service_sid=SERVICE)
    await sandbox.reported()

    assert merchant.statuses[:2] == ["accepted", "queued"]
    assert {each.form["MessagingServiceSid"] for each in merchant.arrived} == {SERVICE}
    assert {each.form["From"] for each in merchant.arrived} == {SENDER}


@pytest.mark.parametrize(
    ("fate", "told", "code"),
    [
        ("undelivered", ["queued", "sending", "sent", "undelivered"], 30003),
        ("undelivered:30005", ["queued", "sending", "sent", "undelivered"], 30005),
        ("undelivered:30006", ["queued", "sending", "sent", "undelivered"], 30006),
        ("undelivered:30007", ["queued", "sending", "sent", "undelivered"], 30007),
        ("failed", ["queued", "failed"], 30008),
        ("sent", ["queued", "sending", "sent"], None),
        ("silent", [], None),
    ],
)
async def test_the_fate_of_texts_goes_by_their_number(
    sandbox: Sandbox, merchant: Door, texter: Any, fate: str, told: list[str], code: int | None
) -> None:
    sandbox.twilio.set_fate(CUSTOMER, fate)
    created = await sent(texter, merchant)
    await sandbox.reported()

    fetched = await texter.messages(created.sid).fetch_async()
    shown = merchant.arrived[-1].form.get("ErrorCode") if told else None
    assert (merchant.statuses, fetched.error_code) == (told, code)
    assert shown == (str(code) if code else None)
    assert fetched.status == (told[-1] if told else "delivered")


async def test_no_report_comes_unasked_or_when_switched_off(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    await texter.messages.create_async(to=CUSTOMER, from_=SENDER, body="x")
    sandbox.twilio.report_statuses(on=False)
    await sent(texter, merchant)
    await sandbox.reported()

    assert (merchant.arrived, sandbox.twilio.deliveries) == ([], [])


async def test_a_callback_elsewhere_is_noted_and_not_called(sandbox: Sandbox, texter: Any) -> None:
    created = await texter.messages.create_async(
        to=CUSTOMER, from_=SENDER, body="x", status_callback="https://shop.example/status"
    )
    await sandbox.reported()

    errors = {attempt.error for post in sandbox.twilio.deliveries for attempt in post.attempts}
    assert errors == {"not called: it is not on this machine"}
    assert (await texter.messages(created.sid).fetch_async()).status == "delivered"


async def test_a_public_address_is_signed_as_written_and_served_here(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    sandbox.serve_at("https://shop.example", merchant.url)
    await texter.messages.create_async(
        to=CUSTOMER, from_=SENDER, body="x", status_callback="https://shop.example/status"
    )
    await sandbox.reported()

    assert {each.path for each in merchant.arrived} == {"/status"}
    assert merchant.arrived[0].fits_token("https://shop.example/status", "token")
    assert not merchant.arrived[0].fits_token(merchant.at("status"), "token")


async def test_a_shared_key_signs_with_sha256(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    sandbox.twilio.sign_with(SharedKey("webhooks_sharedkey_1", "shh"))
    await sent(texter, merchant)
    await sandbox.reported()

    arrived, url = merchant.arrived[0], merchant.at("status?case=1")
    assert arrived.headers["X-Twilio-Webhooks-Signature-Settings"] == (
        "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    )
    assert arrived.fits_token(url, "shh")
    assert not arrived.fits_token(url, "token")


async def test_statuses_come_twice_reordered_forged_and_broken(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    sandbox.twilio.report_statuses(on=False)
    sid, url = (await sent(texter, merchant)).sid, merchant.at("status?case=1")
    report = sandbox.twilio.report

    await report(sid, "sent", "delivered", manner=Manner(repeat=2, reordered=True))
    for manner in (Manner(forge=True), Manner(tampered=True), Manner(truncated=True)):
        await report(sid, "undelivered", error_code=30005, manner=manner)
    await report(sid, "failed", manner=Manner(delay_s=0.02))
    await sandbox.reported()

    *good, forged, tampered, truncated, delayed = merchant.arrived
    assert [each.form["MessageStatus"] for each in good] == ["delivered"] * 2 + ["sent"] * 2
    fits = [each.fits_token(url, "token") for each in (forged, tampered, truncated, delayed)]
    assert fits == [False, False, True, True]
    assert "To" not in truncated.form
    assert delayed.form["MessageStatus"] == "failed"
    with pytest.raises(KeyError):
        await report("SM0", "sent")


async def test_an_answer_is_handed_on_in_the_vendors_form(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    sandbox.twilio.report_statuses(on=False)
    merchant.usual = TWIML
    await sent(texter, merchant, messaging_service_sid=SERVICE)

    answer = await sandbox.twilio.reply(CUSTOMER, "I paid €5")

    (arrived,) = merchant.arrived
    assert arrived.fits_token(merchant.at("inbound"), "token")
    form = arrived.form
    assert form == {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "Body": "I paid €5",
        "From": CUSTOMER,
        "To": SENDER,
        "MessageSid": form["MessageSid"],
        "MessagingServiceSid": SERVICE,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": form["MessageSid"],
        "SmsSid": form["MessageSid"],
        "SmsStatus": "received",
    }
    assert (answer.status, answer.body, answer.messages) == (200, TWIML, ("Thank you.", "A & B"))
    shown = [(each.to, each.text) for each in sandbox.messages.find(channel=Channel.SMS)]
    assert shown == [(CUSTOMER, "Shop: pay."), (CUSTOMER, "Thank you."), (CUSTOMER, "A & B")]
    directions = [each.direction for each in await texter.messages.list_async()]
    assert directions == ["outbound-reply", "outbound-reply", "inbound", "outbound-api"]


@pytest.mark.parametrize("answer", ["", "<Response/>", "not xml <", '{"ok": true}'])
async def test_an_answer_without_texts_sends_none(
    sandbox: Sandbox, merchant: Door, answer: str
) -> None:
    merchant.usual = answer

    got = await sandbox.twilio.reply(CUSTOMER, "hello", to="+15005550010")

    assert (got.body, got.messages, len(sandbox.messages)) == (answer, (), 0)
    assert merchant.arrived[0].form["To"] == "+15005550010"


async def test_what_the_merchant_refuses_orders_no_text(sandbox: Sandbox, merchant: Door) -> None:
    merchant.usual, merchant.answers = TWIML, [500]

    answer = await sandbox.twilio.reply(CUSTOMER, "hello")

    assert (answer.status, answer.messages, len(merchant.arrived)) == (500, (), 1)
    assert sandbox.messages.replies[0].answer == "the merchant answered 500"


@pytest.mark.parametrize(("stop", "start"), [("stop ", "Start"), ("OPTOUT", "unstop")])
async def test_stop_closes_the_pair_at_the_vendor_and_start_opens_it(
    sandbox: Sandbox, merchant: Door, texter: Any, stop: str, start: str
) -> None:
    sandbox.twilio.report_statuses(on=False)
    merchant.usual = TWIML
    await sent(texter, merchant)

    answer = await sandbox.twilio.reply(CUSTOMER, stop)
    with pytest.raises(TwilioRestException) as caught:
        await sent(texter, merchant)
    other = await sent(texter, merchant, from_="+15005550010")
    await sandbox.twilio.reply(CUSTOMER, start, to=SENDER)
    again = await sent(texter, merchant)

    assert (answer.messages, caught.value.status, caught.value.code) == ((), 400, 21610)
    assert (other.status, again.status) == ("queued", "queued")


async def test_advanced_opt_out_names_the_wish_and_closes_the_service(
    sandbox: Sandbox, merchant: Door, texter: Any
) -> None:
    sandbox.twilio.report_statuses(on=False)
    await sent(texter, merchant, messaging_service_sid=SERVICE)

    await sandbox.twilio.reply(CUSTOMER, "arrêt", opt_out_type="STOP")

    assert merchant.arrived[0].form["OptOutType"] == "STOP"
    with pytest.raises(TwilioRestException):
        await sent(texter, merchant, messaging_service_sid=SERVICE)
    await sandbox.twilio.reply(CUSTOMER, "commencer", opt_out_type="START")
    await sent(texter, merchant, messaging_service_sid=SERVICE)


async def test_answers_come_forged_and_twice(sandbox: Sandbox, merchant: Door) -> None:
    await sandbox.twilio.reply(CUSTOMER, "STOP", manner=Manner(forge=True))
    await sandbox.twilio.reply(CUSTOMER, "PAID", manner=Manner(repeat=2))

    url = merchant.at("inbound")
    assert [each.fits_token(url, "sandbox") for each in merchant.arrived] == [False, True, True]
    assert len({each.form["MessageSid"] for each in merchant.arrived}) == 2


async def test_a_reply_needs_an_address(sandbox: Sandbox, browser: ClientSession) -> None:
    with pytest.raises(NoAddressError):
        await sandbox.twilio.reply(CUSTOMER, "hello")
    order = {"from": CUSTOMER, "body": "hello"}
    async with browser.post("/_control/twilio/replies", json=order) as answer:
        assert answer.status == 409


async def test_feedback_is_steered_over_http(
    sandbox: Sandbox, merchant: Door, texter: Any, browser: ClientSession
) -> None:
    fates = {CUSTOMER: "undelivered:30006", "+1": {"status": "sent", "reports": False}}
    async with browser.put("/_control/twilio/fates", json=fates) as answer:
        assert answer.status == 200
    created = await sent(texter, merchant)
    await sandbox.reported()
    assert merchant.statuses[-1] == "undelivered"
    order: dict[str, object] = {"sid": created.sid, "statuses": ["delivered"]}
    async with browser.post("/_control/twilio/statuses", json=order) as answer:
        assert [post["state"] for post in await answer.json()] == ["accepted"]
    async with browser.put("/_control/twilio/webhook", json={"url": merchant.at("in")}) as answer:
        assert answer.status == 204
    reply = {"from": CUSTOMER, "body": "STOP"}
    async with browser.post("/_control/twilio/replies", json=reply) as answer:
        assert (await answer.json())["status"] == 200
    async with browser.get("/_control/twilio/replies") as answer:
        (told,) = await answer.json()
    assert (told["from"], told["text"], told["answer"]) == (CUSTOMER, "STOP", "stops all texts")
    async with browser.post("/_control/twilio/statuses", json={**order, "sid": "x"}) as answer:
        assert answer.status == 404
    async with browser.put("/_control/twilio/fates", json={"+1": "failed:x"}) as answer:
        assert answer.status == 422
