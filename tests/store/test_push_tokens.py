"""Does a customer have the devices that the merchant last named, less those that died?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from dunning.registration import InvoiceRegistration
from store.push_tokens import PushTokens

if TYPE_CHECKING:
    from store.database import Database
    from store.registry import Registry


def patch(customer: str, **fields: Any) -> InvoiceRegistration:
    return InvoiceRegistration.model_validate(
        {"amount_due": 4900, "currency": "USD", "customer": {"id": customer, **fields}}
    )


async def tokens(registry: Registry, invoice_id: str) -> list[str]:
    found = await registry.get_invoice(invoice_id)
    assert found is not None
    return sorted(found.contact.push_tokens)


async def test_present_devices_replace_absent_ones_stay_and_null_clears(
    registry: Registry,
) -> None:
    first = await registry.put_invoice("INV-1", patch("cus_1", push_tokens=["a", "b", "b"]))
    assert sorted(first.invoice.contact.push_tokens) == ["a", "b"]
    changed = [
        (await registry.put_invoice("INV-1", patch("cus_1", **fields))).changed
        for fields in ({}, {"push_tokens": ["b", "a"]}, {"push_tokens": ["b", "c"]})
    ]
    assert (changed, await tokens(registry, "INV-1")) == ([False, False, True], ["b", "c"])
    assert (await registry.put_invoice("INV-1", patch("cus_1", push_tokens=None))).changed
    assert await tokens(registry, "INV-1") == []


async def test_all_invoices_of_a_customer_share_the_devices(registry: Registry) -> None:
    await registry.put_invoice("INV-1", patch("cus_1", push_tokens=["a"]))
    await registry.put_invoice("INV-2", patch("cus_1"))
    assert await tokens(registry, "INV-2") == ["a"]


async def test_a_device_belongs_to_whoever_was_seen_on_it_last(registry: Registry) -> None:
    await registry.put_invoice("INV-1", patch("cus_1", push_tokens=["a", "b"]))
    moved = await registry.put_invoice("INV-2", patch("cus_2", push_tokens=["b"]))
    assert moved.changed
    assert await tokens(registry, "INV-1") == ["a"]
    assert await tokens(registry, "INV-2") == ["b"]


async def test_a_dead_device_is_forgotten_once(registry: Registry, database: Database) -> None:
    await registry.put_invoice("INV-1", patch("cus_1", push_tokens=["a", "b"]))
    kept = PushTokens(database)
    assert [await kept.drop("a"), await kept.drop("a")] == [True, False]
    assert await tokens(registry, "INV-1") == ["b"]


async def test_a_device_that_is_named_again_was_seen_again(
    registry: Registry, database: Database
) -> None:
    for _ in range(2):
        await registry.put_invoice("INV-1", patch("cus_1", push_tokens=["a"]))
    query = text("SELECT seen_at > first_seen_at FROM push_tokens")
    async with database.single() as connection:
        assert list(await connection.scalars(query)) == [True]


@pytest.mark.parametrize("bad", ["", "with space", "line\nbreak", "x" * 4097, 7, None])
def test_what_cannot_be_a_token_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        patch("cus_1", push_tokens=[bad])


def test_nobody_has_more_than_fifty_devices() -> None:
    with pytest.raises(ValidationError):
        patch("cus_1", push_tokens=[str(number) for number in range(51)])
