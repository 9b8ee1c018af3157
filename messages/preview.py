"""What will customers see? Every template on every channel, written to a folder to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from dunning.channel import Channel
from dunning.money import Money
from dunning.notice import Brand, Notice

if TYPE_CHECKING:
    from pathlib import Path

    from messages.render import RenderedEmail, RenderedText, Renderer

EXAMPLE_BRAND = Brand(
    name="Northwind Studio",
    support_email="billing@northwind.example",
    website="https://northwind.example",
    color="#1f4fd8",
    postal_address="18 Harbour Street, Portland, ME 04101, USA",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One template filled with one set of example values; a form it lacks is None."""

    template: str
    title: str
    stem: str
    email: RenderedEmail | None
    text: RenderedText | None


def example_notices(
    template: str, locale: str, brand: Brand = EXAMPLE_BRAND
) -> tuple[Notice, Notice, Notice]:
    """A full notice, a scarce one (every optional value missing) and one with long values."""
    full = Notice(
        template=template,
        locale=locale,
        brand=brand,
        amount=Money(minor=2500, currency="USD"),
        invoice_id="INV-2041",
        pay_url="https://pay.northwind.example/p/eyJpIjoiSU5WLTIwNDEifQ.aXkZ3w.q8Vb1kTn",
        customer_name="Ada Lovelace",
        description="Pro plan, November",
        last_day=date(2026, 12, 3) if template == "final_notice" else None,
    )
    scarce = replace(
        full,
        amount=Money(minor=2500, currency="JPY"),
        customer_name=None,
        description=None,
        last_day=None,
    )
    long = replace(
        full,
        amount=Money(minor=123456789, currency="EUR"),
        invoice_id="2026-11-annual-renewal-0000004711-amendment-b",
        customer_name="Maximiliane-Alexandra von Hohenstein-Wittelsbach",
        description="Enterprise plan with 250 seats, priority support, data residency option",
    )
    return full, scarce, long


def write_preview(renderer: Renderer, folder: Path, brand: Brand = EXAMPLE_BRAND) -> Path:
    """Write all examples to the folder and return the page that shows them.

    A template that cannot be rendered raises `PolicyError`, as it would at the time of sending.
    """
    shown = _examples(renderer, brand)
    for example in shown:
        _write_email(example, folder)
    source = (files("messages") / "preview_page.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    index = folder / "index.html"
    folder.mkdir(parents=True, exist_ok=True)
    index.write_text(page.render(shown=shown), encoding="utf-8")
    return index


def _examples(renderer: Renderer, brand: Brand) -> list[Example]:
    templates = renderer.templates()
    emails, texts = templates[Channel.EMAIL], templates[Channel.SMS]
    return [
        _example(
            renderer,
            notice,
            email=name in emails[locale],
            text=name in texts[locale],
        )
        for locale in emails
        for name in sorted(emails[locale] | texts[locale])
        for notice in example_notices(name, locale, brand)
    ]


def _example(renderer: Renderer, notice: Notice, *, email: bool, text: bool) -> Example:
    currency = notice.amount.currency
    return Example(
        template=notice.template,
        title=f"{notice.locale}, {currency}",
        stem=f"{notice.locale}/{notice.template}-{currency.lower()}",
        email=renderer.email(notice) if email else None,
        text=renderer.text(notice) if text else None,
    )


def _write_email(example: Example, folder: Path) -> None:
    if example.email is None:
        return
    target = folder / example.stem
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_suffix(".html").write_text(example.email.html, encoding="utf-8")
    target.with_suffix(".txt").write_text(example.email.text, encoding="utf-8")
