"""Does each answer of Firebase become the right outcome of one notification?"""

from __future__ import annotations

import asyncio
import json
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
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
from dunning.ports import Accepted, PushMessage
from providers.fcm.account import AccountFileError, read_account
from providers.fcm.outcomes import REFUSED_ACCOUNT
from providers.fcm.sender import FcmPush
from sandbox.control import Sandbox
from sandbox.faults import Fault as SandboxFault
from sandbox.faults import FaultKind, Vendor
from sandbox.settings import SandboxSettings
from tests.providers.messages import NOW, TAGS, now
from tests.providers.scripted_server import Fault, Reply, ScriptedServer, refusing_url
from tests.providers.service_account import EMAIL, account_file, public_key

MESSAGE = PushMessage(
    token="device-1:APA91b",
    title="Shop",
    body="A payment did not go through.",
    link="https://shop.example/p/tok_1",
    valid_for=timedelta(hours=2),
    tags=TAGS,
)
BOUGHT = Reply(200, json.dumps({"access_token": "ya29.a", "expires_in": 3599}).encode())
AGAIN = Reply(200, json.dumps({"access_token": "ya29.b", "expires_in": 3599}).encode())
TAKEN = Reply(200, json.dumps({"name": "projects/shop-app/messages/1"}).encode())
LOST = "Firebase did not answer; it may or may not have taken the notification"
UNREACHED = "Google's token service did not answer; the notification was not handed over"
MENDING = timedelta(minutes=15)
SHORT = timedelta(milliseconds=300)


def facts(error: ProviderError) -> dict[str, Any]:
    return {"type": type(error), **vars(error)}


def problem(
    status: int,
    code: str | None,
    *,
    fields: list[str] | None = None,
    message: str = f"{MESSAGE.token} is bad",
    headers: dict[str, str] | None = None,
) -> Reply:
    details: list[dict[str, object]] = []
    if code:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if fields:
        violations = [{"field": field, "description": "Invalid"} for field in fields]
        kind = "type.googleapis.com/google.rpc.BadRequest"
        details.append({"@type": kind, "fieldViolations": violations})
    error = {"code": status, "message": message, "status": "SOME", "details": details}
    return Reply(status, json.dumps({"error": error}).encode(), headers or {})


def fcm(folder: Path, url: str, **options: Any) -> FcmPush:
    account = read_account(account_file(folder, f"{url}/token"))
    return FcmPush(account, now=now, base_url=url, **options)


async def refusal(folder: Path, *steps: Reply | Fault, **options: Any) -> dict[str, Any]:
    async with ScriptedServer(BOUGHT, *steps) as server, fcm(folder, server.url, **options) as push:
        with pytest.raises(ProviderError) as raised:
            await push.send(MESSAGE)
    assert MESSAGE.token not in "".join(traceback.format_exception(raised.value))
    return facts(raised.value)


async def test_a_notification_is_handed_over_once_with_everything_it_needs(tmp_path: Path) -> None:
    async with ScriptedServer(BOUGHT, TAKEN) as server, fcm(tmp_path, server.url) as push:
        assert await push.send(MESSAGE) == Accepted(provider_id="projects/shop-app/messages/1")
    asked, sent = server.received
    assert (asked.target, sent.target) == ("/token", "/v1/projects/shop-app/messages:send")
    assert sent.headers["authorization"] == "Bearer ya29.a"
    assert json.loads(sent.body) == {
        "message": {
            "token": MESSAGE.token,
            "notification": {"title": "Shop", "body": "A payment did not go through."},
            "data": {
                "link": MESSAGE.link,
                "message_id": "msg_01",
                "case_id": "dunning:INV-1:1",
                "step": "day-4",
            },
            "android": {"ttl": "7200s"},
            "apns": {"headers": {"apns-expiration": str(int(NOW.timestamp()) + 7200)}},
            "webpush": {"headers": {"TTL": "7200"}, "fcm_options": {"link": MESSAGE.link}},
        }
    }


