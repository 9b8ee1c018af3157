"""Which notice and which renderer do the message tests start from?"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from dunning.money import Money
from dunning.notice import ESSENTIAL, Brand, Line, Notice
from messages.render import Renderer

if TYPE_CHECKING:
    from pathlib import Path


class BuildNotice(Protocol):
    def __call__(self, template: str, **changed: Any) -> Notice: ...


class WriteTemplates(Protocol):
    def __call__(self, **files: str) -> Path: ...


BRAND = Brand(
    name="Acme Analytics",
    support_email="billing@acme.example",
    website="https://acme.example",
    logo_url="https://acme.example/logo.png",
    postal_address="1 Main Street\nSpringfield, IL 62701\nUSA",
)
DAY = date(2026, 12, 3)
LAST_DAYS = {"final_notice", "service_ending", "service_pausing"}
PREFERENCES = "https://pay.acme.example/u/aXkZ3w.Zt4Kc0yH"
OTHERS = (
    Line(
        invoice_id="INV-2042",
        amount=Money(minor=1999, currency="USD"),
        pay_url="https://pay.acme.example/p/second",
        description="Storage",
    ),
    Line(
        invoice_id="INV-2043",
        amount=Money(minor=1000, currency="EUR"),
        pay_url="https://pay.acme.example/p/third",
    ),
)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture(scope="session")
def notice() -> BuildNotice:
    """A notice with every field set; keyword arguments change single fields."""

    def build(template: str, **changed: Any) -> Notice:
        fields: dict[str, Any] = {
            "template": template,
            "locale": "en",
            "brand": BRAND,
            "amount": Money(minor=2500, currency="USD"),
            "invoice_id": "INV-2041",
            "pay_url": "https://pay.acme.example/p/aXkZ3w.q8Vb1kTn",
            "customer_name": "Ada",
            "description": "Pro plan, November",
            "last_day": DAY if template in LAST_DAYS else None,
            "promised_day": DAY if template.startswith("promise_") else None,
            "paused_until": DAY if template == "paused" else None,
            "others": OTHERS if template == "several" else (),
            "preferences_url": None if template in ESSENTIAL else PREFERENCES,
        }
        return Notice(**{**fields, **changed})

    return build


@pytest.fixture
def write_templates(tmp_path: Path) -> WriteTemplates:
    """A merchant's template directory; `en__reminder__sms` is the file en/reminder.sms.jinja."""

    def write(**files: str) -> Path:
        for name, content in files.items():
            locale, template, kind = name.split("__")
            path = tmp_path / locale / f"{template}.{kind}.jinja"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path

    return write
