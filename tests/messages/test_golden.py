"""What does every template of the package say, word for word?"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.money import Money
from messages.render import RenderedEmail, Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.messages.conftest import BuildNotice

GOLDEN = Path(__file__).parent / "golden"
PACKAGE = Renderer().templates()
LOCALES = sorted(PACKAGE[Channel.EMAIL])
EMAILS = sorted(PACKAGE[Channel.EMAIL]["en"])


def check(name: str, content: str) -> None:
    path = GOLDEN / name
    recorded = path.read_text(encoding="utf-8") if path.exists() else None
    if os.environ.get("GOLDEN") == "write":
        path.write_text(content, encoding="utf-8")
    assert recorded == content


def in_words(title: str, email: RenderedEmail) -> str:
    return f"## {title}\nSubject: {email.subject}\nPreheader: {email.preheader}\n\n{email.text}"


def everything(locale: str, renderer: Renderer, notice: BuildNotice) -> Iterator[str]:
    for name in sorted(PACKAGE[Channel.EMAIL][locale]):
        yield in_words(f"{name}, email", renderer.email(notice(name, locale=locale)))
    for name in sorted(PACKAGE[Channel.SMS][locale]):
        yield f"## {name}, text\n{renderer.text(notice(name, locale=locale)).body}\n"
    for name in sorted(PACKAGE[Channel.PUSH][locale]):
        push = renderer.push(notice(name, locale=locale))
        yield f"## {name}, push\n{push.title}\n{push.body}\n"


@pytest.mark.parametrize("template", EMAILS)
def test_html(template: str, renderer: Renderer, notice: BuildNotice) -> None:
    check(f"{template}.html", renderer.email(notice(template)).html)


@pytest.mark.parametrize("locale", LOCALES)
def test_words(locale: str, renderer: Renderer, notice: BuildNotice) -> None:
    check(f"{locale}.txt", "\n".join(everything(locale, renderer, notice)))


def test_words_with_nothing_optional(renderer: Renderer, notice: BuildNotice) -> None:
    brand = replace(notice("reminder").brand, website=None, logo_url=None, postal_address=None)
    scarce = {
        "brand": brand,
        "amount": Money(minor=2500, currency="JPY"),
        "customer_name": None,
        "description": None,
        "last_day": None,
        "promised_day": None,
        "paused_until": None,
        "preferences_url": None,
    }
    emails = (in_words(name, renderer.email(notice(name, **scarce))) for name in EMAILS)
    check("scarce.txt", "\n".join(emails))


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{name}.html" for name in EMAILS} | {f"{locale}.txt" for locale in LOCALES}
    assert {path.name for path in GOLDEN.iterdir()} == expected | {"README.md", "scarce.txt"}
