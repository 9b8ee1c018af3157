"""With which values are templates shown before any customer gets them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from dunning.money import Money
from dunning.notice import ESSENTIAL, Brand, Line, Notice

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE_BRAND = Brand(
    name="Northwind Studio",
    support_email="billing@northwind.example",
    website="https://northwind.example",
    color="#1f4fd8",
    postal_address="18 Harbour Street, Portland, ME 04101, USA",
)
CURRENCIES = ("USD", "EUR", "JPY", "BRL")

_DAY = date(2026, 12, 3)
_PREFERENCES = "https://pay.northwind.example/u/eyJpIjoiSU5WLTIwNDEifQ.m2Rb9w.Zt4Kc0yH"
_LAST_DAYS = {"final_notice", "service_ending", "service_pausing"}
_PROMISES = {"promise_confirmed", "promise_broken"}


def example_notices(
    template: str,
    locale: str,
    brand: Brand = EXAMPLE_BRAND,
    currencies: Iterable[str] = CURRENCIES,
) -> tuple[Notice, ...]:
    """A notice for each currency: EUR has long values, JPY lacks every optional one."""
    full = Notice(
        template=template,
        locale=locale,
        brand=brand,
        amount=Money(minor=2500, currency="USD"),
        invoice_id="INV-2041",
        pay_url="https://pay.northwind.example/p/eyJpIjoiSU5WLTIwNDEifQ.aXkZ3w.q8Vb1kTn",
        customer_name="Ada Lovelace",
        description="Pro plan, November",
        last_day=_DAY if template in _LAST_DAYS else None,
        promised_day=_DAY if template in _PROMISES else None,
        paused_until=_DAY if template == "paused" else None,
        preferences_url=None if template in ESSENTIAL else _PREFERENCES,
    )
    return tuple(_with_others(_in_currency(full, currency)) for currency in currencies)


def _in_currency(full: Notice, currency: str) -> Notice:
    match currency:
        case "EUR":
            return _long(full)
        case "JPY":
            return _scarce(full)
        case _:
            return replace(full, amount=Money(minor=2500, currency=currency))


def _long(full: Notice) -> Notice:
    return replace(
        full,
        amount=Money(minor=123456789, currency="EUR"),
        invoice_id="2026-11-annual-renewal-0000004711-amendment-b",
        customer_name="Maximiliane-Alexandra von Hohenstein-Wittelsbach",
        description="Enterprise plan with 250 seats, priority support, data residency option",
    )


def _scarce(full: Notice) -> Notice:
    return replace(
        full,
        amount=Money(minor=2500, currency="JPY"),
        customer_name=None,
        description=None,
        last_day=None,
        promised_day=None,
        paused_until=None,
        preferences_url=None,
    )


def _with_others(notice: Notice) -> Notice:
    """Further invoices for the template that speaks of several; one is in another currency."""
    if notice.template != "several":
        return notice
    described = notice.description and f"{notice.description} (2)"
    second = Line(
        invoice_id="INV-2044",
        amount=notice.amount,
        pay_url=f"{notice.pay_url}-2",
        description=described,
    )
    abroad = "GBP" if notice.amount.currency == "EUR" else "EUR"
    third = Line(
        invoice_id="INV-2050",
        amount=Money(minor=1900, currency=abroad),
        pay_url=f"{notice.pay_url}-3",
    )
    others = (second,) if notice.description is None else (second, third)
    return replace(notice, others=others)
