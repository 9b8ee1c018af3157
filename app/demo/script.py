"""How is a story written down? One invoice, and what happens to it from outside, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from app.demo import visits
from app.demo.stage import Stage
from sandbox.faults import Fault, FaultKind, Vendor
from sandbox.faults import Moment as Striking

_CONSENT = "2026-01-05T10:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happens outside at one time after the start."""

    after: timedelta
    act: Callable[[Stage], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One invoice and what the world does to it.

    `text_due` is when its text is due by the campaign alone, of a story about a text that waits.
    """

    invoice_id: str
    title: str
    invoice: Mapping[str, Any]
    moments: tuple[Moment, ...] = field(default=())
    late: bool = False
    text_due: datetime | None = None


def customer(name: str, zone: str, phone: str | None = None, **more: object) -> dict[str, Any]:
    """Somebody who reads English unless told otherwise, and agreed to texts if there is a phone."""
    person: dict[str, Any] = {
        "id": f"cus_{name.lower()}",
        "name": name,
        "email": f"{name.lower()}@example.com",
        "timezone": zone,
        "locale": "en-US",
        **more,
    }
    if phone is not None:
        person |= {"phone": phone, "sms_consent_at": _CONSENT}
    return person


def invoice(number: int, person: Mapping[str, Any], **more: object) -> dict[str, Any]:
    """A month of 49 dollars, unless told otherwise."""
    return {
        "amount_due": 4900,
        "currency": "USD",
        "description": "Pro plan",
        "billing_period": "month",
        "payment_url": f"https://shop.example/pay/INV-{number}",
        "payment_method_token": f"pm_old_{number}",
        "customer": person,
        "revtain": {"transaction_ids": [f"txn_{number}"]},
        **more,
    }


def at(act: Callable[[Stage], Awaitable[object]], **after: float) -> Moment:
    """A moment so many days, hours or seconds after the start."""
    return Moment(after=timedelta(**after), act=act)


def failed(
    number: int,
    action: str | None,
    code: str | None,
    event: str = "recovery.failed",
    **after: float,
) -> Moment:
    """Revtain gives up, and says what it advises and why the bank declined."""

    async def act(stage: Stage) -> None:
        given: dict[str, JsonValue] = {"declineCode": code, "recommendedAction": action}
        await stage.fire(event, f"txn_{number}", **given)

    return at(act, **after)


def succeeded(number: int, amount: int = 4900, currency: str = "USD", **after: float) -> Moment:
    """Revtain got the money."""

    async def act(stage: Stage) -> None:
        await stage.fire("recovery.success", f"txn_{number}", amount=amount, currency=currency)

    return at(act, **after)


def called(path: str, body: Mapping[str, object] | None = None, **after: float) -> Moment:
    """The merchant's own system tells us something."""

    async def act(stage: Stage) -> None:
        await stage.call("POST", path, body)
        await stage.settle()

    return at(act, **after)


def ordered(invoice_id: str, order: str, days: float, **fields: object) -> Moment:
    """An operator gives an order."""

    async def act(stage: Stage) -> None:
        await stage.order(invoice_id, order, **fields)
        await stage.settle()

    return at(act, days=days)


def bounces(address: str) -> Moment:
    """From now on no email reaches the address."""

    async def act(stage: Stage) -> None:
        stage.sandbox.sendgrid.set_fate(address, "processed", "bounce")

    return at(act)


def answer_lost(address: str) -> Moment:
    """The vendor's connection breaks while it is given the next email to the address."""

    async def act(stage: Stage) -> None:
        lost = Fault(kind=FaultKind.DROP, when=Striking.BEFORE)
        stage.sandbox.faults.plan(Vendor.SENDGRID, lost, to=address)

    return at(act)


def card_fails(token: str, code: str) -> Moment:
    """The bank declines every charge of this card."""

    async def act(stage: Stage) -> None:
        stage.sandbox.revtain.set_outcome(token, "failed", code)

    return at(act)


def gave_card(invoice_id: str, token: str, **after: float) -> Moment:
    """The customer gives a new card at the page that the link in our message leads to."""

    async def act(stage: Stage) -> None:
        await visits.give_card(stage, invoice_id, token)

    return at(act, **after)


def promised(invoice_id: str, number: int, **after: float) -> Moment:
    """The customer promises to pay on one of the days that our page offers, counted from 0."""

    async def act(stage: Stage) -> None:
        await visits.choose_day(stage, invoice_id, number)

    return at(act, **after)


def replied(number: str, words: str, **after: float) -> Moment:
    """The customer answers a text."""

    async def act(stage: Stage) -> None:
        await stage.sandbox.twilio.reply(number, words)
        await stage.settle()

    return at(act, **after)


def forged(number: int) -> Moment:
    """Somebody without the secret claims a payment."""

    async def act(stage: Stage) -> None:
        event = {"event": "recovery.success", "revtainTransactionId": f"txn_{number}"}
        await stage.sandbox.revtain.fire(event, forge=True)

    return at(act, hours=3)


def scrambled(number: int) -> Moment:
    """The success before the failure, and each of them three times."""

    async def act(stage: Stage) -> None:
        revtain, transaction = stage.sandbox.revtain, f"txn_{number}"
        failure = {
            "event": "recovery.failed",
            "revtainTransactionId": transaction,
            "recommendedAction": "request_card_update",
        }
        success = {"event": "recovery.success", "revtainTransactionId": transaction}
        await revtain.fire(success, repeat=3)
        await revtain.fire(failure, repeat=3)
        await stage.settle()

    return at(act)


def registered_late(invoice_id: str, fields: Mapping[str, Any]) -> Moment:
    """The merchant registers the invoice only now."""

    async def act(stage: Stage) -> None:
        await stage.register(invoice_id, **fields)
        await stage.settle()

    return at(act, seconds=30)
