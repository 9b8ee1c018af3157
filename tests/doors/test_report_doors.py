"""Is a vendor's report written down before it is answered, and a forged one not at all?"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator

from app.feedback import Feedback, Listening, listening, status_callback
from app.settings import Settings, SettingsError, load
from store.database import Database
from store.inbox import Inbox
from store.reports import Reports
from store.suppressions import Suppressions
from store.sweeps import Sweeps
from tests.doors.conftest import NOW, TOKEN_KEY, Rows
from webhook.report_door import LARGEST_BATCH, LARGEST_FORM

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
TOKEN = "twilio-token"
MAILS, TEXTS = "/webhooks/sendgrid", "/webhooks/twilio/status"
PUBLIC_URL = "https://pay.shop.example/dunning"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
DELIVERED = {"event": "delivered", "sg_event_id": "e1", "email": "ada@example.com"}
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12125550123", "Body": ""}
EVENTS = "SELECT source, name, body, status FROM events ORDER BY id"
RECEIVED = (200, {"received": True})


def settings(**more: str) -> Settings:
    given = {
        "DUNNING_PUBLIC_URL": PUBLIC_URL,
        "SENDGRID_WEBHOOK_PUBLIC_KEY": PUBLIC,
        "TWILIO_AUTH_TOKEN": TOKEN,
    }
    return load({**given, **more})


def feedback(database: Database) -> Feedback:
    reports = Reports(database, Suppressions(database, TOKEN_KEY))
    return Feedback(
        inbox=Inbox(database),
        reports=reports,
        sweeps=Sweeps(database),
        arrived=asyncio.Event(),
    )


def opened(given: Listening) -> httpx.AsyncClient:
    """Whoever knocks calls us by another name than the vendors do."""
    application = Starlette(routes=[door.route for door in given.doors])
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:8080"
    )


@pytest.fixture
def behind(database: Database) -> Feedback:
    return feedback(database)


@pytest.fixture
async def vendor(behind: Feedback) -> AsyncGenerator[httpx.AsyncClient]:
    """A sender that may deliver to both doors."""
    async with opened(listening(settings(), behind, None, now=lambda: NOW)) as client:
        yield client


def batch(*events: object) -> bytes:
    return json.dumps(events).encode()


def proofs(body: bytes, stamp: float | str = NOW.timestamp()) -> dict[str, str]:
    stamp = stamp if isinstance(stamp, str) else str(int(stamp))
    made = PRIVATE.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {SIGNATURE: base64.b64encode(made).decode(), TIMESTAMP: stamp}


async def mail(
    vendor: httpx.AsyncClient, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    answer = await vendor.post(MAILS, content=body, headers=headers or proofs(body))
    return answer.status_code, answer.json()


async def text(
    vendor: httpx.AsyncClient,
    form: dict[str, str],
    *,
    query: str = "",
    address: str = PUBLIC_URL + TEXTS,
    token: str = TOKEN,
    body: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    signature = RequestValidator(token).compute_signature(address + query, form)
    answer = await vendor.post(
        TEXTS + query,
        content=urlencode(form) if body is None else body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": str(signature),
            **headers,
        },
    )
    return answer.status_code, answer.json()


async def test_each_event_of_a_batch_is_stored_for_itself(
    vendor: httpx.AsyncClient, behind: Feedback, rows: Rows
) -> None:
    bounce = {"event": "bounce", "sg_event_id": "e2", "email": "ada@example.com"}
    assert await mail(vendor, batch(DELIVERED, bounce)) == RECEIVED
    stored = [{**row, "body": json.loads(row["body"])} for row in await rows(EVENTS)]
    common = {"source": "sendgrid", "status": "pending"}
    told = {row["name"]: row for row in stored}
    assert told == {
        "delivered": {**common, "name": "delivered", "body": DELIVERED},
        "bounce": {**common, "name": "bounce", "body": bounce},
    }
    assert behind.arrived.is_set()


async def test_an_empty_batch_is_received_and_nothing_is_stored(
    vendor: httpx.AsyncClient, behind: Feedback, rows: Rows
) -> None:
    assert await mail(vendor, b"[]") == RECEIVED
    assert (await rows(EVENTS), behind.arrived.is_set()) == ([], False)


async def test_a_text_is_stored_with_the_message_that_the_address_names(
    vendor: httpx.AsyncClient, behind: Feedback, rows: Rows
) -> None:
    assert await text(vendor, FORM, query="?message=m-1") == RECEIVED
    (row,) = await rows(EVENTS)
    assert (row["source"], row["name"], row["status"]) == ("twilio", "delivered", "pending")
    assert json.loads(row["body"]) == {**FORM, "message_id": "m-1"}
    assert behind.arrived.is_set()


async def test_a_repetition_counts_once_whatever_stands_around_it(
    vendor: httpx.AsyncClient, rows: Rows
) -> None:
    again = {"timestamp": 1, **DELIVERED}
    answers = await asyncio.gather(
        *(mail(vendor, batch(DELIVERED)) for _ in range(5)),
        mail(vendor, batch(DELIVERED, again)),
        *(text(vendor, FORM) for _ in range(5)),
        text(vendor, {**FORM, "RawDlrDoneDate": "2603020900"}),
    )
    assert answers == [RECEIVED] * 12
    assert sorted(row["source"] for row in await rows(EVENTS)) == ["sendgrid", "twilio"]


async def test_a_large_batch_is_stored_whole(vendor: httpx.AsyncClient, rows: Rows) -> None:
    events = [{**DELIVERED, "sg_event_id": f"e{n}", "pad": "x" * 200} for n in range(3000)]
    body = batch(*events)
    assert LARGEST_BATCH * 0.7 < len(body) < LARGEST_BATCH
    assert await mail(vendor, body) == RECEIVED
    (counted,) = await rows("SELECT count(*) AS stored FROM events")
    assert counted["stored"] == 3000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE: proofs(batch(DELIVERED))[SIGNATURE]},
        {TIMESTAMP: proofs(batch(DELIVERED))[TIMESTAMP]},
        {**proofs(batch(DELIVERED)), SIGNATURE: "AAAA"},
        {**proofs(batch(DELIVERED)), TIMESTAMP: "1"},
        proofs(b"[]"),
        proofs(batch(DELIVERED)[:-1]),
        proofs(batch(DELIVERED), (NOW - timedelta(minutes=11)).timestamp()),
        proofs(batch(DELIVERED), (NOW + timedelta(minutes=11)).timestamp()),
        proofs(batch(DELIVERED), "now"),
    ],
)
async def test_forged_and_stale_events_leave_no_trace(
    vendor: httpx.AsyncClient, behind: Feedback, rows: Rows, headers: dict[str, str]
) -> None:
    answer = await vendor.post(MAILS, content=batch(DELIVERED), headers=headers)
    told = {"error": "The signature does not belong to this delivery, or is too old."}
    assert (answer.status_code, answer.json()) == (401, told)
    assert (await rows(EVENTS), behind.arrived.is_set()) == ([], False)


@pytest.mark.parametrize(
    "forged",
    [
        {"token": "another"},
        {"address": "http://127.0.0.1:8080" + TEXTS},
        {"address": PUBLIC_URL + TEXTS + "/"},
        {"body": b"MessageSid=SM1&MessageStatus=failed&To=%2B12125550123&Body="},
        {"body": b"MessageSid=SM1&MessageStatus=delivered&To=%2B12125550123"},
        {"body": b""},
        {"body": "MessageSid=SM1&MessageStatus=delivered&To=é".encode("latin-1")},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"},
    ],
)
async def test_a_forged_form_leaves_no_trace(
    vendor: httpx.AsyncClient, behind: Feedback, rows: Rows, forged: dict[str, Any]
) -> None:
    status, _ = await text(vendor, FORM, **forged)
    assert (status, await rows(EVENTS), behind.arrived.is_set()) == (401, [], False)


async def test_nobody_else_says_which_host_was_called(
    vendor: httpx.AsyncClient, rows: Rows
) -> None:
    status, _ = await text(
        vendor, FORM, address=f"https://evil.example{TEXTS}", Host="evil.example"
    )
    assert (status, await rows(EVENTS)) == (401, [])
    assert await text(vendor, FORM, Host="evil.example") == RECEIVED


async def test_the_message_in_the_address_is_signed_too(
    vendor: httpx.AsyncClient, rows: Rows
) -> None:
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}{TEXTS}?message=a", FORM)
    answer = await vendor.post(
        f"{TEXTS}?message=b",
        content=urlencode(FORM),
        headers={"X-Twilio-Signature": str(signature)},
    )
    assert (answer.status_code, await rows(EVENTS)) == (401, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"{}", b"<!doctype html><title>Wait</title>", b"\xff\xfe", b"[" * 9999],
)
async def test_signed_rubbish_is_kept_for_a_person(
    vendor: httpx.AsyncClient, rows: Rows, body: bytes
) -> None:
    told = {"error": "The body is signed but is not what this door takes."}
    assert await mail(vendor, body) == (400, told)
    assert await rows("SELECT source, name, body, status, note FROM events") == [
        {
            "source": "sendgrid",
            "name": "",
            "body": body,
            "status": "unreadable",
            "note": "the body is not a JSON array of events"
            if body == b"{}"
            else "the body is not JSON",
        }
    ]


async def test_a_signed_form_that_names_no_text_is_kept_too(
    vendor: httpx.AsyncClient, rows: Rows
) -> None:
    status, _ = await text(vendor, {"To": "+12125550123"})
    (row,) = await rows(EVENTS)
    assert (status, row["status"], row["body"]) == (400, "unreadable", b"To=%2B12125550123")


async def test_an_odd_entry_is_kept_apart_from_the_others(
    vendor: httpx.AsyncClient, rows: Rows
) -> None:
    assert await mail(vendor, batch("<html>", DELIVERED, {"sg_event_id": "e9"})) == RECEIVED
    stored = {(row["name"], row["status"]) for row in await rows(EVENTS)}
    assert stored == {("delivered", "pending"), ("", "unreadable")}
    assert len(await rows(EVENTS)) == 3


async def test_a_body_beyond_the_limit_is_not_stored(vendor: httpx.AsyncClient, rows: Rows) -> None:
    large = batch({**DELIVERED, "pad": "x" * LARGEST_BATCH})
    told = {"error": "The body is too large."}
    assert await mail(vendor, large) == (413, told)
    assert await text(vendor, {**FORM, "Body": "x" * LARGEST_FORM}) == (413, told)
    assert await rows(EVENTS) == []


async def test_without_a_database_the_sender_is_asked_again(rows: Rows, behind: Feedback) -> None:
    away = Database.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    body = batch(DELIVERED)
    async with opened(listening(settings(), feedback(away), None, now=lambda: NOW)) as client:
        mailed = await client.post(MAILS, content=body, headers=proofs(body))
        texted = await text(client, FORM)
    await away.aclose()
    told = {"error": "The events could not be stored. Deliver them again."}
    assert (mailed.status_code, mailed.json(), mailed.headers["retry-after"]) == (503, told, "5")
    assert (texted, await rows(EVENTS)) == ((503, told), [])


async def test_a_shared_key_signs_where_the_setting_says_so(behind: Feedback, rows: Rows) -> None:
    pinned = settings(TWILIO_WEBHOOK_ALGORITHM="sha256", TWILIO_WEBHOOK_SECRET="old, shared")
    signature = RequestValidator("shared").compute_signature(
        PUBLIC_URL + TEXTS, FORM, "HMAC_SHA256"
    )
    headers = {
        "X-Twilio-Signature": str(signature),
        "X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256",
    }
    async with opened(listening(pinned, behind, None, now=lambda: NOW)) as client:
        answer = await client.post(TEXTS, content=urlencode(FORM), headers=headers)
        by_token, _ = await text(client, FORM)
    assert (answer.status_code, by_token, len(await rows(EVENTS))) == (200, 401, 1)


async def test_only_what_is_configured_has_a_door(behind: Feedback) -> None:
    def paths(given: Settings) -> list[str]:
        return [door.path for door in listening(given, behind, None, now=lambda: NOW).doors]

    assert paths(load({})) == []
    assert paths(load({"TWILIO_AUTH_TOKEN": TOKEN})) == [TEXTS]
    assert paths(load({"SENDGRID_WEBHOOK_PUBLIC_KEY": PUBLIC})) == [MAILS]
    with pytest.raises(SettingsError, match="SENDGRID_WEBHOOK_PUBLIC_KEY is not a public key"):
        paths(load({"SENDGRID_WEBHOOK_PUBLIC_KEY": "nonsense"}))
    with pytest.raises(SettingsError, match="TWILIO_WEBHOOK_SECRET is not set"):
        paths(load({"TWILIO_WEBHOOK_ALGORITHM": "sha256"}))


@pytest.mark.parametrize(
    ("public_url", "asked"),
    [
        ("https://pay.shop.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://pay.shop.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_texts_are_reported_to_us_where_that_is_safe(public_url: str, *, asked: bool) -> None:
    with_token = load({"DUNNING_PUBLIC_URL": public_url, "TWILIO_AUTH_TOKEN": TOKEN})
    assert status_callback(with_token) == (public_url + TEXTS if asked else None)
    assert status_callback(load({"DUNNING_PUBLIC_URL": public_url})) is None


async def test_only_deliveries_are_answered(vendor: httpx.AsyncClient) -> None:
    assert [(await vendor.get(path)).status_code for path in (MAILS, TEXTS)] == [405, 405]