async def test_a_plain_link_is_kept_out_of_where_the_vendor_wants_tls(tmp_path: Path) -> None:
    plain = replace(MESSAGE, link="http://127.0.0.1/p/1", valid_for=timedelta())
    async with ScriptedServer(BOUGHT, TAKEN) as server, fcm(tmp_path, server.url) as push:
        await push.send(plain)
    body = json.loads(server.received[1].body)["message"]
    assert (body["webpush"], body["android"]) == ({"headers": {"TTL": "1"}}, {"ttl": "1s"})


async def test_one_token_serves_many_notifications_and_a_dead_one_is_replaced(
    tmp_path: Path,
) -> None:
    refused = problem(401, None)
    async with (
        ScriptedServer(BOUGHT, TAKEN, TAKEN, refused, AGAIN, TAKEN) as server,
        fcm(tmp_path, server.url) as push,
    ):
        await asyncio.gather(push.send(MESSAGE), push.send(MESSAGE))
        await push.send(MESSAGE)
    used = [r.headers.get("authorization") for r in server.received if r.target != "/token"]
    assert used == ["Bearer ya29.a"] * 3 + ["Bearer ya29.b"]


@pytest.mark.parametrize(
    ("reply", "rejection", "code"),
    [
        (problem(404, "UNREGISTERED"), Rejection.BAD_ADDRESS, "UNREGISTERED"),
        (
            problem(400, "INVALID_ARGUMENT", fields=["message.token"]),
            Rejection.BAD_ADDRESS,
            "INVALID_ARGUMENT",
        ),
        (
            problem(400, "INVALID_ARGUMENT", message="The registration token is not a valid one"),
            Rejection.BAD_ADDRESS,
            "INVALID_ARGUMENT",
        ),
        (
            problem(400, "INVALID_ARGUMENT", fields=["message.android.ttl"]),
            Rejection.INVALID,
            "INVALID_ARGUMENT",
        ),
        (Reply(413, b"<html>"), Rejection.INVALID, "413"),
    ],
)
async def test_refusals_for_good(
    tmp_path: Path, reply: Reply, rejection: Rejection, code: str
) -> None:
    found = await refusal(tmp_path, reply)
    assert (found["type"], found["rejection"], found["code"]) == (
        ProviderRejectedError,
        rejection,
        code,
    )


@pytest.mark.parametrize(
    ("reply", "delay"),
    [
        (problem(429, "QUOTA_EXCEEDED", headers={"Retry-After": "90"}), timedelta(seconds=90)),
        (problem(429, "QUOTA_EXCEEDED"), None),
        (problem(403, "SENDER_ID_MISMATCH"), MENDING),
    ],
)
async def test_what_time_or_an_operator_mends(
    tmp_path: Path, reply: Reply, delay: timedelta | None
) -> None:
    found = await refusal(tmp_path, reply)
    assert (found["type"], found["retry_after"]) == (ProviderUnavailableError, delay)


@pytest.mark.parametrize(
    "reply", [problem(403, None), Reply(404, b"<html>not here</html>"), problem(404, None)]
)
async def test_what_would_meet_every_notification(tmp_path: Path, reply: Reply) -> None:
    found = await refusal(tmp_path, reply)
    assert (found["type"], found["retry_after"]) == (ProviderMisconfiguredError, MENDING)


