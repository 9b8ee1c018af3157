"""Does the policy take only addresses that customers can be led to, and fill them in rightly?"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dunning.errors import PolicyError
from dunning.money import Money
from dunning.pay_page import Destination, PayPage, filled
from tests.rules.policies import policy

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"
TEMPLATE = (
    "https://shop.example/pay/{invoice}?a={amount}&c={currency}&until={expires}&s={signature}"
)


def read(**fields: Any) -> PayPage:
    return policy(pay_page=fields).pay_page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"destinations": []}, "destinations: is empty"),
        ({"destinations": ["payment_url", "payment_url"]}, "names a destination twice"),
        ({"destinations": ["portal"]}, "Write `hosted_link`, `payment_url` or `template`."),
        ({"destinations": ["template"]}, "template: is missing, though `destinations` names it."),
        ({"template": "http://shop.example/{invoice}"}, "is not encrypted"),
        ({"template": "ftp://shop.example/{invoice}"}, "is not encrypted"),
        ({"template": "https:///{invoice}"}, "is not encrypted"),
        ({"template": "https://[shop/{invoice}"}, "is not encrypted"),
        ({"template": "https://shop.example/{id}"}, "`{id}` is not a placeholder."),
        ({"template": "https://shop.example/{}"}, "`{}` is not a placeholder."),
        ({"template": "https://shop.example/{invoice"}, "a stray brace or a blank"),
        ({"template": "https://shop.example/ {invoice}"}, "a stray brace or a blank"),
        ({"template": "https://{invoice}.shop.example/"}, "a placeholder in its host"),
        ({"link_life": "0m"}, "link_life: must be longer than nothing"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(**fields)
    assert problem in str(refused.value)
    assert str(refused.value).startswith("pay_page.")


def test_without_a_word_the_button_leads_to_the_invoice_and_links_live_a_quarter() -> None:
    assert (read().destinations, read().link_life.days) == ((Destination.PAYMENT_URL,), 90)


def test_an_address_says_what_is_owed_until_when_and_proves_it() -> None:
    url = filled(
        TEMPLATE,
        invoice="a/b?c&d=ü.1",
        owed=Money(minor=4900, currency="USD"),
        now=NOW,
        secret=SECRET,
    )
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("shop.example", "/pay/a%2Fb%3Fc%26d%3D%C3%BC.1")
    expires = str(int(NOW.timestamp()) + 3600)
    signed = f"a/b?c&d=ü.1.4900.USD.{expires}"
    signature = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert parse_qs(parts.query) == {
        "a": ["4900"],
        "c": ["USD"],
        "until": [expires],
        "s": [signature],
    }


def test_this_machine_may_be_reached_in_the_clear() -> None:
    rules = read(destinations=["template"], template="http://127.0.0.1:8000/{invoice}")
    assert not rules.signed
    assert read(template=TEMPLATE).signed
