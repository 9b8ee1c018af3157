"""Is a vendor's event written down before it is answered, and a forged one not at all?"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from providers.revtain.reader import RevtainReader
from providers.revtain.signature import RevtainSignature
from store.database import Database
from store.digest import token_digest
from store.inbox import Inbox
from tests.doors.conftest import TOKEN_KEY, Rows
from webhook import door
from webhook.intake import LARGEST_BODY, Intake

SECRET = "whsec_test_0123456789abcdef"
PATH = "/webhooks/revtain"
SUCCESS = (
    b'{"event":"recovery.success","revtainTransactionId":"da646dba-ce56-4483-ad0a-2a4fac54a5e2",'
    b'"gatewayTransactionToken":"pi_3OZQ8K2eZvKYlo2C1abc1234","amount":5000,"currency":"USD",'
    b'"message":"Succeeded!","strategyUsed":"primary"}'
)
FAILED = (
    b'{"event":"recovery.failed","revtainTransactionId":"01KKZ14FEZK152ZBXEM2XK1B0C",'
    b'"amount":2500,"currency":"USD","declineCode":"expired_card",'
    b'"recommendedAction":"request_card_update"}'
)
SPACED = '{ "amount": 5000, "event": "recovery.success", "note": "café" }'.encode()
VECTORS = [
    (SUCCESS, "53d9c7a2b68b8db46509b97c6d67dec729a618222582933e34aaa63899fcf742"),
    (FAILED, "139369abd999c5407fee61520bb97f70db4c31d34bbe0bbf0af145cfd09f1915"),
    (SPACED, "f46c5a2e8d8155be9fbdafdcd83f1cb220200ab2c0230ca6f09500819d6feda2"),
]
EMPTY = "c75e30d092a12b00c5ed1f2f9705da88827c7abc179c8a52a87527b7c70ce49d"
EVENTS = """
    SELECT name, body, status, transaction_id, idempotency_key, old_card FROM events ORDER BY id