@pytest.mark.parametrize("code", ["THIRD_PARTY_AUTH_ERROR", None])
async def test_a_refusal_of_the_credentials_is_tried_with_a_fresh_token_first(
    tmp_path: Path, code: str | None
) -> None:
    found = await refusal(tmp_path, problem(401, code), AGAIN, problem(401, code))
    kind = ProviderUnavailableError if code else ProviderMisconfiguredError
    assert (found["type"], found["retry_after"]) == (kind, MENDING)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Reply(500), f"{LOST} (HTTP 500)"),
        (Reply(503, headers={"Retry-After": "5"}), f"{LOST} (HTTP 503)"),
        (Reply(302, headers={"Location": "/elsewhere"}), f"{LOST} (HTTP 302)"),
        (Reply(200, b"{}"), f"{LOST} (an answer without a name)"),
        (Fault.DROP_AFTER_READING, f"{LOST} (ServerDisconnectedError)"),
        (Fault.DROP_BEFORE_READING, f"{LOST} (ServerDisconnectedError)"),
    ],
)
async def test_what_nobody_can_tell(tmp_path: Path, step: Reply | Fault, reason: str) -> None:
    found = await refusal(tmp_path, step)
    # A connection reset has another name than an orderly close; both leave the outcome open.
    same = found["reason"].replace("ClientOSError", "ServerDisconnectedError")
    assert (found["type"], same) == (OutcomeUnknownError, reason)


async def test_a_silent_vendor_is_given_up(tmp_path: Path) -> None:
    found = await refusal(tmp_path, Fault.SILENCE, timeout=SHORT)
    assert found["type"] is OutcomeUnknownError


@pytest.mark.parametrize(
    ("step", "reason", "delay"),
    [
        (Reply(500), f"{UNREACHED} (HTTP 500)", None),
        (Reply(429, headers={"Retry-After": "7"}), f"{UNREACHED} (HTTP 429)", 7),
        (Reply(200, b"nonsense"), f"{UNREACHED} (HTTP 200)", None),
        (Fault.DROP_AFTER_READING, UNREACHED, None),
        (
            Reply(400, b'{"error":"invalid_grant"}'),
            f"{REFUSED_ACCOUNT} (HTTP 400)",
            900,
        ),
    ],
)
async def test_without_an_access_token_nothing_was_sent(
    tmp_path: Path, step: Reply | Fault, reason: str, delay: int | None
) -> None:
    async with ScriptedServer(step) as server, fcm(tmp_path, server.url) as push:
        with pytest.raises(ProviderUnavailableError) as raised:
            await push.send(MESSAGE)
    wait = None if delay is None else timedelta(seconds=delay)
    assert (raised.value.reason, raised.value.retry_after) == (reason, wait)


async def test_a_vendor_that_is_not_there_has_seen_nothing(tmp_path: Path) -> None:
    async with ScriptedServer(BOUGHT) as tokens:
        account = read_account(account_file(tmp_path, f"{tokens.url}/token"))
        async with FcmPush(account, now=now, base_url=refusing_url()) as push:
            with pytest.raises(ProviderUnavailableError, match="could not be reached"):
                await push.send(MESSAGE)


async def test_the_claim_is_signed_as_google_wants_it(tmp_path: Path) -> None:
    """The stand-in checks signature, audience, scope and life, each against its own clock."""
    from app import clock

    known = SandboxSettings(fcm_keys={EMAIL: public_key()})
    async with Sandbox.start(known) as sandbox:
        account = read_account(account_file(tmp_path, f"{sandbox.fcm_url}/token"))
        async with FcmPush(account, now=clock.now, base_url=sandbox.fcm_url) as push:
            await push.probe()
            accepted = await push.send(MESSAGE)
            sandbox.devices.revoke_access()
            await push.send(MESSAGE)
            sandbox.faults.plan(Vendor.FCM, SandboxFault(kind=FaultKind.STATUS, status=429))
            with pytest.raises(ProviderUnavailableError):
                await push.send(MESSAGE)
        first, _ = sandbox.messages
        assert (first.vendor_id, first.to, first.subject) == (
            accepted.provider_id,
            MESSAGE.token,
            "Shop",
        )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{", "it is not JSON"),
        ("[]", "it lacks client_email, private_key, project_id, token_uri"),
        (
            '{"client_email":"a","private_key":"secret-key","project_id":"p","token_uri":"u"}',
            "its private_key cannot be used",
        ),
    ],
)
def test_a_file_that_is_no_key_says_so(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AccountFileError) as raised:
        read_account(path)
    assert why in str(raised.value)
    assert "secret-key" not in "".join(traceback.format_exception(raised.value))
