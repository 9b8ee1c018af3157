"""Where does the button of a customer's page lead, and for how long does the page answer?"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import quote, urlsplit

from annotated_types import MinLen
from pydantic import AfterValidator, model_validator

from dunning.document import Document, refusal, refusal_at
from dunning.duration import Span
from dunning.money import Money
from dunning.web_address import safe

SIGNATURE = "signature"
_KNOWN = ("invoice", "amount", "currency", "expires", SIGNATURE)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_VALID_FOR = timedelta(hours=1)


class Destination(StrEnum):
    """What the button leads to. Values are words of the policy.

    `hosted_link` is a page of the recovery service for a new card, made at the click;
    `payment_url` the address of the invoice; `template` an address of the merchant's, filled in.
    """

    HOSTED_LINK = "hosted_link"
    PAYMENT_URL = "payment_url"
    TEMPLATE = "template"


def _each_once(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    if len(set(destinations)) != len(destinations):
        raise refusal(
            "names a destination twice. Write each at most once, the preferred one first."
        )
    return destinations


def _template(url: str) -> str:
    for name in _PLACEHOLDER.findall(url):
        if name not in _KNOWN:
            known = ", ".join(f"{{{one}}}" for one in _KNOWN)
            raise refusal(f"`{{{name}}}` is not a placeholder. There are {known}.")
    plain = _PLACEHOLDER.sub("", url)
    if "{" in plain or "}" in plain or any(c.isspace() or not c.isprintable() for c in url):
        raise refusal("has a stray brace or a blank. Percent-encode it: %7B, %7D, %20.")
    if not safe(url):
        raise refusal(
            f"`{url}` is not encrypted. Write an https address in full, such as "
            "https://shop.example/pay/{invoice}; http only leads to this machine."
        )
    if "{" in urlsplit(url).netloc:
        raise refusal("has a placeholder in its host. Placeholders stand in the path or the query.")
    return url


class PayPage(Document):
    """What a customer's button leads to, in order of preference, and how long links live.

    `link_life` begins when the last case of the invoice closes.
    """

    destinations: Annotated[tuple[Destination, ...], MinLen(1), AfterValidator(_each_once)] = (
        Destination.PAYMENT_URL,
    )
    template: Annotated[str, AfterValidator(_template)] | None = None
    link_life: Span = timedelta(days=90)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if Destination.TEMPLATE in self.destinations and self.template is None:
            raise refusal_at(
                ["template"],
                "is missing, though `destinations` names it. Write the address to pay at, such as "
                "https://shop.example/pay/{invoice}.",
            )
        return self

    @property
    def signed(self) -> bool:
        """Whether addresses of the template carry a signature."""
        return self.template is not None and f"{{{SIGNATURE}}}" in self.template


def filled(template: str, *, invoice: str, owed: Money, now: datetime, secret: str | None) -> str:
    """The address at which an invoice is paid, good for an hour.

    The signature is HMAC-SHA256, in hex, of invoice, amount in minor units, currency and expiry
    (seconds since 1970), joined by dots; without a secret it stays empty.
    """
    expires = str(int((now + _VALID_FOR).timestamp()))
    told = (invoice, str(owed.minor), owed.currency, expires)
    values: dict[str, Any] = dict(zip(_KNOWN, told, strict=False))
    values[SIGNATURE] = _signed(".".join(told), secret) if secret else ""
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


def _signed(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