"""


def sign(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(
        source="revtain",
        inbox=Inbox(database),
        check=RevtainSignature([SECRET]),
        reader=RevtainReader(),
        token_key=TOKEN_KEY,
    )


@pytest.fixture
async def revtain(intake: Intake) -> AsyncGenerator[httpx.AsyncClient]:
    """A sender that may deliver to the door."""
    application = Starlette(routes=[door.route(PATH, intake, "x-revtain-signature")])
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        yield client


async def deliver(
    revtain: httpx.AsyncClient, body: bytes, signature: str | None = None
) -> tuple[int, dict[str, object]]:
    headers = {"X-Revtain-Signature": signature or sign(body), "Content-Type": "application/json"}
    answer = await revtain.post(PATH, content=body, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("body", "signature"), VECTORS)
async def test_a_signed_event_is_stored_and_received(
    revtain: httpx.AsyncClient, intake: Intake, rows: Rows, body: bytes, signature: str
) -> None:
    assert await deliver(revtain, body, signature) == (200, {"received": True})
    (row,) = await rows("SELECT source, body, status FROM events")
    assert row == {"source": "revtain", "body": body, "status": "pending"}
    assert intake.arrived.is_set()
    assert intake.busy()


async def test_what_matching_needs_stands_beside_the_body(
    revtain: httpx.AsyncClient, rows: Rows
) -> None:
    card = b'{"event":"card.updated","oldToken":"pm_1","newToken":"pm_2"}'
    assert await deliver(revtain, FAILED) == (200, {"received": True})
    assert await deliver(revtain, card) == (200, {"received": True})
    stored = await rows(EVENTS)
    assert stored[0] == {
        "name": "recovery.failed",
        "body": FAILED,
        "status": "pending",
        "transaction_id": "01KKZ14FEZK152ZBXEM2XK1B0C",
        "idempotency_key": None,
        "old_card": None,
    }
    assert (stored[1]["name"], stored[1]["old_card"]) == (
        "card.updated",
        token_digest(TOKEN_KEY, "pm_1"),
    )


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 64,
        "z" * 64,
        sign(FAILED)[:-1],
        sign(SUCCESS),
        f"sha256={sign(FAILED)}",
        "ü" * 64,
    ],
)
async def test_a_forged_event_leaves_no_trace(
    revtain: httpx.AsyncClient, intake: Intake, rows: Rows, signature: str | None
) -> None:
    headers = [] if signature is None else [(b"X-Revtain-Signature", signature.encode())]
    answer = await revtain.post(PATH, content=FAILED, headers=headers)
    refusal = {"error": "The signature does not belong to this body."}
    assert (answer.status_code, answer.json()) == (401, refusal)
    assert await rows(EVENTS) == []
    assert not intake.arrived.is_set()


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"x"', b"{}", b'{"event":7}', b"\xff"])
async def test_what_is_signed_but_unreadable_is_kept_for_a_person(
    revtain: httpx.AsyncClient, rows: Rows, body: bytes
) -> None:
    status, answer = await deliver(revtain, body, EMPTY if body == b"" else None)
    assert (status, "error" in answer) == (400, True)
    (row,) = await rows("SELECT name, body, status, note FROM events")
    assert (row["name"], row["body"], row["status"]) == ("", body, "unreadable")
    assert row["note"]


@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_a_body_beyond_the_limit_is_not_stored(
    revtain: httpx.AsyncClient, rows: Rows, way: str
) -> None:
    body = b'{"event":"' + b"x" * LARGEST_BODY + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8192):
            yield body[start : start + 8192]

    headers = {"X-Revtain-Signature": sign(body)}
    content = pieces() if way == "streamed" else body
    answer = await revtain.post(PATH, content=content, headers=headers)
    refusal = {"error": "The body is larger than 262144 bytes."}
    assert (answer.status_code, answer.json()) == (413, refusal)
    assert await rows(EVENTS) == []


async def test_a_body_of_the_largest_size_is_stored(revtain: httpx.AsyncClient, rows: Rows) -> None:
    frame = b'{"event":"recovery.other","pad":""}'
    body = frame[:-2] + b"x" * (LARGEST_BODY - len(frame)) + frame[-2:]
    assert len(body) == LARGEST_BODY
    assert await deliver(revtain, body) == (200, {"received": True})
    assert [len(row["body"]) for row in await rows(EVENTS)] == [LARGEST_BODY]


async def test_an_unknown_event_is_received_too(revtain: httpx.AsyncClient, rows: Rows) -> None:
    body = b'{"event":"recovery.invented","extra":[1]}'
    assert await deliver(revtain, body) == (200, {"received": True})
    assert [(row["name"], row["body"]) for row in await rows(EVENTS)] == [
        ("recovery.invented", body)
    ]


async def test_the_same_delivery_counts_once_however_often_it_comes(
    revtain: httpx.AsyncClient, rows: Rows
) -> None:
    together = await asyncio.gather(*(deliver(revtain, FAILED) for _ in range(20)))
    assert [*together, await deliver(revtain, FAILED)] == [(200, {"received": True})] * 21
    assert [row["body"] for row in await rows(EVENTS)] == [FAILED]


async def test_a_burst_is_stored_whole(revtain: httpx.AsyncClient, rows: Rows) -> None:
    bodies = [FAILED.replace(b"01KKZ14F", b"%08d" % n) for n in range(300)]
    answers = await asyncio.gather(*(deliver(revtain, body) for body in bodies))
    assert {status for status, _ in answers} == {200}
    assert sorted(row["body"] for row in await rows(EVENTS)) == bodies


async def test_without_a_database_the_sender_is_asked_again(intake: Intake, rows: Rows) -> None:
    away = Database.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    there, intake.inbox = intake.inbox, Inbox(away)
    application = Starlette(routes=[door.route(PATH, intake, "x-revtain-signature")])
    transport = httpx.ASGITransport(application)
    headers = {"X-Revtain-Signature": sign(FAILED)}
    async with httpx.AsyncClient(transport=transport, base_url="http://dunning.test") as client:
        down = await client.post(PATH, content=FAILED, headers=headers)
        intake.inbox = there
        again = await client.post(PATH, content=FAILED, headers=headers)
    await away.aclose()
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    assert down.json() == {"error": "The event could not be stored. Deliver it again."}
    assert (again.status_code, again.json()) == (200, {"received": True})
    assert [row["body"] for row in await rows(EVENTS)] == [FAILED]


async def test_only_deliveries_are_answered(revtain: httpx.AsyncClient) -> None:
    assert (await revtain.get(PATH)).status_code == 405
