"""What does the merchant hear who hands over a failed payment?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dunning.advice import Advice
from dunning.charge import (
    ChargeOrder,
    ChargeResult,
    Collected,
    Declined,
    DeclineMeaning,
    NotCharged,
    Pending,
    Purpose,
    PutOff,
)
from dunning.errors import OutcomeUnknownError, ProviderError, ProviderUnavailableError
from dunning.states import Cause
from store.database import Database
from store.inbox import Inbox, NewEvent
from store.recoveries import Recoveries
from tests.doors.conftest import INVOICE, NOW, Rows, World
from web.api import app as api
from web.api.recoveries import RecoveryDoor
from web.recoveries import RecoveryDesk

HANDED = {"invoice_id": "INV-1", "invoice": INVOICE, "decline_code": "do_not_honor"}
KEY = "dunning:INV-1:recovery:1"
SCHEDULED = {
    "invoice_id": "INV-1",
    "status": "scheduled",
    "idempotency_key": KEY,
    "transaction_id": None,
    "decline_code": None,
    "reason": None,
    "case": None,
    "not_before": None,
}


@dataclass(slots=True)
class ScriptedCharging:
    """Answers as prepared, and remembers every order."""

    answers: list[ChargeResult | ProviderError] = field(
        default_factory=list[ChargeResult | ProviderError]
    )
    orders: list[ChargeOrder] = field(default_factory=list[ChargeOrder])
    meanwhile: Callable[[], Any] | None = None
    heard: list[str | None] = field(default_factory=list[str | None])

    async def attempt(self, order: ChargeOrder, now: datetime) -> ChargeResult:
        assert now >= NOW
        self.orders.append(order)
        if self.meanwhile is not None:
            await self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def hear(self, now: datetime, invoice_id: str | None = None) -> int:
        assert now >= NOW
        self.heard.append(invoice_id)
        return 0


@dataclass(slots=True)
class ScriptedDictionary:
    """Knows one code; of the others it says that it cannot be reached."""

    async def meaning(self, gateway: str, code: str) -> DeclineMeaning | None:
        if code == "2010":
            raise ProviderUnavailableError("Revtain cannot be reached")
        if code == "2099":
            return None
        return DeclineMeaning(
            gateway=gateway, code=code, canonical=code, category="fraud", plain_english="stolen"
        )


@dataclass(slots=True)
class Counter:
    """The desk's clock."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterparts:
    """The desk with what stands around it."""

    desk: RecoveryDesk
    charging: ScriptedCharging
    clock: Counter
    application: FastAPI


@pytest.fixture
def counter(world: World, database: Database) -> Counterparts:
    charging, clock = ScriptedCharging(), Counter()
    desk = RecoveryDesk(
        operations=world.operations,
        recoveries=Recoveries(database),
        charging=charging,
        dictionary=ScriptedDictionary(),
        now=clock,
    )
    application = FastAPI()
    more = [RecoveryDoor(desk)]
    api.install(application, operations=world.operations, keys=world.keys, more=more)
    return Counterparts(desk=desk, charging=charging, clock=clock, application=application)


@pytest.fixture
async def merchant(world: World, counter: Counterparts) -> AsyncGenerator[httpx.AsyncClient]:
    key = await world.keys.add("merchant", ["invoices:write"])
    transport = httpx.ASGITransport(counter.application, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://dunning.test",
        headers={"Authorization": f"Bearer {key}"},
    ) as client:
        yield client


async def hand(client: httpx.AsyncClient, **changes: Any) -> tuple[int, Any]:
    body = {name: value for name, value in {**HANDED, **changes}.items() if value is not None}
    answer = await client.post("/v1/recoveries", json=body)
    return answer.status_code, answer.json()


async def told(rows: Rows) -> list[Any]:
    """What the dispatcher is to handle."""
    found = await rows("SELECT source, name, body FROM events ORDER BY id")
    return [(row["source"], row["name"], json.loads(row["body"])) for row in found]


