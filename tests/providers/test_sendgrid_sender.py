"""Does each answer of SendGrid become the right outcome of one email?"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import traceback
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from providers.sendgrid.sender import SendGridEmail
from providers.sendgrid.wire import SendGridWire
from providers.transit import NotConnectedError
from tests.providers.messages import EMAIL, TAGS, now
from tests.providers.scripted_server import Fault, Reply, ScriptedServer, refusing_url

KEY = "SG.secret-key-id.secret-key-value"
TAKEN = Reply(202, headers={"X-Message-Id": "sg-1"})
SHORT = timedelta(milliseconds=300)

LOST = "SendGrid did not answer; it may or may not have taken the email"
NOT_CONNECTED = "SendGrid could not be reached; the email was not handed over"

EXPECTED_BODY = {
    "from": {"email": "billing@shop.example", "name": "Shop Billing"},
    "reply_to": {"email": "help@shop.example"},
    "subject": "Your card was declined: €49.00",
    "personalizations": [
        {
            "to": [{"email": "ada.lovelace@customer.example", "name": "Ada Lovelace"}],
            "custom_args": {
                "dunning_message_id": "msg_01",
                "dunning_case_id": "dunning:INV-1:1",
                "dunning_step": "day-4",
            },
        }
    ],
    "content": [
        {
            "type": "text/plain",
            "value": "Please update your card: https://shop.example/p/tok_1",
        },
        {
            "type": "text/html",
            "value": '<p>Please <a href="https://shop.example/p/tok_1">update your card</a></p>',
        },
    ],
    "headers": {"List-Unsubscribe": "<https://shop.example/u/tok_2>"},
    "categories": ["dunning"],
    "tracking_settings": {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
        "ganalytics": {"enable": False},
    },
}


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


async def refusal(*steps: Reply | Fault, **options: Any) -> dict[str, Any]:
    async with (
        ScriptedServer(*steps) as server,
        SendGridEmail(KEY, now=now, base_url=server.url, **options) as email,
    ):
        with pytest.raises(ProviderError) as raised:
            await email.send(EMAIL)
    return facts(raised.value)


async def test_an_email_arrives_whole_and_once() -> None:
    async with (
        ScriptedServer(TAKEN) as server,
        SendGridEmail(KEY, now=now, base_url=f"{server.url}/") as email,
    ):
        assert await email.send(EMAIL) == Accepted(provider_id="sg-1")
    (received,) = server.received
    assert (received.method, received.target) == ("POST", "/v3/mail/send")
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == EXPECTED_BODY


async def test_optional_parts_are_left_out_and_addresses_stay_as_they_are() -> None:
    bare = replace(
        EMAIL, recipient="not an address", recipient_name=None, reply_to=None, headers={}
    )
    async with (
        ScriptedServer(TAKEN) as server,
        SendGridEmail(KEY, now=now, base_url=server.url) as email,
    ):
        await email.send(bare)
    body = json.loads(server.received[0].body)
    assert body["personalizations"][0].pop("to") == [{"email": "not an address"}]
    whole = json.loads(json.dumps(EXPECTED_BODY))
    del whole["reply_to"], whole["headers"], whole["personalizations"][0]["to"]
    assert body == whole


async def test_sandbox_mode_is_asked_for_and_its_answer_accepted() -> None:
    async with (
        ScriptedServer(Reply(200)) as server,
        SendGridEmail(KEY, now=now, base_url=server.url, sandbox_mode=True) as email,
    ):
        assert await email.send(EMAIL) == Accepted(provider_id=TAGS.message_id)
    assert json.loads(server.received[0].body) == {
        **EXPECTED_BODY,
        "mail_settings": {"sandbox_mode": {"enable": True}},
    }


async def test_parallel_sends_do_not_mix() -> None:
    async with (
        ScriptedServer(*[TAKEN] * 40) as server,
        SendGridEmail(KEY, now=now, base_url=server.url, threads=8) as email,
    ):
        await asyncio.gather(
            *(email.send(replace(EMAIL, subject=f"subject {n}")) for n in range(40))
        )
    bodies = [json.loads(received.body) for received in server.received]
    subjects = sorted(body.pop("subject") for body in bodies)
    assert subjects == sorted(f"subject {n}" for n in range(40))
    assert {r.headers["authorization"] for r in server.received} == {f"Bearer {KEY}"}


FIELDS = {
    "address": "personalizations.0.to.0.email",
    "address in brackets": "personalizations[0].to",
    "name": "personalizations.0.to.0.name",
    "sender": "from.email",
    "quoted": "ada.lovelace@customer.example",
}


def errors(*fields: str | None) -> bytes:
    entries = [{"message": f"{EMAIL.recipient} is bad", "field": f, "help": None} for f in fields]
    return json.dumps({"errors": entries}).encode()


BAD_ADDRESS = rejected(
    "SendGrid refused the recipient's address; correct it in the customer's record",
    Rejection.BAD_ADDRESS,
    "400",
)


def invalid(where: str, code: str) -> dict[str, Any]:
    return rejected(
        f"SendGrid refused the email{where}; check the template and the sender's address",
        Rejection.INVALID,
        code,
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(400, errors(FIELDS["address"])), BAD_ADDRESS),
        (Reply(400, errors(FIELDS["address in brackets"])), BAD_ADDRESS),
        (Reply(400, errors("from.email", FIELDS["address"])), BAD_ADDRESS),
        (Reply(400, errors(FIELDS["name"])), invalid(" because of: personalizations", "400")),
        (Reply(400, errors(FIELDS["sender"])), invalid(" because of: from", "400")),
        (Reply(400, errors(FIELDS["quoted"], None)), invalid("", "400")),
        (Reply(400, b"<html>"), invalid("", "400")),
        (Reply(400, b"[1]"), invalid("", "400")),
        (Reply(400, b'{"errors": "no"}'), invalid("", "400")),
        (Reply(400, b'{"errors": [null, {"field": 3}]}'), invalid("", "400")),
        (Reply(413), invalid("", "413")),
        (Reply(422, errors("content")), invalid(" because of: content", "422")),
        (Reply(415), invalid("", "415")),
    ],
)
async def test_a_refused_email_is_not_to_be_sent_again(
    reply: Reply, expected: dict[str, Any]
) -> None:
    assert await refusal(reply) == expected


LATER = "SendGrid asks to send this email later (HTTP 429)"


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({}, None),
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"retry-after": "Mon, 23 Nov 2026 12:03:00 GMT"}, timedelta(minutes=3)),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, timedelta(0)),
        ({"Retry-After": "99999999"}, timedelta(days=1)),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "1795435230"}, timedelta(seconds=30)),
        ({"X-RateLimit-Reset": "1795435230"}, timedelta(seconds=30)),
        ({"X-RateLimit-Reset": "1"}, timedelta(0)),
        ({"X-RateLimit-Reset": "x"}, None),
    ],
)
async def test_a_rate_limit_says_when_to_come_back(
    headers: dict[str, str], delay: timedelta | None
) -> None:
    assert await refusal(Reply(429, headers=headers)) == unavailable(LATER, delay)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            401,
            (
                "SendGrid refused the API key: check that SENDGRID_API_KEY is a live key and that"
                " the account has sending credits (HTTP 401)"
            ),
        ),
        (
            403,
            (
                "SendGrid does not let this key send from this address: give the key the Mail Send"
                " permission and verify the sender identity or domain (HTTP 403)"
            ),
        ),
        (
            404,
            "SendGrid has no mail endpoint at this address: check SENDGRID_BASE_URL (HTTP 404)",
        ),
    ],
)
async def test_a_wrong_setting_leaves_time_to_mend_it(status: int, reason: str) -> None:
    reply = Reply(status, errors(None))
    assert await refusal(reply) == misconfigured(reason)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 200, 204, 302, 307])
async def test_any_other_status_leaves_the_outcome_open(status: int) -> None:
    reply = Reply(status, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    assert await refusal(reply) == unknown(f"{LOST} (HTTP {status})")


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (Fault.DROP_AFTER_READING, "RemoteDisconnected"),
        (Fault.DROP_INSIDE_ANSWER, "IncompleteRead"),
        (Fault.SILENCE, "TimeoutError"),
        (Fault.SILENCE_BEFORE_READING, "TimeoutError"),
    ],
)
async def test_a_lost_answer_leaves_the_outcome_open(fault: Fault, what: str) -> None:
    assert await refusal(fault, timeout=SHORT) == unknown(f"{LOST} ({what})")


async def test_a_connection_dropped_while_writing_leaves_the_outcome_open() -> None:
    error = await refusal(Fault.DROP_BEFORE_READING)
    assert (error["type"], error["reason"][: len(LOST)]) == (OutcomeUnknownError, LOST)


async def test_a_refused_connection_is_certain() -> None:
    async with SendGridEmail(KEY, now=now, base_url=refusing_url()) as email:
        with pytest.raises(ProviderError) as raised:
            await email.send(EMAIL)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)


@pytest.mark.parametrize("fault", [Fault.SILENCE_BEFORE_READING, Fault.DROP_BEFORE_READING])
async def test_a_tls_handshake_that_fails_or_hangs_is_certain(fault: Fault) -> None:
    async with ScriptedServer(fault) as server:
        url = server.url.replace("http:", "https:")
        async with SendGridEmail(KEY, now=now, base_url=url, timeout=SHORT) as email:
            with pytest.raises(ProviderError) as raised:
                await email.send(EMAIL)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)
    assert server.received == []


async def test_a_name_that_does_not_resolve_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    async with SendGridEmail(KEY, now=now, base_url="http://mail.invalid") as email:
        with pytest.raises(ProviderError) as raised:
            await email.send(EMAIL)
    assert facts(raised.value) == unavailable(NOT_CONNECTED)


async def test_an_abandoned_request_is_not_written() -> None:
    abandoned = threading.Event()
    abandoned.set()
    async with ScriptedServer(Fault.SILENCE) as server:
        wire = SendGridWire(KEY, base_url=server.url, timeout=SHORT)
        with pytest.raises(NotConnectedError):
            await asyncio.to_thread(wire.post, EXPECTED_BODY, abandoned)
    assert server.received == []


async def test_emails_that_never_leave_the_queue_are_certain_and_the_others_are_not() -> None:
    async with (
        ScriptedServer(*[Fault.SILENCE] * 8) as server,
        SendGridEmail(
            KEY, now=now, base_url=server.url, timeout=timedelta(milliseconds=100), threads=1
        ) as email,
    ):
        outcomes = await asyncio.gather(
            *(email.send(EMAIL) for _ in range(8)), return_exceptions=True
        )
    kinds = [type(outcome) for outcome in outcomes]
    assert set(kinds) == {OutcomeUnknownError, ProviderUnavailableError}
    assert len(server.received) <= kinds.count(OutcomeUnknownError)


async def test_a_cancelled_send_that_waits_is_never_sent() -> None:
    async with (
        ScriptedServer(Fault.SILENCE, Fault.SILENCE) as server,
        SendGridEmail(KEY, now=now, base_url=server.url, timeout=SHORT, threads=1) as email,
    ):
        first = asyncio.create_task(email.send(EMAIL))
        second = asyncio.create_task(email.send(EMAIL))
        await asyncio.sleep(0)
        second.cancel()
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknownError, asyncio.CancelledError]
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "step",
    [
        TAKEN,
        Reply(400, errors(FIELDS["address"])),
        Reply(401, errors(None)),
        Reply(500, errors(None)),
        Fault.SILENCE,
        Fault.DROP_AFTER_READING,
    ],
)
async def test_no_secret_and_no_recipient_is_told(
    step: Reply | Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        ScriptedServer(step) as server,
        SendGridEmail(KEY, now=now, base_url=server.url, timeout=SHORT) as email,
    ):
        (outcome,) = await asyncio.gather(email.send(EMAIL), return_exceptions=True)
    told = caplog.text + repr(outcome)
    if isinstance(outcome, BaseException):
        assert (outcome.__cause__, outcome.__context__) == (None, None)
        told += "".join(traceback.format_exception(outcome))
    for private in (KEY, "secret-key", "ada.lovelace", "Ada", "tok_1"):
        assert private not in told


@pytest.mark.parametrize("key", ["", " ", "SG.a\nb", "SG.a b", "SG.ключ"])
def test_a_key_that_cannot_be_one_is_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(ValueError, match="API key is blank or holds characters") as raised:
        SendGridEmail(key, now=now)
    assert "SG." not in str(raised.value)


def test_a_base_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="must start with http"):
        SendGridEmail(KEY, now=now, base_url="api.sendgrid.com")
