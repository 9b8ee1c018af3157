"""Is all that our adapters send, and the sandbox answers, valid by the vendors' own files?"""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from openapi_core.validation.request.exceptions import InvalidRequestBody, RequestValidationError

from dunning.ports import EmailMessage
from providers.sendgrid.sender import SendGridEmail
from providers.twilio.sender import TwilioText
from sandbox.control import Sandbox
from sandbox.inbox import TakenRequest
from tests.providers.messages import EMAIL, NOW, TAGS, TEXT, now
from tests.sandbox.conftest import ACCOUNT
from tests.sandbox.described import check, loaded

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

SERVICE = "MG" + "b" * 32
SENDERS = ({"from_number": "+15005550006"}, {"messaging_service_sid": SERVICE})
_UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://shop.example/u/tok_2>, <mailto:stop@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "X-Case": "INV-1",
}
MAILS = {
    "as it is": EMAIL,
    "without headers": replace(EMAIL, headers={}),
    "with one-click unsubscribing": replace(EMAIL, headers=_UNSUBSCRIBE),
    "without a reply-to": replace(EMAIL, reply_to=None),
    "without names": replace(EMAIL, recipient_name=None, sender_name=""),
    "with copies": replace(EMAIL, copies=("crm@shop.example", "archive@shop.example")),
    "in Japanese": replace(EMAIL, subject="お支払い", recipient_name="愛"),
}

Texting = Callable[..., TwilioText]


def checked(folder: Path, sandbox: Sandbox) -> list[str]:
    """Raises on the first request that the vendor's description does not allow."""
    for taken in sandbox.messages.requests:
        check(folder, taken)
    return [f"{taken.vendor} {taken.method}" for taken in sandbox.messages.requests]


@pytest.fixture
async def mailing(sandbox: Sandbox) -> AsyncGenerator[SendGridEmail]:
    async with SendGridEmail("SG.good", now=now, base_url=sandbox.sendgrid_url) as adapter:
        yield adapter


@pytest.fixture
async def texting(sandbox: Sandbox) -> AsyncGenerator[Texting]:
    opened: list[TwilioText] = []

    def start(**more: Any) -> TwilioText:
        place = sandbox.twilio_url
        opened.append(TwilioText(ACCOUNT, now=now, auth_token="token", base_url=place, **more))
        return opened[-1]

    yield start
    for adapter in opened:
        await adapter.aclose()


@pytest.mark.parametrize("message", MAILS.values(), ids=list(MAILS))
async def test_each_mail_that_we_send_fits(
    specs: Path, sandbox: Sandbox, mailing: SendGridEmail, message: EmailMessage
) -> None:
    accepted = await mailing.send(message)

    assert checked(specs, sandbox) == ["sendgrid POST"]
    first, *copies = sandbox.messages
    assert (first.vendor_id, first.to) == (accepted.provider_id, message.recipient)
    assert [each.to for each in copies] == list(message.copies)
    assert first.headers == message.headers


async def test_a_mail_that_is_only_checked_fits(specs: Path, sandbox: Sandbox) -> None:
    place = sandbox.sendgrid_url
    async with SendGridEmail("SG.good", now=now, base_url=place, sandbox_mode=True) as adapter:
        await adapter.send(EMAIL)

    assert checked(specs, sandbox) == ["sendgrid POST"]
    assert len(sandbox.messages) == 0


@pytest.mark.parametrize("sender", SENDERS, ids=["number", "service"])
@pytest.mark.parametrize("callback", [None, "https://shop.example/webhooks/twilio/status"])
async def test_each_text_that_we_send_and_look_for_fits(
    specs: Path, sandbox: Sandbox, texting: Texting, sender: dict[str, str], callback: str | None
) -> None:
    adapter = texting(status_callback=callback, **sender)

    sent = await adapter.send(TEXT)
    digest = sha256(TEXT.body.encode()).hexdigest()
    since = NOW - timedelta(days=9999)
    found = await adapter.find(recipient=TEXT.recipient, body_digest=digest, since=since)

    assert checked(specs, sandbox) == ["twilio POST", "twilio GET"]
    assert found == sent
    (message,) = sandbox.messages
    form = {name: value for name, value in message.payload.items() if name != "Body"}
    assert form == {
        "To": TEXT.recipient,
        "ValidityPeriod": "7200",
        **({"StatusCallback": f"{callback}?message={TAGS.message_id}"} if callback else {}),
        **({"From": "+15005550006"} if "from_number" in sender else {}),
        **({"MessagingServiceSid": SERVICE} if "messaging_service_sid" in sender else {}),
    }


@pytest.mark.parametrize(("lasts", "asked"), [(0.2, "1"), (86400 * 3, "36000")])
async def test_the_validity_of_a_text_stays_within_the_vendors_limits(
    specs: Path, sandbox: Sandbox, texting: Texting, lasts: float, asked: str
) -> None:
    await texting(**SENDERS[0]).send(replace(TEXT, valid_for=timedelta(seconds=lasts)))

    assert checked(specs, sandbox) == ["twilio POST"]
    assert [each.payload["ValidityPeriod"] for each in sandbox.messages] == [asked]


async def test_asking_what_became_of_a_text_fits(
    specs: Path, sandbox: Sandbox, texting: Texting
) -> None:
    adapter = texting(**SENDERS[0])
    sent = await adapter.send(TEXT)
    told = await adapter.fetch(sent.provider_id, TAGS.message_id)

    assert checked(specs, sandbox) == ["twilio POST", "twilio GET"]
    assert told is not None
    assert told.name == "sent"


async def test_answers_for_texts_fit_the_vendors_description(
    specs: Path, sandbox: Sandbox, texting: Texting
) -> None:
    sent = await texting(**SENDERS[0]).send(TEXT)
    schemas = loaded(specs, "twilio")["components"]["schemas"]
    described = schemas["api.v2010.account.message"]["properties"]

    text = sandbox.texts.get(sent.provider_id)

    assert text is not None
    assert set(text.resource()) == set(described)
    statuses = schemas["message_enum_status"]["enum"]
    assert text.resource()["status"] in statuses


_PROOFS = {"sendgrid": "Bearer SG.good", "twilio": "Basic QUM6eA=="}


def request(vendor: str, path: str, body: object = None, query: str = "") -> TakenRequest:
    return TakenRequest(
        vendor=vendor,
        method="GET" if body is None else "POST",
        path=path,
        headers={"content-type": "application/json", "authorization": _PROOFS[vendor]},
        body=b"" if body is None else json.dumps(body).encode(),
        query=query,
    )


async def test_the_check_finds_what_does_not_fit(specs: Path) -> None:
    mail = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "billing@shop.example"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
    }
    messages = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    check(specs, request("sendgrid", "/v3/mail/send", mail))
    with pytest.raises(InvalidRequestBody):
        check(specs, request("sendgrid", "/v3/mail/send", {**mail, "subject": 7}))
    with pytest.raises(AssertionError, match="does not know"):
        check(specs, request("sendgrid", "/v3/mail/send", {**mail, "subjcet": "typo"}))
    with pytest.raises(RequestValidationError):
        check(specs, request("twilio", messages, query="PageSize=none"))
    with pytest.raises(AssertionError, match="does not know"):
        check(specs, request("twilio", messages, query="Recipient=x"))
