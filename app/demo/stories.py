"""Which ten-odd invoices are played, and what happens to each of them, when?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.demo.stage import Stage

CONSENT = "2026-01-05T10:00:00Z"
_NIGHT_ZONES = {
    "Pacific/Auckland": "+64211234567",
    "Asia/Tokyo": "+819012345678",
    "Asia/Kolkata": "+919812345678",
    "Europe/Berlin": "+4915112345678",
    "America/Sao_Paulo": "+5511961234567",
    "America/Los_Angeles": "+13105550123",
    "Pacific/Honolulu": "+18085550123",
}
_NIGHT = range(22, 30)
_TEXT_AFTER = timedelta(days=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happens outside at one time after the start."""

    after: timedelta
    act: Callable[[Stage], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One invoice and what the world does to it."""

    invoice_id: str
    title: str
    invoice: Mapping[str, Any]
    moments: tuple[Moment, ...] = field(default=())
    late: bool = False


def _customer(name: str, zone: str, phone: str | None = None, **more: object) -> dict[str, Any]:
    customer: dict[str, Any] = {
        "id": f"cus_{name.lower()}",
        "name": name,
        "email": f"{name.lower()}@example.com",
        "timezone": zone,
        "locale": "en-US",
        **more,
    }
    if phone is not None:
        customer |= {"phone": phone, "sms_consent_at": CONSENT}
    return customer


def _invoice(number: int, customer: Mapping[str, Any], **more: object) -> dict[str, Any]:
    return {
        "amount_due": 4900,
        "currency": "USD",
        "description": "Pro plan, November",
        "billing_period": "month",
        "payment_url": f"https://shop.example/pay/INV-{number}",
        "payment_method_token": f"pm_old_{number}",
        "customer": customer,
        "revtain": {"transaction_ids": [f"txn_{number}"]},
        **more,
    }


def _at(act: Callable[[Stage], Awaitable[object]], **after: float) -> Moment:
    return Moment(after=timedelta(**after), act=act)


def _failed(
    number: int, action: str | None, code: str | None, event: str = "recovery.failed"
) -> Moment:
    async def act(stage: Stage) -> None:
        await stage.fire(
            event,
            f"txn_{number}",
            amount=4900,
            currency="USD",
            declineCode=code,
            recommendedAction=action,
        )

    return _at(act)


def _succeeded(number: int, amount: int = 4900, currency: str = "USD", **after: float) -> Moment:
    async def act(stage: Stage) -> None:
        await stage.fire("recovery.success", f"txn_{number}", amount=amount, currency=currency)

    return _at(act, **after)


def _called(path: str, body: Mapping[str, object] | None = None, **after: float) -> Moment:
    async def act(stage: Stage) -> None:
        await stage.call("POST", path, body)
        await stage.settle()

    return _at(act, **after)


def _ordered(invoice_id: str, order: str, after: timedelta, **fields: object) -> Moment:
    async def act(stage: Stage) -> None:
        await stage.order(invoice_id, order, **fields)
        await stage.settle()

    return Moment(after=after, act=act)


def _days(days: float) -> timedelta:
    return timedelta(days=days)


def stories(start: datetime) -> tuple[Story, ...]:
    """All stories of a demo that begins at `start` (UTC)."""
    night_zone, night_phone = _asleep_at(start + _TEXT_AFTER)
    new_york = "America/New_York"
    return (
        Story(
            invoice_id="INV-1001",
            title="pays after the second email",
            invoice=_invoice(1001, _customer("Ada", new_york, "+12125550123")),
            moments=(
                _failed(1001, "request_card_update", "do_not_honor"),
                _forged(1001),
                _succeeded(1001, days=5),
            ),
        ),
        Story(
            invoice_id="INV-1002",
            title="pays before the first message",
            invoice=_invoice(1002, _customer("Ben", "Europe/London")),
            moments=(
                _failed(1002, "request_card_update", "card_declined"),
                _succeeded(1002, hours=1),
            ),
        ),
        Story(
            invoice_id="INV-1003",
            title="expired card; a new one is charged by the merchant",
            invoice=_invoice(1003, _customer("Chloe", "Europe/Paris")),
            moments=(
                _failed(1003, "request_card_update", "expired_card"),
                _called(
                    "/v1/invoices/INV-1003/card", {"payment_method_token": "pm_new_1003"}, days=3
                ),
                _succeeded(1003, days=3, hours=4),
            ),
        ),
        Story(
            invoice_id="INV-1004",
            title="yen, Tokyo; pays elsewhere",
            invoice=_invoice(
                1004,
                _customer("Daichi", "Asia/Tokyo", "+819012345678"),
                amount_due=2500,
                currency="JPY",
            ),
            moments=(
                _failed(1004, "request_card_update", "insufficient_funds"),
                _called("/v1/invoices/INV-1004/paid", days=10),
            ),
        ),
        Story(
            invoice_id="INV-1005",
            title="retry later; Revtain's retry recovers it",
            invoice=_invoice(1005, _customer("Elif", "Europe/Istanbul")),
            moments=(
                _failed(1005, "retry_later", "try_again_later"),
                _succeeded(1005, days=12),
            ),
        ),
        Story(
            invoice_id="INV-1006",
            title="retry later; nothing comes, a person decides",
            invoice=_invoice(1006, _customer("Femi", "Africa/Lagos")),
            moments=(
                _failed(1006, "retry_later", "do_not_honor"),
                _ordered(
                    "INV-1006", "decide", _days(46), decision="hand_over", note="to collections"
                ),
            ),
        ),
        Story(
            invoice_id="INV-1007",
            title="blocked as fraudulent; nobody decides",
            invoice=_invoice(1007, _customer("Gil", "America/Chicago")),
            moments=(_failed(1007, "manual_review", "fraudulent", event="recovery.blocked"),),
        ),
        Story(
            invoice_id="INV-1008",
            title="the bank wants confirmation",
            invoice=_invoice(1008, _customer("Hana", "Europe/Prague")),
            moments=(
                _failed(1008, None, "authentication_required", event="recovery.blocked"),
                _succeeded(1008, days=2),
            ),
        ),
        Story(
            invoice_id="INV-1009",
            title="manual review; the operator lets it go on",
            invoice=_invoice(1009, _customer("Ines", "America/Sao_Paulo")),
            moments=(
                _failed(1009, "manual_review", "call_issuer"),
                _ordered("INV-1009", "decide", _days(1), decision="resume", note="known customer"),
                _succeeded(1009, days=8),
            ),
        ),
        Story(
            invoice_id="INV-1010",
            title="success before failure, everything three times",
            invoice=_invoice(1010, _customer("Jun", "Asia/Seoul")),
            moments=(_scrambled(1010),),
        ),
        Story(
            invoice_id="INV-1011",
            title="event before the invoice; silence to the end",
            invoice=_invoice(1011, _customer("Kofi", "Africa/Accra", "+233241234567")),
            moments=(
                _failed(1011, "request_card_update", "card_declined"),
                _registered_late(1011),
            ),
            late=True,
        ),
        Story(
            invoice_id="INV-1012",
            title="the text falls into the night",
            invoice=_invoice(1012, _customer("Lea", night_zone, night_phone)),
            moments=(
                _failed(1012, "request_card_update", "card_declined"),
                _succeeded(1012, days=8),
            ),
        ),
        Story(
            invoice_id="INV-1013",
            title="paused for a fortnight, then resumed",
            invoice=_invoice(1013, _customer("Milo", "America/Denver", sms_consent_at=None)),
            moments=(
                _failed(1013, "request_card_update", "insufficient_funds"),
                _ordered("INV-1013", "pause", _days(1), note="asked for time"),
                _ordered("INV-1013", "resume", _days(15)),
                _succeeded(1013, days=18),
            ),
        ),
        Story(
            invoice_id="INV-1014",
            title="another amount arrives; the operator settles it",
            invoice=_invoice(1014, _customer("Nora", "Europe/Oslo")),
            moments=(
                _failed(1014, "request_card_update", "card_declined"),
                _succeeded(1014, amount=4500, days=2),
                _ordered("INV-1014", "decide", _days(3), decision="mark_paid", note="discount"),
            ),
        ),
    )


def _asleep_at(instant: datetime) -> tuple[str, str]:
    """A zone, with a number of it, in which a text at this instant would ring in the night."""
    for zone, phone in _NIGHT_ZONES.items():
        local = instant.astimezone(ZoneInfo(zone))
        if local.hour in _NIGHT or local.hour + 24 in _NIGHT:
            return zone, phone
    return next(iter(_NIGHT_ZONES.items()))


def _forged(number: int) -> Moment:
    async def act(stage: Stage) -> None:
        event = {"event": "recovery.success", "revtainTransactionId": f"txn_{number}"}
        await stage.sandbox.revtain.fire(event, forge=True)

    return _at(act, hours=3)


def _scrambled(number: int) -> Moment:
    async def act(stage: Stage) -> None:
        revtain, transaction = stage.sandbox.revtain, f"txn_{number}"
        failed = {
            "event": "recovery.failed",
            "revtainTransactionId": transaction,
            "recommendedAction": "request_card_update",
        }
        success = {"event": "recovery.success", "revtainTransactionId": transaction}
        await revtain.fire(success, repeat=3)
        await revtain.fire(failed, repeat=3)
        await stage.settle()

    return _at(act)


def _registered_late(number: int) -> Moment:
    async def act(stage: Stage) -> None:
        story = next(s for s in stories(stage.now) if s.invoice_id == f"INV-{number}")
        await stage.register(story.invoice_id, **story.invoice)
        await stage.settle()

    return _at(act, seconds=30)
