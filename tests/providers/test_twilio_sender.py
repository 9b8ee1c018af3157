"""Does each answer of Twilio become the right outcome of one text message?"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.ports import Accepted
from providers.twilio.sender import TwilioText
from tests.providers.messages import TEXT, now
from tests.providers.scripted_server import Fault, Reply, ScriptedServer, refusing_url

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "secret-auth-token"
FROM = "+15005550006"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TAKEN = Reply(201, json.dumps({"sid": "SM1", "status": "queued"}).encode())
SHORT = timedelta(milliseconds=300)

LOST = "Twilio did not answer; it may or may not have taken the text message"
NOT_CONNECTED = "Twilio could not be reached; the text message was not handed over"


def facts(error: ProviderError) -> dict[str, Any]:
    return {"type": type(error), **vars(error)}


def unavailable(reason: str, retry_after: timedelta | None = None) -> dict[str, Any]:
    return {"type": ProviderUnavailableError, "reason": reason, "retry_after": retry_after}


def misconfigured(reason: str) -> dict[str, Any]:
    mending = timedelta(minutes=15)
    return {"type": ProviderMisconfiguredError, "reason": reason, "retry_after": mending}


def unknown(reason: str) -> dict[str, Any]:
    return {"type": OutcomeUnknownError, "reason": reason}


def rejected(reason: str, rejection: Rejection, code: str) -> dict[str, Any]:
    return {"type": ProviderRejectedError, "reason": reason, "rejection": rejection, "code": code}


def twilio(url: str, **options: Any) -> TwilioText:
    defaults: dict[str, Any] = {"auth_token": TOKEN, "from_number": FROM}
    return TwilioText(ACCOUNT, now=now, base_url=url, **{**defaults, **options})


async def refusal(step: Reply | Fault, **options: Any) -> dict[str, Any]:
    async with ScriptedServer(step) as server, twilio(server.url, **options) as texts:
        with pytest.raises(ProviderError) as raised:
            await texts.send(TEXT)
    return facts(raised.value)


def problem(status: int, code: int, headers: dict[str, str] | None = None) -> Reply:
    words = f"The 'To' number {TEXT.recipient} is bad"
    body = {"code": code, "message": words, "more_info": "https://", "status": status}
    return Reply(status, json.dumps(body).encode(), headers or {})


def rfc9457(status: int, code: int) -> Reply:
    body = {
        "type": "https://www.twilio.com/docs/api/errors",
        "title": f"{TEXT.recipient} is bad",
        "status": status,
        "code": code,
        "detail": TEXT.recipient,
    }
    return Reply(status, json.dumps(body).encode())


async def test_a_text_arrives_whole_and_once() -> None:
    async with ScriptedServer(TAKEN) as server, twilio(f"{server.url}/") as texts:
        assert await texts.send(TEXT) == Accepted(provider_id="SM1")
    (received,) = server.received
    assert (received.method, received.target) == ("POST", PATH)
    expected = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert received.headers["authorization"] == f"Basic {expected}"
    assert dict(parse_qsl(received.body.decode())) == {
        "To": "+12125550123",
        "From": FROM,
        "Body": TEXT.body,
        "ValidityPeriod": "7200",
    }


async def test_an_api_key_a_messaging_service_and_a_callback() -> None:
    service = "MG0123456789abcdef0123456789abcdef"
    async with (
        ScriptedServer(TAKEN) as server,
        TwilioText(
            ACCOUNT,
            now=now,
            api_key="SK1",
            api_secret="secret",
            messaging_service_sid=service,
            status_callback="https://dunning.shop.example/webhooks/twilio/status",
            base_url=server.url,
        ) as texts,
    ):
        await texts.send(TEXT)
    (received,) = server.received
    assert received.target == PATH
    assert received.headers["authorization"] == f"Basic {b64encode(b'SK1:secret').decode()}"
    assert dict(parse_qsl(received.body.decode())) == {
        "To": "+12125550123",
        "MessagingServiceSid": service,
        "Body": TEXT.body,
        "ValidityPeriod": "7200",
        "StatusCallback": "https://dunning.shop.example/webhooks/twilio/status?message=msg_01",
    }


@pytest.mark.parametrize(
    ("valid_for", "seconds"),
    [
        (timedelta(days=-1), "1"),
        (timedelta(0), "1"),
        (timedelta(milliseconds=1900), "1"),
        (timedelta(hours=10), "36000"),
        (timedelta(days=30), "36000"),
    ],
)
async def test_the_validity_stays_within_what_the_vendor_takes(
    valid_for: timedelta, seconds: str
) -> None:
    async with ScriptedServer(TAKEN) as server, twilio(server.url) as texts:
        await texts.send(replace(TEXT, valid_for=valid_for))
    assert dict(parse_qsl(server.received[0].body.decode()))["ValidityPeriod"] == seconds


async def test_the_environment_does_not_move_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    async with ScriptedServer(TAKEN) as server, twilio(server.url) as texts:
        assert await texts.send(TEXT) == Accepted(provider_id="SM1")


BAD_NUMBER = "Twilio finds the number invalid; correct it in the record"
NO_TEXTS = "Twilio says that the number cannot receive texts"
OPTED_OUT = "the recipient has opted out of texts from this sender"
NO_COUNTRY = "Twilio may not send to this country; allow it in the account's geographic permissions"
NO_ROUTE = "Twilio has no route from this sender to this number; use another sender for the country"
OTHER = "Twilio refused the text message; look the vendor code up"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (problem(400, 21211), rejected(BAD_NUMBER, Rejection.BAD_ADDRESS, "21211")),
        (rfc9457(400, 21211), rejected(BAD_NUMBER, Rejection.BAD_ADDRESS, "21211")),
        (problem(400, 21614), rejected(NO_TEXTS, Rejection.BAD_ADDRESS, "21614")),
        (problem(400, 21610), rejected(OPTED_OUT, Rejection.OPTED_OUT, "21610")),
        (problem(403, 21610), rejected(OPTED_OUT, Rejection.OPTED_OUT, "21610")),
        (problem(400, 21408), rejected(NO_COUNTRY, Rejection.NOT_PERMITTED, "21408")),
        (problem(400, 21612), rejected(NO_ROUTE, Rejection.NOT_PERMITTED, "21612")),
        (problem(400, 21617), rejected(OTHER, Rejection.INVALID, "21617")),
        (Reply(400, b"<html>"), rejected(OTHER, Rejection.INVALID, "400")),
        (Reply(422, b"[]"), rejected(OTHER, Rejection.INVALID, "422")),
        (Reply(400, b'{"code": "x"}'), rejected(OTHER, Rejection.INVALID, "400")),
    ],
)
async def test_a_refused_text_is_not_to_be_sent_again(
    reply: Reply, expected: dict[str, Any]
) -> None:
    assert await refusal(reply) == expected


CREDENTIALS = (
    "Twilio refused the credentials: check TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN or"
    " TWILIO_API_KEY and TWILIO_API_SECRET, and that the account is active"
)
WRONG_PLACE = (
    "Twilio has no such account at this address: check TWILIO_ACCOUNT_SID and TWILIO_BASE_URL"
)
WRONG_SENDER = "Twilio does not accept the sender: check TWILIO_FROM"
FOREIGN_SENDER = (
    "the sender does not belong to this Twilio account or cannot send texts: check TWILIO_FROM"
)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (problem(401, 20003), f"{CREDENTIALS} (HTTP 401, vendor code 20003)"),
        (problem(400, 20003), f"{CREDENTIALS} (HTTP 400, vendor code 20003)"),
        (rfc9457(401, 20003), f"{CREDENTIALS} (HTTP 401, vendor code 20003)"),
        (Reply(401), f"{CREDENTIALS} (HTTP 401, vendor code 401)"),
        (Reply(403), f"{CREDENTIALS} (HTTP 403, vendor code 403)"),
        (problem(404, 20404), f"{WRONG_PLACE} (HTTP 404, vendor code 20404)"),
        (problem(400, 21212), f"{WRONG_SENDER} (HTTP 400, vendor code 21212)"),
        (problem(400, 21606), f"{FOREIGN_SENDER} (HTTP 400, vendor code 21606)"),
    ],
)
async def test_a_wrong_setting_leaves_time_to_mend_it(reply: Reply, reason: str) -> None:
    assert await refusal(reply) == misconfigured(reason)


@pytest.mark.parametrize(
    ("reply", "where", "delay"),
    [
        (problem(429, 20429), "(HTTP 429, vendor code 20429)", None),
        (problem(429, 20429, {"Retry-After": "7"}), "(HTTP 429, vendor code 20429)", 7),
        (Reply(429, headers={"retry-after": "30"}), "(HTTP 429, vendor code 429)", 30),
        (problem(400, 21611), "(HTTP 400, vendor code 21611)", None),
    ],
)
async def test_a_busy_vendor_says_when_to_come_back(
    reply: Reply, where: str, delay: int | None
) -> None:
    expected = unavailable(
        f"Twilio asks to send this text message later {where}",
        None if delay is None else timedelta(seconds=delay),
    )
    assert await refusal(reply) == expected


@pytest.mark.parametrize("status", [302, 307, 500, 502, 503, 504])
async def test_any_other_status_leaves_the_outcome_open(status: int) -> None:
    reply = Reply(status, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    assert await refusal(reply) == unknown(f"{LOST} (HTTP {status})")


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (Fault.DROP_BEFORE_READING, "ServerDisconnectedError"),
        (Fault.DROP_AFTER_READING, "ServerDisconnectedError"),
        (Fault.DROP_INSIDE_ANSWER, "ClientPayloadError"),
        (Fault.SILENCE, "TimeoutError"),
        (Fault.SILENCE_BEFORE_READING, "TimeoutError"),
        (Reply(201, b"<html>"), "JSONDecodeError"),
        (Reply(201, b"{}"), "an answer without a SID"),
    ],
)
async def test_a_lost_answer_leaves_the_outcome_open(step: Reply | Fault, what: str) -> None:
    assert await refusal(step, timeout=SHORT) == unknown(f"{LOST} ({what})")


async def test_a_refused_connection_is_certain() -> None:
    async with twilio(refusing_url()) as texts:
        with pytest.raises(ProviderError) as raised:
            await texts.send(TEXT)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)


@pytest.mark.parametrize("fault", [Fault.SILENCE_BEFORE_READING, Fault.DROP_BEFORE_READING])
async def test_a_tls_handshake_that_fails_or_hangs_is_certain(fault: Fault) -> None:
    async with (
        ScriptedServer(fault) as server,
        twilio(server.url.replace("http:", "https:"), timeout=SHORT) as texts,
    ):
        with pytest.raises(ProviderError) as raised:
            await texts.send(TEXT)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)
    assert server.received == []


async def test_a_name_that_does_not_resolve_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    async with twilio("http://texts.invalid") as texts:
        with pytest.raises(ProviderError) as raised:
            await texts.send(TEXT)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)


async def test_parallel_refusals_keep_their_own_delays() -> None:
    delays = [str(n) for n in range(6, 26)]
    script = [problem(429, 20429, {"Retry-After": delay}) for delay in delays]
    async with ScriptedServer(*script) as server, twilio(server.url) as texts:
        outcomes = await asyncio.gather(*(texts.send(TEXT) for _ in delays), return_exceptions=True)
    seen = [o.retry_after for o in outcomes if isinstance(o, ProviderUnavailableError)]
    assert sorted(d.total_seconds() for d in seen if d is not None) == list(range(6, 26))


async def test_a_closed_sender_opens_again_when_used() -> None:
    async with ScriptedServer(TAKEN, TAKEN) as server, twilio(server.url) as texts:
        await texts.send(TEXT)
        await texts.aclose()
        assert await texts.send(TEXT) == Accepted(provider_id="SM1")


def test_a_sender_is_made_without_a_running_loop() -> None:
    assert isinstance(twilio("http://127.0.0.1:9"), TwilioText)


@pytest.mark.parametrize(
    "step",
    [
        TAKEN,
        problem(400, 21211),
        rfc9457(400, 21211),
        problem(500, 0),
        Fault.SILENCE,
        Fault.DROP_AFTER_READING,
    ],
)
async def test_no_secret_and_no_recipient_is_told(
    step: Reply | Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer(step, step) as server, twilio(server.url, timeout=SHORT) as texts:
        outcomes = await asyncio.gather(
            texts.send(TEXT),
            texts.find(recipient=TEXT.recipient, body_digest="0" * 64, since=now()),
            return_exceptions=True,
        )
    told = caplog.text + repr(outcomes)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            assert (outcome.__cause__, outcome.__context__) == (None, None)
            told += "".join(traceback.format_exception(outcome))
    private = (TOKEN, b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode(), "2125550123", "tok_1")
    for text in private:
        assert text not in told


@pytest.mark.parametrize(
    "options",
    [
        {"auth_token": None},
        {"auth_token": None, "api_key": "SK1"},
        {"api_key": "SK1", "api_secret": "s"},
        {"from_number": None},
        {"messaging_service_sid": "MG1"},
    ],
)
def test_credentials_and_sender_must_be_given_once(options: dict[str, str | None]) -> None:
    with pytest.raises(ValueError, match="Twilio needs either"):
        twilio("http://127.0.0.1:9", **options)


def test_a_base_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="must start with http"):
        twilio("api.twilio.com")