async def test_money_that_came_at_once_leaves_no_word_but_paid(
    counter: Counterparts, merchant: httpx.AsyncClient, world: World, rows: Rows
) -> None:
    async def paid() -> None:
        await world.operations.registry.mark_paid("INV-1", Cause.REVTAIN_RETRY, NOW)

    counter.charging.meanwhile = paid
    counter.charging.answers = [Collected(transaction_id="tx_9")]
    status, body = await hand(
        merchant,
        card_country="US",
        card_prefix="424242",
        fallback_payment_method_tokens=["pm_2"],
        idempotency_key="INV-1_retry_1",
    )
    expected = {"status": "recovered", "idempotency_key": "INV-1_retry_1", "transaction_id": "tx_9"}
    assert (status, body) == (200, SCHEDULED | expected)
    assert counter.charging.orders == [
        ChargeOrder(
            key="INV-1_retry_1",
            invoice_id="INV-1",
            purpose=Purpose.RECOVERY,
            decline_code="do_not_honor",
            card_country="US",
            card_prefix="424242",
            fallback_tokens=("pm_2",),
        )
    ]
    fact = {"invoice_id": "INV-1", "cause": "revtain_retry"}
    assert await told(rows) == [("api", "invoice.paid", fact)]
    kept = await rows("SELECT card_country, card_prefix, fallback_tokens, due_at FROM recoveries")
    assert kept == [
        {"card_country": None, "card_prefix": None, "fallback_tokens": [], "due_at": None}
    ]


FAILED = {"event": "recovery.failed", "revtainTransactionId": "tx_9", "idempotencyKey": KEY}


@pytest.mark.parametrize(
    ("result", "handed", "status", "event"),
    [
        (
            Declined(
                transaction_id="tx_9",
                advice=Advice.REQUEST_CARD_UPDATE,
                decline_code="expired_card",
            ),
            {},
            "failed",
            {"declineCode": "expired_card", "recommendedAction": "request_card_update"},
        ),
        (
            Declined(transaction_id="tx_9", advice=Advice.AUTHENTICATE),
            {},
            "failed",
            {"declineCode": "authentication_required"},
        ),
        (
            Declined(transaction_id="tx_9", advice=Advice.BLOCKED, decline_code="fraudulent"),
            {},
            "blocked",
            {"event": "recovery.blocked", "declineCode": "fraudulent"},
        ),
        (
            Declined(transaction_id="tx_9"),
            {"decline_code": "pickup", "gateway": "stripe"},
            "blocked",
            {"event": "recovery.blocked", "declineCode": "pickup"},
        ),
        (
            Declined(transaction_id="tx_9", decline_code="invalid_account"),
            {},
            "failed",
            {"declineCode": "invalid_account", "recommendedAction": "request_card_update"},
        ),
        (
            Declined(transaction_id="tx_9"),
            {},
            "failed",
            {"declineCode": "do_not_honor", "recommendedAction": "retry_later"},
        ),
    ],
)
async def test_a_decline_is_told_to_the_case_as_revtain_would_have_told_it(
    counter: Counterparts,
    merchant: httpx.AsyncClient,
    rows: Rows,
    result: Declined,
    handed: dict[str, str],
    status: str,
    event: dict[str, str],
) -> None:
    counter.charging.answers = [result]
    answered, body = await hand(merchant, **handed)
    assert (answered, body["status"], body["transaction_id"]) == (200, status, "tx_9")
    known = handed.get("decline_code", "do_not_honor")
    assert body["decline_code"] == (result.decline_code or known)
    assert await told(rows) == [("revtain-asked", f"recovery.{status}", FAILED | event)]


@pytest.mark.parametrize("code", ["2010", "2099", None])
async def test_a_decline_that_nobody_explains_comes_to_a_person_after_an_hour(
    counter: Counterparts, merchant: httpx.AsyncClient, rows: Rows, code: str | None
) -> None:
    counter.charging.answers = [Declined(transaction_id=None)]
    assert (await hand(merchant, decline_code=code, gateway="braintree"))[0] == 200
    counter.clock.now = NOW + timedelta(minutes=59)
    assert await counter.desk.go_on() == 0
    assert await told(rows) == []
    counter.clock.now = NOW + timedelta(minutes=61)
    assert (await counter.desk.go_on(), await counter.desk.go_on()) == (1, 0)
    (event,) = await told(rows)
    said = {"event": "recovery.failed", "idempotencyKey": KEY, "recommendedAction": "manual_review"}
    if code is not None:
        said["declineCode"] = code
    assert event == ("revtain-asked", "recovery.failed", said)


async def test_a_decline_that_revtain_explains_meanwhile_comes_to_nobody(
    counter: Counterparts, merchant: httpx.AsyncClient, database: Database, rows: Rows
) -> None:
    counter.charging.answers = [Declined(transaction_id="tx_9", decline_code="novel")]
    await hand(merchant)
    webhook = NewEvent(source="revtain", name="recovery.failed", body=b"{}", transaction_id="tx_9")
    await Inbox(database).put_many([webhook])
    counter.clock.now = NOW + timedelta(hours=2)
    assert await counter.desk.go_on() == 1
    assert [row["source"] for row in await rows("SELECT source FROM events")] == ["revtain"]


