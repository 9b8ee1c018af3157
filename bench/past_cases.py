"""Which past cases are rehearsed? Generated ones, the same at every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dunning.advice import Advice
from dunning.directory import BillingPeriod, Contact, Invoice, InvoiceStatus
from dunning.money import Money
from dunning.states import Cause, Outcome
from store.past_cases import Ending, PastCase

UNTIL = datetime(2026, 10, 1, tzinfo=UTC)
_DAYS = 90
_PAID_OF_TEN = 6
_START = UNTIL - timedelta(days=_DAYS)
_CONSENT = datetime(2026, 1, 1, tzinfo=UTC)
# Phone, country, zone, locale: known zones and zones that follow from the number alone.
_PEOPLE = (
    ("+12125550{:03}", "US", None, "en-US"),
    ("+13055550{:03}", None, None, "en-US"),
    ("+12145550{:03}", "US", "America/Chicago", "en-US"),
    ("+49151234567{:02}", "DE", None, "de"),
    ("+336123456{:02}", "FR", "Europe/Paris", "fr"),
    ("+447911123{:03}", None, None, "en"),
    (None, "JP", None, "ja"),
    (None, None, None, None),
)
_PERIODS = (*(BillingPeriod.MONTH,) * 5, BillingPeriod.YEAR, BillingPeriod.WEEK, None)
_CODES = ("insufficient_funds", "expired_card", "do_not_honor", None, "insufficient_funds")
_ADVICE = (*(Advice.REQUEST_CARD_UPDATE,) * 8, Advice.AUTHENTICATE, Advice.MONITOR)


def past_cases(count: int) -> list[PastCase]:
    """So many of them over 90 days; every eighth customer has two, and six of ten were paid."""
    return [_case(number) for number in range(count)]


def _case(number: int) -> PastCase:
    opened_at = _START + timedelta(days=_DAYS) * _share(number, 7919)
    paid_at = opened_at + timedelta(days=30) * _share(number, 104_729)
    paid = number % 10 < _PAID_OF_TEN
    return PastCase(
        invoice=_invoice(number),
        cycle=1,
        advice=_ADVICE[number * 7 % len(_ADVICE)],
        decline_code=_CODES[number * 3 % len(_CODES)],
        opened_at=opened_at,
        ended=Ending(at=paid_at, outcome=Outcome.RECOVERED, cause=Cause.REVTAIN_RETRY)
        if paid and paid_at < UNTIL
        else None,
    )


def _invoice(number: int) -> Invoice:
    return Invoice(
        id=f"INV-{number}",
        amount=Money(minor=900 + number % 500 * 100, currency="USD"),
        status=InvoiceStatus.OPEN,
        contact=_contact(number - 1 if number % 8 == 1 else number),
        billing_period=_PERIODS[number * 5 % len(_PERIODS)],
    )


def _contact(number: int) -> Contact:
    phone, country, zone, locale = _PEOPLE[number * 11 // 8 % len(_PEOPLE)]
    return Contact(
        customer_id=f"cus_{number}",
        email=f"customer{number}@example.com",
        phone=phone and phone.format(number % 100),
        country=country,
        timezone=zone,
        locale=locale,
        sms_consent_at=_CONSENT if number % 3 else None,
        tags=("business",) if number % 9 == 0 else (),
    )


def _share(number: int, step: int) -> float:
    return number * step % 100_003 / 100_003
