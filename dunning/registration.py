"""What may a merchant say of an invoice, and is it well formed?

A field that is present overwrites, one that is absent stays as it is, null clears it. Pydantic's
`model_fields_set` tells present from absent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from dunning.consent import LONGEST_PROOF
from dunning.currencies import CURRENCIES
from dunning.directory import BillingPeriod, InvoiceStatus
from dunning.web_address import usable

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_ID = 200
_FOLDERS = (".", "..")
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_EMAIL = re.compile(r"[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+\.[^@\s<>,;:\"\\]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_VISIBLE = r"^[!-~]+$"
LARGEST_AMOUNT = 10**12
_MOST_DEVICES = 50


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def read_instant(value: object) -> datetime:
    """An RFC 3339 instant as UTC; else a `ValueError` that says so."""
    if isinstance(value, datetime):
        return _utc(value)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError('must be an RFC 3339 instant with a zone, such as "2026-11-20T00:00:00Z"')
    return _utc(datetime.fromisoformat(value.upper()))


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError('must have a zone, such as "Z" or "+01:00"')
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a year that UTC can express") from None


def check_email(value: str) -> str:
    """The address itself, if it is an email address; else a `ValueError` that says so."""
    if not _EMAIL.fullmatch(value):
        raise ValueError('must be an email address, such as "ada@example.com"')
    return value


def check_phone(value: str) -> str:
    """The number itself, if it is one in E.164; else a `ValueError` that says so."""
    if not _PHONE.fullmatch(value):
        raise ValueError('must be an E.164 number, such as "+12125550123"')
    return value


def check_currency(value: str) -> str:
    """The code itself, if money is owed in that currency; else a `ValueError` that says so."""
    if value not in CURRENCIES:
        raise ValueError('must be an ISO 4217 code of three capitals, such as "USD"')
    return value


def _country(value: str) -> str:
    if not _COUNTRY.fullmatch(value):
        raise ValueError('must be an ISO 3166 code of two capitals, such as "US"')
    return value


def _locale(value: str) -> str:
    if not _LOCALE.fullmatch(value):
        raise ValueError('must be a language tag, such as "en-US"')
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be an IANA time zone, such as "America/New_York"') from None
    return value


def _web_address(value: str) -> str:
    if not usable(value):
        raise ValueError(
            'must be a web address that begins with "https://" or "http://", without a password'
        )
    return value


def _never_null(value: object) -> object:
    if value is None:
        raise ValueError("cannot be null: leave the field out to keep what is known")
    return value


_Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
_Prose = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_printable)]
_Proof = Annotated[str, StringConstraints(max_length=LONGEST_PROOF), AfterValidator(_printable)]
_Address = Annotated[
    str,
    StringConstraints(max_length=2000),
    AfterValidator(_printable),
    AfterValidator(_web_address),
]
_Instant = Annotated[datetime, BeforeValidator(read_instant)]
_PushToken = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=_VISIBLE)]
_PushTokens = Annotated[tuple[_PushToken, ...], Field(strict=False, max_length=_MOST_DEVICES)]
_Lines = Annotated[tuple[_Line, ...], Field(strict=False, max_length=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CustomerRegistration(_Strict):
    """Who owes the invoice. Without an id it is the invoice's present customer."""

    id: _Line | None = None
    name: _Line | None = None
    email: Annotated[_Line, AfterValidator(check_email)] | None = None
    phone: Annotated[str, AfterValidator(check_phone)] | None = None
    locale: Annotated[_Line, AfterValidator(_locale)] | None = None
    timezone: Annotated[_Line, AfterValidator(_timezone)] | None = None
    country: Annotated[str, AfterValidator(_country)] | None = None
    sms_consent_at: _Instant | None = None
    sms_consent_proof: _Proof | None = None
    tags: _Lines | None = None
    value_tier: _Line | None = None
    push_tokens: _PushTokens | None = None

    _required = field_validator("id", mode="before")(_never_null)


class RevtainRegistration(_Strict):
    """By which references Revtain's events will mention the invoice. They only grow."""

    transaction_ids: _Lines = ()
    idempotency_keys: _Lines = ()


class InvoiceRegistration(_Strict):
    """One invoice as the merchant puts it. A new one needs amount, currency and customer id."""

    amount_due: Annotated[int, Field(ge=0, le=LARGEST_AMOUNT)] | None = None
    currency: Annotated[str, AfterValidator(check_currency)] | None = None
    status: Annotated[InvoiceStatus, Field(strict=False)] | None = None
    description: _Prose | None = None
    due_at: _Instant | None = None
    billing_period: Annotated[BillingPeriod, Field(strict=False)] | None = None
    next_invoice_at: _Instant | None = None
    plan: _Line | None = None
    payment_url: _Address | None = None
    payment_method_token: _Line | None = None
    customer: CustomerRegistration | None = None
    revtain: RevtainRegistration | None = None

    _required = field_validator(
        "amount_due", "currency", "status", "customer", "revtain", mode="before"
    )(_never_null)


def check_invoice_id(value: str) -> str:
    """The id itself, if it is 1 to 200 printable characters; else a `ValueError` that says so."""
    if value in _FOLDERS:
        raise ValueError('An invoice id is not "." or "..", which browsers drop from a path.')
    if not 1 <= len(value) <= _LONGEST_ID or _UNSTORABLE.search(value):
        raise ValueError("An invoice id is 1 to 200 characters without control characters.")
    return value