@pytest.mark.parametrize(("ambiguous", "status"), [(False, "queued"), (True, "unknown")])
async def test_what_has_no_outcome_yet_is_watched_and_not_tried_again(
    counter: Counterparts,
    merchant: httpx.AsyncClient,
    rows: Rows,
    world: World,
    ambiguous: object,
    status: str,
) -> None:
    counter.charging.answers = [Pending(transaction_id="tx_9", ambiguous=ambiguous is True)]
    answered, body = await hand(merchant)
    assert (answered, body["status"], body["not_before"]) == (202, status, None)
    fact = {"invoice_id": "INV-1", "key": KEY}
    assert await told(rows) == [("api", "recovery.pending", fact)]
    answered, body = await hand(merchant)
    sentence = f"Recovery {KEY} of invoice INV-1 is {status}: a payment is tried once at a time."
    assert (answered, body["detail"]) == (409, f"{sentence} Wait for its outcome.")
    assert len(counter.charging.orders) == 1
    # By its key it is told how it went, and once it has failed another may be tried.
    await world.operations.registry.mark_paid("INV-1", Cause.REVTAIN_RETRY, NOW)
    assert await hand(merchant, idempotency_key=KEY) == (
        200,
        SCHEDULED | {"status": "recovered", "transaction_id": "tx_9"},
    )


async def test_what_is_put_off_is_tried_when_its_time_has_come(
    counter: Counterparts, merchant: httpx.AsyncClient
) -> None:
    until = NOW + timedelta(minutes=6)
    counter.charging.answers = [
        PutOff(until=until, reason="the same card was charged a moment ago"),
        OutcomeUnknownError("Revtain did not answer"),
        Collected(transaction_id="tx_9"),
    ]
    put_off = {
        "reason": "the same card was charged a moment ago",
        "not_before": until.isoformat().replace("+00:00", "Z"),
    }
    assert await hand(merchant, idempotency_key="k") == (
        202,
        SCHEDULED | put_off | {"idempotency_key": "k"},
    )
    assert (await hand(merchant, idempotency_key="k"))[1]["status"] == "scheduled"
    assert await counter.desk.go_on() == 0
    counter.clock.now = until
    assert await counter.desk.go_on() == 1
    assert (await hand(merchant, idempotency_key="k"))[1]["status"] == "scheduled"
    counter.clock.now = until + timedelta(minutes=1)
    assert await counter.desk.go_on() == 1
    status, body = await hand(merchant, idempotency_key="k")
    assert (status, body["status"], body["transaction_id"]) == (200, "recovered", "tx_9")
    assert [order.key for order in counter.charging.orders] == ["k"] * 3
    assert len(set(map(repr, counter.charging.orders))) == 1


async def test_what_cannot_be_tried_at_all_is_answered_with_its_reason(
    counter: Counterparts, merchant: httpx.AsyncClient, rows: Rows
) -> None:
    counter.charging.answers = [NotCharged(reason="Revtain refuses the request")]
    reason = {"status": "refused", "reason": "Revtain refuses the request"}
    assert await hand(merchant) == (200, SCHEDULED | reason)
    assert await told(rows) == []
    assert await rows("SELECT kind, subject, detail FROM alerts") == [
        {
            "kind": "charge_refused",
            "subject": "INV-1",
            "detail": {"reason": "Revtain refuses the request"},
        }
    ]


async def test_a_repeated_request_is_the_same_recovery(
    counter: Counterparts, merchant: httpx.AsyncClient
) -> None:
    counter.charging.answers = [NotCharged(reason="no"), NotCharged(reason="no")]
    header = {"Idempotency-Key": "one"}
    first = await merchant.post("/v1/recoveries", json=HANDED, headers=header)
    again = await merchant.post("/v1/recoveries", json=HANDED, headers=header)
    assert (first.status_code, again.json()) == (200, first.json())
    assert len(counter.charging.orders) == 1
    other = await merchant.post(
        "/v1/recoveries", json={**HANDED, "invoice_id": "INV-2"}, headers=header
    )
    assert (other.status_code, other.json()["detail"]) == (
        409,
        "This key was used for a recovery of invoice INV-1. Give each attempt a key of its own.",
    )
    # Another request is another attempt, under a key of its own.
    status, body = await hand(merchant)
    assert (status, body["idempotency_key"]) == (200, "dunning:INV-1:recovery:2")


