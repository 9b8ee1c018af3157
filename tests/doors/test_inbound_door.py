"""Is a customer's text written down and obeyed before it is answered, and a forged one not?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator

from dunning.errors import UnreadableBodyError
from dunning.policy import Policy
from dunning.registration import InvoiceRegistration
from messages.reply_answers import ReplyAnswers
from providers.twilio.inbound import TwilioTexts
from providers.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER, TwilioSignature
from store.consents import Consents
from store.database import Database
from store.inbox import ClaimedEvent, Inbox, NewEvent
from store.registry import Registry
from store.replies import Replies
from store.suppressions import Suppressions
from tests.doors.conftest import TOKEN_KEY, Rows
from webhook.inbound_door import LARGEST_BODY, InboundDoor
from webhook.replies import ReplyHandler

TOKEN = "12345678901234567890123456789012"
PATH = "/webhooks/twilio/inbound"
URL = f"https://pay.example.com{PATH}"
PHONE = "+12125550123"
NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
REFUSAL = {"error": "The signature does not belong to this form."}


def text(body: str, **fields: str) -> dict[str, str]:
    given = {
        "AccountSid": "AC1",
        "MessageSid": "SM1",
        "From": PHONE,
        "To": "+15005550006",
        "Body": body,
        "NumMedia": "0",
    }
    return {**given, **fields}


def signed(form: dict[str, str], url: str = URL) -> str:
    return str(RequestValidator(TOKEN).compute_signature(url, form))


@dataclass(slots=True)
class Phone:
    """A vendor that may deliver to the door."""

    client: httpx.AsyncClient
    door: InboundDoor

    async def post(self, form: dict[str, str], signature: str | None = None) -> httpx.Response:
        headers = {SIGNATURE_HEADER: signed(form) if signature is None else signature}
        return await self.client.post(PATH, data=form, headers=headers)

    async def says(self, body: str, **fields: str) -> str | None:
        """The text that the customer gets back."""
        answer = await self.post(text(body, **fields))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
        return ET.fromstring(answer.text).findtext("Message")  # noqa: S314 (we wrote it)


def door_on(database: Database, policy: Policy, *, keywords_answered: bool = True) -> InboundDoor:
    suppressions = Suppressions(database, TOKEN_KEY)
    replies = Replies(database, suppressions, Consents(database, TOKEN_KEY))
    return InboundDoor(
        url=URL,
        signature_header=SIGNATURE_HEADER,
        settings_header=SETTINGS_HEADER,
        signature=TwilioSignature([TOKEN]),
        handler=ReplyHandler(
            source="twilio.inbound",
            vendor=TwilioTexts(keywords_answered=keywords_answered),
            replies=replies,
        ),
        inbox=Inbox(database),
        answers=ReplyAnswers(brand=policy.brand, locale="en"),
    )


@pytest.fixture
async def ours(database: Database, policy: Policy) -> AsyncGenerator[Phone]:
    """A phone at an account whose keywords nobody but us answers."""
    door = door_on(database, policy, keywords_answered=False)
    async with client_of(door) as client:
        yield Phone(client, door)


@pytest.fixture
async def phone(database: Database, policy: Policy) -> AsyncGenerator[Phone]:
    door = door_on(database, policy)
    async with client_of(door) as client:
        yield Phone(client, door)


def client_of(door: InboundDoor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=[door.route(PATH)]))
    return httpx.AsyncClient(transport=transport, base_url="http://elsewhere.test")


@pytest.fixture
async def ada(database: Database) -> None:
    customer = {"id": "cus_1", "phone": PHONE, "locale": "de-DE"}
    body = {"amount_due": 4900, "currency": "EUR", "customer": customer}
    patch = InvoiceRegistration.model_validate(body)
    await Registry(database, TOKEN_KEY).put_invoice("INV-1", patch)


async def nothing_is_kept(rows: Rows) -> bool:
    counts = await rows("""
        SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM replies)
            + (SELECT count(*) FROM suppressions) AS n
    """)
    return counts == [{"n": 0}]


@pytest.mark.usefixtures("ada")
async def test_a_stop_in_free_text_is_obeyed_and_confirmed_in_the_customers_language(
    phone: Phone, rows: Rows
) -> None:
    told = await phone.says("Bitte schreiben Sie mir nicht mehr")
    assert told == (
        "Example & Sons: Sie erhalten keine SMS mehr von dieser Nummer. "
        "Mit START erhalten Sie sie wieder. Fragen: billing@example.com"
    )
    (event,) = await rows("SELECT id, source, name, status FROM events WHERE source <> 'reach'")
    number = event.pop("id")
    assert event == {"source": "twilio.inbound", "name": "reply", "status": "pending"}
    assert await rows("SELECT channel, reason, scope, source, event_id FROM suppressions") == [
        {
            "channel": "sms",
            "reason": "opted_out",
            "scope": "everything",
            "source": "reply",
            "event_id": number,
        }
    ]
    assert await rows("SELECT customer_id, kind, source, event_id FROM consents") == [
        {"customer_id": "cus_1", "kind": "withdrawn", "source": "reply", "event_id": number}
    ]
    (kept,) = await rows("SELECT body, meaning, handled_by FROM replies")
    assert kept == {
        "body": "Bitte schreiben Sie mir nicht mehr",
        "meaning": "stop",
        "handled_by": "dunning",
    }
    assert phone.door.arrived.is_set()


async def test_a_stop_is_confirmed_once_and_its_repetition_like_the_first(
    phone: Phone, rows: Rows
) -> None:
    first = await phone.says("please stop texting me")
    again = await phone.says("please stop texting me")
    another = await phone.says("leave me alone", MessageSid="SM2")
    assert (first, another) == (again, None)
    assert first is not None
    assert len(await rows("SELECT id FROM replies")) == 2
    assert len(await rows("SELECT id FROM suppressions")) == 1


@pytest.mark.parametrize("word", ["STOP", " stop\n", "Unsubscribe", "START", "YES", "HELP", "info"])
async def test_what_the_vendor_answers_is_not_answered_twice(phone: Phone, word: str) -> None:
    assert (await phone.post(text(word))).text == NOTHING


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("STOP", "You will get no more texts"),
        ("HELP", "We text about payments of yours"),
        ("START", "You will get texts about your payments again"),
        ("ayuda", "Escribimos sobre pagos tuyos"),
        ("when is it due?", None),
        ("YES", None),
    ],
)
async def test_an_account_without_keywords_of_its_own_has_ours(
    ours: Phone, body: str, told: str | None
) -> None:
    words = await ours.says(body)
    assert words is None if told is None else words is not None and told in words


@pytest.mark.parametrize(("told", "meaning"), [("STOP", "stop"), ("START", "start")])
async def test_what_the_vendor_took_it_for_holds(
    phone: Phone, rows: Rows, told: str, meaning: str
) -> None:
    assert await phone.says("PARE YA", OptOutType=told) is None
    assert await rows("SELECT meaning FROM replies") == [{"meaning": meaning}]


@pytest.mark.parametrize("body", ["don't stop", "", "👍", "I paid on Monday", "\x00"])
async def test_what_is_not_clear_waits_for_a_person(phone: Phone, rows: Rows, body: str) -> None:
    assert await phone.says(body) is None
    assert await rows("SELECT meaning, handled_at FROM replies") == [
        {"meaning": "other", "handled_at": None}
    ]
    assert await rows("SELECT id FROM suppressions") == []


@pytest.mark.usefixtures("ada")
async def test_a_start_restores(phone: Phone, rows: Rows) -> None:
    await phone.says("please stop texting me")
    told = await phone.says("anmelden", MessageSid="SM2")
    assert told is not None
    assert "erhalten wieder SMS" in told
    assert await rows("SELECT lifted_by FROM suppressions") == [{"lifted_by": "reply"}]
    kinds = await rows("SELECT kind FROM consents ORDER BY id")
    assert [row["kind"] for row in kinds] == ["withdrawn", "restored"]


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0" * 28,
        "ü",
        signed(text("stop", MessageSid="SM2")),
        signed(text("stop"), url=f"http://elsewhere.test{PATH}"),
        signed(text("stop"), url="https://pay.example.com/webhooks/twilio/status"),
    ],
)
async def test_a_forged_text_leaves_no_trace(phone: Phone, rows: Rows, signature: str) -> None:
    answer = await phone.client.post(
        PATH, data=text("stop"), headers=[(SIGNATURE_HEADER.encode(), signature.encode())]
    )
    assert (answer.status_code, answer.json()) == (401, REFUSAL)
    assert await nothing_is_kept(rows)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"MessageSid":"SM1","From":"+12125550123","Body":"stop"}', "application/json"),
        (urlencode(text("stop")).encode("utf-16"), "application/x-www-form-urlencoded"),
        (b"Body=st\xf6p&MessageSid=SM1", "application/x-www-form-urlencoded"),
        (urlencode(text("stop")).encode() + b"&From=%2B1999", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_not_the_signed_form_is_refused(
    phone: Phone, rows: Rows, content: bytes, kind: str
) -> None:
    headers = {SIGNATURE_HEADER: signed(text("stop")), "Content-Type": kind}
    answer = await phone.client.post(PATH, content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (401, REFUSAL)
    assert await nothing_is_kept(rows)


async def test_an_algorithm_that_is_not_accepted_is_refused(phone: Phone, rows: Rows) -> None:
    form = text("stop")
    headers = {SIGNATURE_HEADER: signed(form), SETTINGS_HEADER: "key=1,algorithm=HMAC_SHA256"}
    answer = await phone.client.post(PATH, data=form, headers=headers)
    assert answer.status_code == 401
    assert await nothing_is_kept(rows)


@pytest.mark.parametrize("missing", [{"MessageSid": ""}, {"From": ""}, {"From": "someone"}])
async def test_a_signed_form_without_what_it_needs_is_kept_for_a_person(
    phone: Phone, rows: Rows, missing: dict[str, str]
) -> None:
    answer = await phone.post(text("stop", **missing))
    assert answer.status_code == 400
    assert await rows("SELECT name, status FROM events") == [{"name": "", "status": "unreadable"}]
    assert await rows("SELECT id FROM replies") == []


async def test_a_body_beyond_the_limit_is_not_stored(phone: Phone, rows: Rows) -> None:
    answer = await phone.post(text("x" * LARGEST_BODY))
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        f"The body is larger than {LARGEST_BODY} bytes.",
    )
    assert await nothing_is_kept(rows)


async def test_the_longest_text_is_taken(phone: Phone, rows: Rows) -> None:
    assert await phone.says("長" * 1580 + "。配信停止してください") is not None
    (kept,) = await rows("SELECT length(body) AS length, meaning FROM replies")
    assert kept == {"length": 1591, "meaning": "stop"}


async def test_without_a_database_the_vendor_is_asked_again(
    phone: Phone, rows: Rows, policy: Policy
) -> None:
    away = Database.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)
    async with client_of(door_on(away, policy)) as client:
        down = await Phone(client, phone.door).post(text("please stop texting me"))
    await away.aclose()
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    assert await phone.says("please stop texting me") is not None
    assert len(await rows("SELECT id FROM suppressions")) == 1


async def test_what_the_door_did_not_get_to_is_done_later_and_once(
    phone: Phone, rows: Rows
) -> None:
    await phone.door.inbox.put_many([_stored(phone.door, text("leave me alone"))])
    (claimed,) = await phone.door.inbox.claim(1, timedelta(seconds=30))
    for _ in range(2):
        assert await phone.door.handler.handle(claimed) == (None, "reply: stop")
    assert len(await rows("SELECT id FROM suppressions")) == 1
    assert len(await rows("SELECT id FROM consents")) == 1


async def test_an_event_that_cannot_be_read_is_a_fault_of_ours(phone: Phone) -> None:
    with pytest.raises(UnreadableBodyError):
        await phone.door.handler.handle(_claimed(b"{}"))


async def test_only_deliveries_are_answered(phone: Phone) -> None:
    assert (await phone.client.get(PATH)).status_code == 405


def test_an_answer_is_a_document_whatever_the_words_hold() -> None:
    written = TwilioTexts(keywords_answered=True).write("A & B <c> \x00\x1b ü")
    assert ET.fromstring(written).findtext("Message") == "A & B <c>  ü"  # noqa: S314 (ours)


def _stored(door: InboundDoor, form: dict[str, str]) -> NewEvent:
    return NewEvent(
        source=door.handler.source,
        name="reply",
        body=urlencode(form).encode(),
        identity=form["MessageSid"].encode(),
    )


def _claimed(body: bytes) -> ClaimedEvent:
    return ClaimedEvent(
        id=1,
        source="twilio.inbound",
        name="reply",
        body=body,
        transaction_id=None,
        idempotency_key=None,
        old_card=None,
        attempts=1,
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
