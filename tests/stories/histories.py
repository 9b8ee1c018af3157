"""What may happen to an invoice, in any order and any number? Histories drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from app.demo.stage import Stage
from sandbox.courier import DeliveryState
from sandbox.faults import Fault, FaultKind, FaultMode, Moment, Vendor
from sandbox.revtain_webhooks import Delivery

PRICE = 4900
_LOST = 0.2
_AMBUSHED = 0.3
_NOBODY = "http://127.0.0.1:9/"
_DAYS = (0, 1, 4, 4, 6, 9, 9, 15, 16, 22, 24)
_ACTIONS = ("request_card_update",) * 30 + ("retry_later", "monitor", "manual_review", None)
_CODES = ("do_not_honor", "expired_card", "insufficient_funds", None) * 3 + (
    "authentication_required",
)
_ORDERS: tuple[tuple[str, dict[str, object]], ...] = (
    ("pause", {}),
    ("resume", {}),
    ("skip", {"step": "monthly.second"}),
    ("send-now", {"step": "monthly.third"}),
    ("stop", {}),
    ("extend", {"days": 2}),
    ("replan", {}),
    ("decide", {"decision": "resume"}),
    ("decide", {"decision": "retry_now"}),
)
# Faults that the product answers without waiting in real time, and delays that widen every race.
FAULTS = (
    Fault(kind=FaultKind.DROP, when=Moment.AFTER, probability=0.08),
    Fault(kind=FaultKind.DROP, when=Moment.BEFORE, probability=0.05),
    Fault(kind=FaultKind.STATUS, status=500, when=Moment.AFTER, probability=0.05),
    Fault(kind=FaultKind.STATUS, status=500, probability=0.05),
    Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "120"}, probability=0.1),
    Fault(kind=FaultKind.DELAY, delay_s=0.05, probability=0.3),
)

Act = Callable[[Stage], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happens on a day, some time after the day's messages begin to leave."""

    day: int
    delay_s: float
    act: Act


@dataclass(slots=True, kw_only=True)
class Drawn:
    """An invoice with its happenings, and when its success was first answered with 200.

    `ambush` is a success that comes at the worst moment: when everything has been looked at, and
    the ledger is just about to be asked for the message of that number.
    """

    invoice_id: str
    registration: dict[str, Any]
    happenings: list[Happening] = field(default_factory=list[Happening])
    ambush: tuple[int, Act] | None = None
    success_answered_at: datetime | None = None


def batch(seed: int, size: int) -> list[Drawn]:
    """Invoices with their histories; the same for the same seed."""
    rng = random.Random(seed)
    return [_draw(rng, f"INV-{seed}-{number}") for number in range(size)]


def _draw(rng: random.Random, invoice_id: str) -> Drawn:
    """An invoice that fails at least once, and whatever else comes to it."""
    drawn = Drawn(invoice_id=invoice_id, registration=registration(invoice_id))
    if rng.random() < _AMBUSHED:
        drawn.ambush = (rng.randint(1, 5), _success(rng, drawn))
    first = _failure(rng, invoice_id, 0)
    drawn.happenings.append(Happening(day=0, delay_s=0, act=first))
    for act in _others(rng, drawn):
        day, delay_s = rng.choice(_DAYS), rng.choice((0, 0, 0.02, 0.05, 0.1, 0.2))
        drawn.happenings.append(Happening(day=day, delay_s=delay_s, act=act))
    return drawn


def customer(invoice_id: str) -> str:
    """Who owes it: every third invoice is a further one of the customer before."""
    name, _, number = invoice_id.rpartition("-")
    return f"{name}-{int(number) - (int(number) % 3 == 1)}"


def registration(invoice_id: str) -> dict[str, Any]:
    """What the merchant registers; every customer has a number of their own."""
    owner = customer(invoice_id)
    number = sum(ord(c) * 31**i for i, c in enumerate(owner)) % 10_000_000
    return {
        "amount_due": PRICE,
        "currency": "USD",
        "billing_period": "month",
        "payment_method_token": f"pm_{invoice_id}",
        "payment_url": "https://shop.example/pay",
        "customer": {
            "id": f"cus_{owner}",
            "email": f"{owner.lower()}@example.com",
            "phone": f"+4915{number:08d}",
            "timezone": "Europe/Berlin",
            "sms_consent_at": "2026-01-05T10:00:00Z",
        },
        "revtain": {"transaction_ids": [f"{invoice_id}-t1", f"{invoice_id}-t2"]},
    }


