"""Does the look-up endpoint hear who asks, and is every bad answer a fault in our words?"""

from __future__ import annotations

import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from app import clock
from dunning.directory import InvoiceStatus
from dunning.errors import DirectoryError
from providers.merchant.directory import HEADER, HttpDirectory, LookupAddress
from tests.providers.scripted_server import Fault, Received, Reply, ScriptedServer, refusing_url
from webhook.signing import signed

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
DOCUMENT = {
    "amount_due": 4900,
    "currency": "USD",
    "status": "open",
    "due_at": "2026-11-20T00:00:00Z",
    "customer": {"id": "cus_1", "email": "ada@example.com", "tags": ["vip"]},
}


def sign(webhook_id: str, body: bytes, now: datetime) -> dict[str, str]:
    return signed(webhook_id, body, secrets=[SECRET], now=now)


def directory(url: str, *, seconds: float = 5) -> HttpDirectory:
    address = LookupAddress(
        invoice=f"{url}/dunning/invoices/{{invoice_id}}?by=id",
        transaction=f"{url}/dunning/payments/{{transaction_id}}",
    )
    timeout = timedelta(seconds=seconds)
    return HttpDirectory(address, sign=sign, now=clock.now, timeout=timeout)


def said(**changes: Any) -> Reply:
    return Reply(200, json.dumps({**DOCUMENT, **changes}).encode())


async def fault_of(*script: Reply | Fault, seconds: float = 5) -> DirectoryError:
    async with (
        ScriptedServer(*script) as server,
        aclosing(directory(server.url, seconds=seconds)) as asked,
    ):
        with pytest.raises(DirectoryError) as raised:
            await asked.invoice("INV-1")
    return raised.value


def verified(request: Received) -> object:
    """What the receiver may believe, by the library that its users have."""
    return Webhook(SECRET).verify(request.headers[HEADER], dict(request.headers))


async def test_an_invoice_is_asked_for_by_a_signed_request_and_read() -> None:
    async with ScriptedServer(said()) as server, aclosing(directory(server.url)) as asked:
        entry = await asked.invoice("INV-1")
    (request,) = server.received
    assert (request.method, request.target) == ("GET", "/dunning/invoices/INV-1?by=id")
    assert verified(request) == {"invoice_id": "INV-1"}
    assert entry is not None
    patch = entry.patch
    assert (entry.invoice_id, patch.amount_due, patch.status) == ("INV-1", 4900, InvoiceStatus.OPEN)
    assert patch.due_at == datetime(2026, 11, 20, tzinfo=UTC)
    assert patch.customer is not None
    assert (patch.customer.email, patch.customer.tags) == ("ada@example.com", ("vip",))
    assert "plan" not in patch.model_fields_set


async def test_a_transaction_is_asked_for_and_names_its_invoice() -> None:
    async with ScriptedServer(said(id="INV-7")) as server, aclosing(directory(server.url)) as asked:
        entry = await asked.transaction("01KKZ")
    (request,) = server.received
    assert request.target == "/dunning/payments/01KKZ"
    assert verified(request) == {"transaction_id": "01KKZ"}
    assert entry is not None
    named = entry.naming("01KKZ").patch.revtain
    assert (entry.invoice_id, named and named.transaction_ids) == ("INV-7", ("01KKZ",))


async def test_a_directory_without_an_address_for_transactions_knows_none() -> None:
    only = LookupAddress(invoice=f"{refusing_url()}/{{invoice_id}}")
    asked = HttpDirectory(only, sign=sign, now=clock.now)
    assert await asked.transaction("01KKZ") is None


@pytest.mark.parametrize(
    ("invoice_id", "target"),
    [
        ("A/B?c#d e", "/dunning/invoices/A%2FB%3Fc%23d%20e?by=id"),
        ("Rechnung-ü", "/dunning/invoices/Rechnung-%C3%BC?by=id"),
        ("100%41", "/dunning/invoices/100%2541?by=id"),
    ],
)
async def test_an_id_never_leads_to_another_address(invoice_id: str, target: str) -> None:
    async with ScriptedServer(said()) as server, aclosing(directory(server.url)) as asked:
        await asked.invoice(invoice_id)
    (request,) = server.received
    assert (request.target, verified(request)) == (target, {"invoice_id": invoice_id})


async def test_dots_alone_are_no_way_to_another_folder() -> None:
    async with ScriptedServer(said(id="INV-7")) as server, aclosing(directory(server.url)) as asked:
        await asked.transaction("..")
    (request,) = server.received
    assert (request.target, verified(request)) == (
        "/dunning/payments/%2E%2E",
        {"transaction_id": ".."},
    )


async def test_an_invoice_that_is_not_there_is_no_fault() -> None:
    async with (
        ScriptedServer(Reply(404, b"<html>no</html>")) as server,
        aclosing(directory(server.url)) as asked,
    ):
        assert await asked.invoice("INV-1") is None


@pytest.mark.parametrize(
    ("reply", "reason", "general"),
    [
        (Reply(500, b"Traceback: ada@example.com"), "it answers 500 instead of 200 or 404", False),
        (Reply(503), "it answers 503 instead of 200 or 404", True),
        (Reply(401), "it answers 401 instead of 200 or 404", True),
        (Reply(204), "it answers 204 instead of 200 or 404", False),
        (Reply(200, b"<html>log in</html>"), "the answer is not JSON", False),
        (Reply(200, b"[]"), "the answer is not a JSON object", False),
        (Reply(200, b"[" * 100_000), "the answer is not JSON", False),
        (said(paid_on="today"), "paid_on: is not a field of an invoice", False),
        (said(id="INV-2"), "id: is not that of the invoice that was asked for", False),
        (said(amount_due="49.00"), "amount_due: must be a whole number", False),
        (said(status=None), "status: cannot be null", False),
        (said(customer={"email": "ada,example"}), "customer.email: must be an email", False),
        (Reply(200, b'{"plan": "' + b"x" * 300_000 + b'"}'), "larger than 256 KiB", False),
    ],
)
async def test_a_bad_answer_is_a_fault_that_quotes_nothing(
    reply: Reply, reason: str, *, general: bool
) -> None:
    fault = await fault_of(reply)
    assert reason in fault.reason
    assert fault.general is general
    assert not any(said in fault.reason for said in ("Trace", "ada,", "49.00", "today", "log in"))


async def test_a_redirect_is_not_followed() -> None:
    async with ScriptedServer(said()) as elsewhere:
        fault = await fault_of(Reply(302, headers={"Location": f"{elsewhere.url}/there"}))
        assert elsewhere.received == []
    assert (fault.reason, fault.general) == ("it answers 302 instead of 200 or 404", True)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([Fault.SILENCE], "no answer came within 0.2 seconds"),
        # The client asks twice by itself where nothing came back.
        ([Fault.DROP_AFTER_READING] * 2, "no readable answer came (ServerDisconnectedError)"),
    ],
)
async def test_what_does_not_answer_concerns_every_invoice(script: list[Fault], words: str) -> None:
    found = await fault_of(*script, seconds=0.2)
    assert (found.reason, found.general) == (words, True)


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    fault = await fault_of(Reply(200, b"{", headers={"Content-Length": "100"}))
    assert (fault.reason, fault.general) == ("no readable answer came (ClientPayloadError)", True)


async def test_nobody_listens() -> None:
    asked = directory(refusing_url())
    with pytest.raises(DirectoryError) as raised:
        await asked.invoice("INV-1")
    await asked.aclose()
    assert (raised.value.reason, raised.value.general) == ("no connection could be made", True)
    assert raised.value.__context__ is None