async def test_the_same_request_twice_at_once_is_tried_once(
    counter: Counterparts, merchant: httpx.AsyncClient
) -> None:
    both = asyncio.Event()

    async def wait() -> None:
        await both.wait()

    counter.charging.meanwhile = wait
    counter.charging.answers = [NotCharged(reason="no")]
    first = asyncio.create_task(hand(merchant, idempotency_key="k"))
    while not counter.charging.orders:
        await asyncio.sleep(0.01)
    assert await hand(merchant, idempotency_key="k") == (202, SCHEDULED | {"idempotency_key": "k"})
    status, body = await hand(merchant)
    assert (status, "is scheduled" in body["detail"]) == (409, True)
    # Nobody else goes on with it either, while its process lives.
    assert await counter.desk.go_on() == 0
    both.set()
    assert (await first)[1]["status"] == "refused"
    assert len(counter.charging.orders) == 1


async def test_what_a_dead_process_began_is_gone_on_with_after_two_minutes(
    counter: Counterparts, merchant: httpx.AsyncClient, rows: Rows
) -> None:
    async def die() -> None:
        raise SystemError("killed")

    counter.charging.meanwhile = die
    answer = await merchant.post("/v1/recoveries", json=HANDED)
    assert answer.status_code == 500
    counter.charging.meanwhile = None
    counter.charging.answers = [Pending(transaction_id="tx_9")]
    counter.clock.now = NOW + timedelta(minutes=3)
    assert await counter.desk.go_on() == 0
    await rows("UPDATE recoveries SET leased_until = clock_timestamp() RETURNING key")
    assert await counter.desk.go_on() == 1
    assert [order.key for order in counter.charging.orders] == [KEY, KEY]
    assert (await rows("SELECT status FROM recoveries")) == [{"status": "queued"}]


async def test_one_that_breaks_keeps_no_other_from_its_turn(
    counter: Counterparts, merchant: httpx.AsyncClient, rows: Rows
) -> None:
    async def breaks() -> None:
        counter.charging.meanwhile = None
        raise ValueError("a fault of ours")

    until = NOW + timedelta(minutes=6)
    counter.charging.answers = [PutOff(until=until, reason="later")] * 2
    await hand(merchant)
    await hand(merchant, invoice_id="INV-2", invoice={**INVOICE, "revtain": {}})
    counter.clock.now = until
    counter.charging.meanwhile = breaks
    counter.charging.answers = [NotCharged(reason="no")] * 2
    assert await counter.desk.go_on() == 2
    assert await rows("SELECT invoice_id, status FROM recoveries ORDER BY invoice_id") == [
        {"invoice_id": "INV-1", "status": "scheduled"},
        {"invoice_id": "INV-2", "status": "refused"},
    ]
    await rows("UPDATE recoveries SET leased_until = clock_timestamp() RETURNING key")
    assert await counter.desk.go_on() == 1
    assert await rows("SELECT DISTINCT status FROM recoveries") == [{"status": "refused"}]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"invoice": {**INVOICE, "amount_due": 0}}, "invoice.amount_due"),
        ({"invoice": {**INVOICE, "amount_due": -1}}, "invoice.amount_due"),
        ({"invoice": {**INVOICE, "currency": "XXX"}}, "invoice.currency"),
        ({"invoice": {**INVOICE, "currency": "usd"}}, "invoice.currency"),
        ({"invoice": {**INVOICE, "customer": None}}, "invoice.customer"),
        (
            {"invoice": {k: v for k, v in INVOICE.items() if k != "amount_due"}},
            "invoice.amount_due",
        ),
        (
            {"invoice": {**INVOICE, "payment_method_token": None}},
            "invoice.payment_method_token",
        ),
        ({"simulate": "success"}, "simulate"),
        ({"simulate": "perhaps"}, "simulate"),
        ({"gateway": "square"}, "gateway"),
        ({"idempotency_key": "x" * 129}, "idempotency_key"),
        ({"idempotency_key": "a\nb"}, "idempotency_key"),
        ({"card_prefix": "42424"}, "card_prefix"),
        ({"card_country": "USA"}, "card_country"),
        ({"amount": 1}, "amount"),
        ({"invoice_id": ""}, "invoice_id"),
    ],
)
async def test_what_is_not_well_formed_is_neither_registered_nor_tried(
    counter: Counterparts,
    merchant: httpx.AsyncClient,
    rows: Rows,
    changes: dict[str, Any],
    field: str,
) -> None:
    status, body = await hand(merchant, **changes)
    assert (status, body["type"]) == (422, "urn:dunning:problem:invalid")
    assert [error["field"] for error in body["errors"]] == [field]
    assert counter.charging.orders == []
    assert await rows("SELECT key FROM recoveries") == []
    assert await rows("SELECT id FROM invoices") == []