def _others(rng: random.Random, drawn: Drawn) -> list[Act]:
    acts: list[Act] = []
    invoice_id = drawn.invoice_id
    acts += [_failure(rng, invoice_id, n % 2) for n in range(rng.randrange(3))]
    if rng.random() < 0.5:
        acts += [_success(rng, drawn) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.15:
        acts.append(_new_card(f"pm_{invoice_id}"))
    if rng.random() < 0.1:
        acts.append(_posted(f"/v1/invoices/{invoice_id}/{rng.choice(('paid', 'void'))}", {}))
    for order, body in rng.sample(_ORDERS, rng.choice((0, 0, 1, 2))):
        acts.append(_posted(f"/v1/cases/{invoice_id}/{order}", body))
    return acts


def _new_card(old: str) -> Act:
    return _event(
        "card.updated", None, oldPaymentMethodToken=old, newPaymentMethodToken=f"{old}_new"
    )


def _failure(rng: random.Random, invoice_id: str, transaction: int) -> Act:
    name = "recovery.blocked" if rng.random() < 0.03 else "recovery.failed"
    return _event(
        name,
        f"{invoice_id}-t{transaction + 1}",
        repeat=rng.randint(1, 3),
        lost=rng.random() < _LOST,
        recommendedAction=rng.choice(_ACTIONS),
        declineCode=rng.choice(_CODES),
    )


def _event(
    name: str,
    transaction_id: str | None,
    *,
    repeat: int = 1,
    lost: bool = False,
    **fields: JsonValue,
) -> Callable[[Stage], Awaitable[list[Delivery]]]:
    body: dict[str, JsonValue] = {"event": name, **fields}
    if transaction_id is not None:
        body["revtainTransactionId"] = transaction_id

    async def act(stage: Stage) -> list[Delivery]:
        revtain = stage.sandbox.revtain
        if lost:
            # Nobody answers the first attempt, nor whatever else is sent at this moment.
            revtain.send_to(_NOBODY)
        fired = await revtain.fire(body, repeat=repeat)
        revtain.send_to(f"{stage.url}/webhooks/revtain")
        return fired

    return act


def _success(rng: random.Random, drawn: Drawn) -> Act:
    tell = _event(
        "recovery.success",
        f"{drawn.invoice_id}-t{rng.randint(1, 2)}",
        lost=rng.random() < _LOST,
        amount=PRICE,
        currency="USD",
    )

    async def act(stage: Stage) -> None:
        fired = await tell(stage)
        while all(delivery.state is not DeliveryState.ACCEPTED for delivery in fired):
            await asyncio.sleep(0.005)
        answered_at = datetime.now(UTC)  # the database's clock, which runs on this machine
        drawn.success_answered_at = min(drawn.success_answered_at or answered_at, answered_at)

    return act


def _posted(path: str, body: dict[str, object]) -> Act:
    async def act(stage: Stage) -> None:
        await stage.call("POST", path, body)

    return act


async def play(stage: Stage, seed: int, batch: list[Drawn]) -> None:
    """Play a batch of histories in lockstep, under faults, to their end."""
    for vendor in (Vendor.SENDGRID, Vendor.TWILIO):
        stage.sandbox.faults.plan(vendor, *FAULTS, mode=FaultMode.RANDOM, seed=seed)
    await asyncio.gather(*(stage.register(d.invoice_id, **d.registration) for d in batch))
    start = stage.now
    for day in sorted(set(_DAYS)):
        today = [h for d in batch for h in d.happenings if h.day == day]
        # The day's messages leave while the day's events arrive.
        await asyncio.gather(
            stage.advance_to(start + timedelta(days=day, hours=3)),
            *(_later(stage, h) for h in today),
        )
        await stage.sandbox.revtain.settled()
        await stage.settle()
    await stage.advance_to(start + timedelta(days=30))


async def _later(stage: Stage, happening: Happening) -> None:
    await asyncio.sleep(happening.delay_s)
    await happening.act(stage)
