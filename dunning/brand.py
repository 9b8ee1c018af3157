"""How does the merchant introduce itself? The `brand` of the policy, checked before any use."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from dunning.document import Document, refusal
from dunning.notice import Brand
from dunning.web_address import usable

_DEFAULT_COLOR = "#1f4fd8"


def _web_address(value: str) -> str:
    if not usable(value):
        raise refusal(f"`{value}` is not a web address. Write it in full: https://example.com.")
    return value


def _mail_address(value: str) -> str:
    name, at, domain = value.partition("@")
    if not (name and at and "." in domain) or any(c.isspace() for c in value):
        raise refusal(f"`{value}` is not an email address. Write one like billing@example.com.")
    return value


def _color(value: str) -> str:
    digits = value.removeprefix("#")
    if len(value) != len("#1f4fd8") or any(c not in "0123456789abcdef" for c in digits.lower()):
        raise refusal(f'`{value}` is not a color. Write it in quotes as six digits: "#1f4fd8".')
    return value


_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
_Web = Annotated[str, AfterValidator(_web_address)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]


class _BrandFields(Document):
    name: _Text
    support_email: MailAddress
    website: _Web | None = None
    logo_url: _Web | None = None
    color: Annotated[str, AfterValidator(_color)] = _DEFAULT_COLOR
    postal_address: _Text | None = None


def _read(value: object) -> Brand:
    if isinstance(value, Brand):
        return value
    return Brand(**dict(_BrandFields.model_validate(value)))


CheckedBrand = Annotated[Brand, BeforeValidator(_read)]
"""A brand whose colour and addresses are safe to put into a page."""