_DEEP = 20_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"INV-1"',
        b"{",
        b"\xff\xfe{}",
        b'{"invoice_id": NaN}',
        b'{"invoice_id": ["INV-1"]}',
        b'{"invoice_id": "INV-1", "invoice": []}',
        b'{"invoice_id": "INV-1", "invoice": {"amount_due": NaN}}',
        b'{"invoice_id": "INV-1", "invoice": {"amount_due": Infinity}}',
        b'{"invoice_id": "INV-1", "invoice": {"amount_due": 1e400}}',
        b'{"invoice_id": "INV-1", "invoice": {"amount_due": 1' + b"0" * 5000 + b"}}",
        b'{"invoice_id": "INV-1", "decline_code": {"a": 1}}',
        b'{"invoice_id": "INV-1", "decline_code": "\\u0000"}',
        b'{"invoice_id": "INV-1", "decline_code": "' + b"x" * 101 + b'"}',
        b'{"invoice_id": "INV-1", "idempotency_key": 1}',
        b'{"invoice_id": "INV-1", "idempotency_key": "\\ud800"}',
        '{"invoice_id": "INV-1", "idempotency_key": "schl\u00fcssel"}'.encode(),
        b'{"invoice_id": "INV\\u0000", "invoice": null}',
        b'{"invoice_id": "INV-1", "card_country": "\\u0130S"}',
        '{"invoice_id": "INV-1", "card_prefix": "\u0661\u0662\u0663\u0664\u0665\u0666"}'.encode(),
        b'{"invoice_id": "INV-1", "fallback_payment_method_tokens": "pm_2"}',
        b'{"invoice_id": "INV-1", "fallback_payment_method_tokens": [null]}',
        b'{"invoice_id": "INV-1", "fallback_payment_method_tokens": ["\\ud800"]}',
        b'{"invoice_id": "INV-1", "fallback_payment_method_tokens": '
        + b"[" * _DEEP
        + b"]" * _DEEP
        + b"}",
        b"[" * _DEEP,
    ],
    ids=range(27),
)
async def test_rubbish_is_refused_in_words_and_nothing_is_tried(
    counter: Counterparts, merchant: httpx.AsyncClient, rows: Rows, body: bytes
) -> None:
    answer = await merchant.post(
        "/v1/recoveries", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dunning:problem:invalid")
    assert answer.json()["detail"]
    assert counter.charging.orders == []
    assert await rows("SELECT id FROM invoices") == []


@pytest.mark.parametrize("settled", ["paid", "void"])
async def test_nothing_is_tried_of_an_invoice_that_is_not_owed(
    counter: Counterparts, merchant: httpx.AsyncClient, invoice: Any, settled: str
) -> None:
    assert (await merchant.post(f"/v1/invoices/{invoice['id']}/{settled}")).status_code == 200
    status, body = await hand(merchant, invoice=None)
    assert (status, body["detail"]) == (
        409,
        f"Invoice INV-1 is {settled}: nothing is owed, so its payment is not tried.",
    )
    assert counter.charging.orders == []


async def test_a_registered_invoice_needs_no_second_description(
    counter: Counterparts, merchant: httpx.AsyncClient, invoice: Any
) -> None:
    counter.charging.answers = [NotCharged(reason="no")]
    assert (await hand(merchant, invoice=None))[0] == 200
    status, body = await hand(merchant, invoice=None, invoice_id="INV-9")
    assert (status, body["type"]) == (404, "urn:dunning:problem:not-found")


async def test_without_a_key_of_revtain_nothing_is_taken(
    counter: Counterparts, world: World, database: Database, rows: Rows
) -> None:
    unable = RecoveryDesk(
        operations=world.operations,
        recoveries=Recoveries(database),
        charging=None,
        dictionary=None,
        now=counter.clock,
    )
    application = FastAPI()
    more = [RecoveryDoor(unable)]
    api.install(application, operations=world.operations, keys=world.keys, more=more)
    key = await world.keys.add("shop", ["invoices:write"])
    transport = httpx.ASGITransport(application)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://dunning.test", headers=headers
    ) as client:
        status, body = await hand(client)
    assert (status, "REVTAIN_API_KEY is not set" in body["detail"]) == (409, True)
    assert await rows("SELECT id FROM invoices") == []


async def test_reading_is_not_enough_to_hand_over(
    world: World, merchant: httpx.AsyncClient
) -> None:
    key = await world.keys.add("reader", ["invoices:read", "cases:write"])
    answer = await merchant.post(
        "/v1/recoveries", json=HANDED, headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:dunning:problem:forbidden")
