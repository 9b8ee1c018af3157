"""Is what the sandbox accepts also valid by the vendors' own API descriptions?"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.validation.request.exceptions import InvalidRequestBody
from werkzeug.datastructures import Headers

from sandbox.control import Sandbox
from sandbox.inbox import TakenRequest

# twilio 9.13 still signs in by aiohttp's old BasicAuth, which aiohttp 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

_HOSTS = {"sendgrid": "https://api.sendgrid.com", "twilio": "https://api.twilio.com"}
_FILES = {"sendgrid": "sendgrid_mail_v3.json", "twilio": "twilio_api_v2010.json"}


class DescribedRequest:
    """A taken request in the shape in which the validator reads requests."""

    def __init__(self, taken: TakenRequest) -> None:
        self.taken = taken
        self.parameters = RequestParameters(header=Headers(list(taken.headers.items())))

    @property
    def host_url(self) -> str:
        return _HOSTS[self.taken.vendor]

    @property
    def path(self) -> str:
        return self.taken.path

    @property
    def method(self) -> str:
        return self.taken.method.lower()

    @property
    def body(self) -> bytes:
        return self.taken.body

    @property
    def content_type(self) -> str:
        return self.taken.headers["content-type"]


@cache
def description(folder: Path, vendor: str) -> OpenAPI:
    loaded: Mapping[str, Any] = json.loads((folder / _FILES[vendor]).read_text("utf-8"))
    return OpenAPI.from_dict(cast("Any", loaded))


def check(folder: Path, sandbox: Sandbox) -> list[str]:
    """Raises on the first request that the vendor's description does not allow."""
    for taken in sandbox.messages.requests:
        description(folder, taken.vendor).validate_request(DescribedRequest(taken))
    return [taken.vendor for taken in sandbox.messages.requests]


def rich_body() -> dict[str, Any]:
    return {
        "personalizations": [
            {
                "to": [{"email": "ada@example.com", "name": "Ada"}],
                "custom_args": {"case": "INV-1", "step": "2"},
            }
        ],
        "from": {"email": "billing@shop.example", "name": "Shop"},
        "reply_to": {"email": "help@shop.example"},
        "subject": "Your payment failed",
        "content": [
            {"type": "text/plain", "value": "Please pay."},
            {"type": "text/html", "value": "<p>Please pay.</p>"},
        ],
        "categories": ["dunning", "dunning-step-2"],
        "headers": {"List-Unsubscribe": "<https://shop.example/u/1>"},
        "asm": {"group_id": 7},
        "tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}},
    }


async def test_accepted_mails_fit_the_vendors_description(
    specs: Path, sandbox: Sandbox, mailer: Any
) -> None:
    await mailer.send(rich_body())

    assert check(specs, sandbox) == ["sendgrid"]


async def test_accepted_texts_fit_the_vendors_description(
    specs: Path, sandbox: Sandbox, texter: Any, blocking_texter: Any
) -> None:
    await texter.messages.create_async(
        to="+12125550123",
        messaging_service_sid="MG" + "b" * 32,
        body="Shop: please pay.",
        validity_period=3600,
        status_callback="https://shop.example/status",
    )
    await asyncio.to_thread(
        blocking_texter.messages.create, to="+4915112345678", from_="Shop", body="Hallo"
    )

    assert check(specs, sandbox) == ["twilio", "twilio"]


async def test_answers_for_texts_fit_the_vendors_description(
    specs: Path, sandbox: Sandbox, texter: Any
) -> None:
    created = await texter.messages.create_async(to="+12125550123", from_="Shop", body="x")
    schemas = json.loads((specs / _FILES["twilio"]).read_text("utf-8"))["components"]["schemas"]

    text = sandbox.texts.get(created.sid)

    assert text is not None
    assert set(text.resource()) == set(schemas["api.v2010.account.message"]["properties"])


async def test_the_check_finds_a_request_that_does_not_fit(specs: Path, mailer: Any) -> None:
    del mailer
    taken = TakenRequest(
        vendor="sendgrid",
        method="POST",
        path="/v3/mail/send",
        headers={"content-type": "application/json", "authorization": "Bearer SG.good"},
        body=json.dumps({**rich_body(), "subject": 7}).encode(),
    )

    with pytest.raises(InvalidRequestBody):
        description(specs, "sendgrid").validate_request(DescribedRequest(taken))
