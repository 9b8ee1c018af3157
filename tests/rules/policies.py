"""Which policies do the tests of the rule book use? Builders with the fewest fields."""

from __future__ import annotations

from typing import Any

from dunning.advice import Advice
from dunning.conditions import Facts
from dunning.directory import Contact, Invoice, InvoiceStatus
from dunning.money import Money
from dunning.policy import Policy, parse_policy


def step(name: str, **fields: Any) -> dict[str, Any]:
    """An email step; `after` or `before_close` must be given."""
    return {"id": name, "channel": "email", "template": "reminder", **fields}


def campaign(name: str = "monthly", *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A campaign of 27 days with one email, unless told otherwise."""
    chosen = steps or (step("first", after="2h"),)
    return {"name": name, "length": "27d", "steps": list(chosen), **fields}


def document(*campaigns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A policy document."""
    brand = {"name": "Example", "support_email": "billing@example.com"}
    chosen = campaigns or (campaign(),)
    return {"version": 1, "brand": brand, "campaigns": list(chosen), **fields}


def changed(**fields: Any) -> dict[str, Any]:
    """A policy document with other fields."""
    return {**document(), **fields}


def with_step(**fields: Any) -> dict[str, Any]:
    """A policy document whose only step has these fields."""
    return document(campaign("a", {"id": "x", "channel": "email", "template": "t", **fields}))


def policy(*campaigns: dict[str, Any], **fields: Any) -> Policy:
    """The same, parsed."""
    return parse_policy(document(*campaigns, **fields))


def facts(
    advice: Advice = Advice.REQUEST_CARD_UPDATE,
    decline_code: str | None = "expired_card",
    **fields: Any,
) -> Facts:
    """What is known of a case; other fields are the invoice's, or its customer's."""
    contact = Contact(
        customer_id="cus_1",
        tags=fields.pop("tags", ()),
        locale=fields.pop("locale", None),
        value_tier=fields.pop("value_tier", None),
    )
    amount = Money(minor=fields.pop("minor", 4900), currency=fields.pop("currency", "USD"))
    invoice = Invoice(
        id="INV-1", amount=amount, status=InvoiceStatus.OPEN, contact=contact, **fields
    )
    return Facts(advice=advice, decline_code=decline_code, invoice=invoice)
