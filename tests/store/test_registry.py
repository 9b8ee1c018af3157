"""Does what a merchant registers end up as it was meant, and nothing else?"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.directory import BillingPeriod, Contact, Invoice, InvoiceStatus
from dunning.errors import RegistryError
from dunning.money import Money
from dunning.registration import InvoiceRegistration
from dunning.states import Cause
from dunning.suppression import Reason, Source
from store.cards import CardResult
from store.digest import token_digest
from store.registry import Marking
from store.suppressions import Closing, Suppressions
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.database import Database
    from store.inbox import Inbox
    from store.registry import Registry
    from tests.store.conftest import Register

WHOLE: dict[str, Any] = {
    "amount_due": 4900,
    "currency": "USD",
    "status": "open",
    "description": "Pro plan, March",
    "due_at": "2026-11-20T00:00:00Z",
    "billing_period": "month",
    "next_invoice_at": None,
    "plan": "pro",
    "payment_url": "https://shop.example/pay/INV-1",
    "payment_method_token": "pm_1",
    "customer": {
        "id": "cus_1",
        "name": "Ada",
        "email": "ada@example.com",
        "phone": "+12125550123",
        "locale": "en-US",
        "timezone": "America/New_York",
        "country": "US",
        "sms_consent_at": "2026-01-05T10:00:00Z",
        "tags": ["vip"],
        "value_tier": "high",
    },
    "revtain": {"transaction_ids": ["tx_1"], "idempotency_keys": ["INV-1_retry_1"]},
}


def patch(**fields: Any) -> InvoiceRegistration:
    return InvoiceRegistration.model_validate(fields)


async def column(database: Database, statement: str) -> list[Any]:
    async with database.single() as connection:
        return list(await connection.scalars(text(statement)))


async def test_a_whole_invoice_is_read_back_as_it_was_put(registry: Registry) -> None:
    result = await registry.put_invoice("INV/1", patch(**WHOLE))
    assert result.invoice == Invoice(
        id="INV/1",
        amount=Money(minor=4900, currency="USD"),
        status=InvoiceStatus.OPEN,
        contact=Contact(
            customer_id="cus_1",
            name="Ada",
            email="ada@example.com",
            phone="+12125550123",
            locale="en-US",
            timezone="America/New_York",
            country="US",
            sms_consent_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
            tags=("vip",),
            value_tier="high",
        ),
        description="Pro plan, March",
        billing_period=BillingPeriod.MONTH,
        plan="pro",
        due_at=datetime(2026, 11, 20, tzinfo=UTC),
        payment_url="https://shop.example/pay/INV-1",
        link_id=result.invoice.link_id,
    )
    assert (result.created, result.changed, len(result.invoice.link_id)) == (True, True, 12)
    assert await registry.get_invoice("INV/1") == result.invoice
    assert await registry.get_invoice_of_link(result.invoice.link_id) == result.invoice
    assert await registry.get_invoice("INV-2") is None
    assert await registry.get_invoice_of_link("nobody") is None


async def test_the_same_put_twice_changes_nothing(registry: Registry) -> None:
    first = await registry.put_invoice("INV-1", patch(**WHOLE))
    second = await registry.put_invoice("INV-1", patch(**WHOLE))
    assert (second.created, second.changed, second.invoice) == (False, False, first.invoice)


async def test_present_fields_overwrite_absent_stay_and_null_clears(registry: Registry) -> None:
    await registry.put_invoice("INV-1", patch(**WHOLE))
    result = await registry.put_invoice(
        "INV-1",
        patch(amount_due=5000, plan=None, customer={"name": None, "tags": None, "country": "CA"}),
    )
    changed = result.invoice
    assert (result.created, result.changed) == (False, True)
    assert (changed.amount, changed.plan, changed.description) == (
        Money(minor=5000, currency="USD"),
        None,
        "Pro plan, March",
    )
    assert (changed.contact.customer_id, changed.contact.name, changed.contact.email) == (
        "cus_1",
        None,
        "ada@example.com",
    )
    assert (changed.contact.tags, changed.contact.country) == ((), "CA")


async def test_references_only_grow(registry: Registry, database: Database) -> None:
    await registry.put_invoice("INV-1", patch(**WHOLE))
    grown = await registry.put_invoice("INV-1", patch(revtain={"transaction_ids": ["tx_2"]}))
    same = await registry.put_invoice("INV-1", patch(revtain={"transaction_ids": ["tx_1"]}))
    assert (grown.changed, same.changed) == (True, False)
    statement = "SELECT transaction_id FROM transactions ORDER BY 1"
    assert await column(database, statement) == ["tx_1", "tx_2"]
    assert await column(database, "SELECT key FROM idempotency_keys") == ["INV-1_retry_1"]


async def test_a_transaction_remembers_the_card_of_its_registration(
    registry: Registry, register: Register, database: Database
) -> None:
    await register(revtain={"transaction_ids": ["tx_0"]})
    await register(payment_method_token="pm_1", revtain={"transaction_ids": ["tx_1"]})
    await registry.replace_card("INV-1", "pm_2")
    await register(revtain={"transaction_ids": ["tx_0", "tx_1", "tx_2"]})
    assert await column(
        database, "SELECT card_digest FROM transactions ORDER BY transaction_id"
    ) == [None, token_digest(TOKEN_KEY, "pm_1"), token_digest(TOKEN_KEY, "pm_2")]


async def test_an_invoice_may_move_to_another_customer(register: Register) -> None:
    await register()
    result = await register(customer={"id": "cus_2", "name": "Grace"})
    assert (result.changed, result.invoice.contact) == (
        True,
        Contact(customer_id="cus_2", name="Grace"),
    )


async def test_status_never_moves_back_from_paid(
    registry: Registry, register: Register, now: datetime
) -> None:
    await register()
    paid = await register(status="paid")
    assert [
        paid.invoice.status,
        (await register(status="open")).invoice.status,
        (await register(status="void")).invoice.status,
        await registry.mark_void("INV-1", now),
        await registry.mark_paid("INV-1", Cause.MANUAL, now),
    ] == [InvoiceStatus.PAID] * 3 + [Marking.UNCHANGED] * 2


async def test_a_void_invoice_may_be_opened_again(register: Register) -> None:
    await register(status="void")
    result = await register(status="open")
    assert (result.changed, result.invoice.status) == (True, InvoiceStatus.OPEN)


async def test_marks_apply_once_and_know_the_unknown(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    assert [
        await registry.mark_void("INV-1", now),
        await registry.mark_void("INV-1", now),
        await registry.mark_paid("INV-1", Cause.MANUAL, now),
        await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now + timedelta(days=1)),
        await registry.mark_paid("INV-2", Cause.MANUAL, now),
        await registry.mark_void("INV-2", now),
    ] == [
        Marking.APPLIED,
        Marking.UNCHANGED,
        Marking.APPLIED,
        Marking.UNCHANGED,
        Marking.UNKNOWN_INVOICE,
        Marking.UNKNOWN_INVOICE,
    ]
    assert await column(database, "SELECT paid_cause FROM invoices") == ["manual"]
    assert await column(database, "SELECT paid_at FROM invoices") == [now]


async def test_an_exclusion_holds_for_all_invoices_of_the_customer(
    registry: Registry, register: Register
) -> None:
    await register("INV-1")
    await register("INV-2")
    answers = [
        await registry.exclude("cus_1", excluded=True),
        await registry.exclude("cus_9", excluded=True),
    ]
    excluded = [await registry.get_invoice(name) for name in ("INV-1", "INV-2")]
    await registry.exclude("cus_1", excluded=False)
    included = await registry.get_invoice("INV-1")
    assert answers == [True, False]
    assert [one.contact.excluded for one in [*excluded, included] if one] == [True, True, False]


@pytest.mark.parametrize(
    ("old_token", "new_token", "result"),
    [
        (None, "pm_2", CardResult.SAME),
        (None, "pm_3", CardResult.APPLIED),
        (None, "pm_1", CardResult.APPLIED),
        ("pm_2", "pm_3", CardResult.APPLIED),
        ("pm_1", "pm_3", CardResult.STALE),
        ("pm_1", "pm_2", CardResult.SAME),
        ("pm_unknown", "pm_3", CardResult.APPLIED),
    ],
)
async def test_a_new_card_is_applied_unless_overtaken(
    registry: Registry,
    register: Register,
    database: Database,
    old_token: str | None,
    new_token: str,
    result: CardResult,
) -> None:
    await register(payment_method_token="pm_1")
    await register(payment_method_token="pm_2")
    change = await registry.replace_card("INV-1", new_token, old_token)
    current = new_token if result is not CardResult.STALE else "pm_2"
    assert (change.result, change.card_digest) == (result, token_digest(TOKEN_KEY, new_token))
    assert await column(database, "SELECT payment_method_token FROM invoices") == [current]
    assert await column(database, "SELECT card_changed_at IS NOT NULL FROM invoices") == [
        result is CardResult.APPLIED
    ]


async def test_all_invoices_of_a_card_are_found_also_when_it_was_replaced(
    registry: Registry, register: Register
) -> None:
    await register("INV-1", payment_method_token="pm_1")
    await register("INV-2", payment_method_token="pm_1")
    await register("INV-3", payment_method_token="pm_3")
    await registry.replace_card("INV-1", "pm_2", "pm_1")
    unknown = await registry.replace_card("INV-9", "pm_2")
    assert (await registry.invoices_of_card("pm_1"), await registry.invoices_of_card("pm_2")) == (
        ["INV-1", "INV-2"],
        ["INV-1"],
    )
    assert unknown.result is CardResult.UNKNOWN_INVOICE


NEW = {"amount_due": 100, "currency": "USD", "customer": {"id": "cus_1"}}


@pytest.mark.parametrize(
    ("invoice_id", "fields", "field", "sentence"),
    [
        (
            "INV-9",
            NEW | {"revtain": {"transaction_ids": ["tx_9", "tx_1"]}},
            "revtain.transaction_ids",
            "Transaction tx_1 belongs to invoice INV-1: it cannot belong to invoice INV-9 as well.",
        ),
        (
            "INV-9",
            NEW | {"revtain": {"idempotency_keys": ["INV-1_retry_1"]}},
            "revtain.idempotency_keys",
            (
                "Idempotency key INV-1_retry_1 belongs to invoice INV-1: "
                "it cannot belong to invoice INV-9 as well."
            ),
        ),
        (
            "INV-9",
            {"currency": "USD", "customer": {"id": "cus_1"}},
            "amount_due",
            "Invoice INV-9 is not known yet: a new invoice needs amount_due.",
        ),
        (
            "INV-9",
            {"amount_due": 1, "customer": {"id": "cus_1"}},
            "currency",
            "Invoice INV-9 is not known yet: a new invoice needs currency.",
        ),
        (
            "INV-9",
            {"amount_due": 1, "currency": "USD", "customer": {"name": "Ada"}},
            "customer.id",
            "Invoice INV-9 is not known yet: a new invoice needs customer.id.",
        ),
        (
            "INV-9",
            {},
            "amount_due",
            (
                "Invoice INV-9 is not known yet: "
                "a new invoice needs amount_due and currency and customer.id."
            ),
        ),
        (
            "INV-PAID",
            {"amount_due": 1, "plan": "other"},
            "amount_due",
            (
                "Invoice INV-PAID is paid: its amount_due stays 4900. "
                "Register another debt as an invoice of its own."
            ),
        ),
        (
            "INV-PAID",
            {"amount_due": 4900, "currency": "EUR"},
            "currency",
            (
                "Invoice INV-PAID is paid: its currency stays USD. "
                "Register another debt as an invoice of its own."
            ),
        ),
        (
            "INV\x00",
            NEW,
            "id",
            "An invoice id is 1 to 200 characters without control characters.",
        ),
    ],
)
async def test_a_contradiction_is_refused_whole(
    registry: Registry,
    register: Register,
    database: Database,
    invoice_id: str,
    fields: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    await registry.put_invoice("INV-1", patch(**WHOLE))
    await register("INV-PAID", customer={"id": "cus_2"}, status="paid")
    with pytest.raises(RegistryError) as refusal:
        await registry.put_invoice(invoice_id, patch(**fields))
    assert (refusal.value.field, refusal.value.reason) == (field, sentence)
    assert await column(database, "SELECT id FROM invoices ORDER BY id") == ["INV-1", "INV-PAID"]
    assert await column(database, "SELECT plan FROM invoices ORDER BY id") == ["pro", None]
    assert await column(database, "SELECT transaction_id FROM transactions") == ["tx_1"]


async def test_concurrent_first_registrations_of_one_invoice_make_one(
    registry: Registry, database: Database
) -> None:
    results = await asyncio.gather(
        *(
            registry.put_invoice(
                "INV-1", patch(**WHOLE | {"revtain": {"transaction_ids": [f"tx_{n}", "tx_all"]}})
            )
            for n in range(8)
        )
    )
    assert sorted(result.created for result in results) == [False] * 7 + [True]
    assert len(await column(database, "SELECT 1 FROM transactions")) == 9


async def test_concurrent_claims_to_one_transaction_let_one_invoice_win(
    register: Register, database: Database
) -> None:
    answers = await asyncio.gather(
        *(register(f"INV-{n}", revtain={"transaction_ids": ["tx_1"]}) for n in range(4)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, RegistryError)]
    assert (len(refused), await column(database, "SELECT count(*) FROM invoices")) == (3, [1])


async def test_a_new_address_is_told_as_open_only_if_it_is(
    register: Register, suppressions: Suppressions, inbox: Inbox
) -> None:
    dead = Closing(
        channel=Channel.EMAIL,
        address="ada@new.example",
        reason=Reason.BAD_ADDRESS,
        source=Source.REPORT,
    )
    await register(customer={"id": "cus_1", "email": "ada@example.com"})
    await suppressions.add(dead)
    await register(customer={"email": "ada@new.example"})
    await register(customer={"email": "ada@other.example"})
    bodies = [json.loads(event.body) for event in await inbox.claim(9, timedelta(minutes=1))]
    told = [body["reason"] for body in bodies if body.get("change", "").startswith("registered")]
    assert told == ["bad_address", None]
