"""What does every template of the package say, word for word?"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.money import Money
from messages.render import Renderer

if TYPE_CHECKING:
    from tests.messages.conftest import BuildNotice

GOLDEN = Path(__file__).parent / "golden"
PACKAGE = Renderer().templates()
EMAILS = sorted(PACKAGE[Channel.EMAIL]["en"])
TEXTS = sorted(PACKAGE[Channel.SMS]["en"])


def check(contents: dict[str, str]) -> None:
    recorded = {name: read(GOLDEN / name) for name in contents}
    if os.environ.get("GOLDEN") == "write":
        for name, content in contents.items():
            (GOLDEN / name).write_text(content, encoding="utf-8")
    assert recorded == contents


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def test_the_package_has_the_promised_templates() -> None:
    assert EMAILS == [
        "authenticate",
        "card_declined",
        "card_expired",
        "card_update_failed",
        "final_notice",
        "insufficient_funds",
        "payment_received",
        "reminder",
    ]
    assert [name for name in EMAILS if name not in TEXTS] == ["payment_received"]
    assert list(PACKAGE[Channel.EMAIL]) == ["en"]


@pytest.mark.parametrize("template", EMAILS)
def test_email(template: str, renderer: Renderer, notice: BuildNotice) -> None:
    email = renderer.email(notice(template))
    seen_first = f"Subject: {email.subject}\nPreheader: {email.preheader}\n\n"
    check({f"{template}.txt": seen_first + email.text, f"{template}.html": email.html})


@pytest.mark.parametrize("template", EMAILS)
def test_email_with_nothing_optional(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    full = notice(template)
    brand = replace(full.brand, website=None, logo_url=None, postal_address=None)
    scarce = replace(
        full,
        brand=brand,
        amount=Money(minor=2500, currency="JPY"),
        customer_name=None,
        description=None,
        last_day=None,
    )
    check({f"{template}-scarce.txt": renderer.email(scarce).text})


@pytest.mark.parametrize("template", TEXTS)
def test_text_message(template: str, renderer: Renderer, notice: BuildNotice) -> None:
    check({f"{template}.sms.txt": renderer.text(notice(template)).body + "\n"})


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{name}{end}" for name in EMAILS for end in (".txt", ".html", "-scarce.txt")}
    expected |= {f"{name}.sms.txt" for name in TEXTS} | {"README.md"}
    assert {path.name for path in GOLDEN.iterdir()} == expected
