"""What does a merchant hand over for recovery, and what does its failure ask of us?"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum

from dunning.advice import AUTHENTICATION_REQUIRED, Advice, DeclineClass, class_of
from dunning.inbound import InboundKind

_LONGEST_KEY = 128
_KEY = re.compile(rf"[!-~]{{1,{_LONGEST_KEY}}}")
_CODE = re.compile(r"[ -~]{1,100}")
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,80}")


class Gateway(StrEnum):
    """Whose decline codes the recovery service's dictionary explains."""

    STRIPE = "stripe"
    BRAINTREE = "braintree"
    ADYEN = "adyen"
    CHECKOUT = "checkout"
    AUTHNET = "authnet"
    DLOCAL = "dlocal"
    WORLDPAY = "worldpay"
    RAZORPAY = "razorpay"
    PAYSTACK = "paystack"


class HandoverStatus(StrEnum):
    """What has come of it. `scheduled`: not tried yet, or being tried at this moment."""

    SCHEDULED = "scheduled"
    RECOVERED = "recovered"
    FAILED = "failed"
    BLOCKED = "blocked"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    REFUSED = "refused"

    @property
    def open(self) -> bool:
        """Whether the last word is still to come."""
        return self in (HandoverStatus.SCHEDULED, HandoverStatus.QUEUED, HandoverStatus.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A failed payment of an invoice. Prefix and tokens are personal: never logged.

    `key` is the merchant's own name of the attempt; without one it gets a name of ours.
    """

    decline_code: str | None = None
    gateway: Gateway | None = None
    key: str | None = None
    card_country: str | None = None
    card_prefix: str | None = field(default=None, repr=False)
    fallback_tokens: tuple[str, ...] = field(default=(), repr=False)
    simulate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of the recovery service, as it would have sent it. The same is the same bytes."""

    name: str
    body: bytes


def check_key(value: str) -> str:
    """The key itself, if it can name an attempt; else a `ValueError` that says so."""
    if not _KEY.fullmatch(value):
        raise ValueError(f"must be 1 to {_LONGEST_KEY} visible characters of ASCII")
    return value


def check_code(value: str) -> str:
    """The code itself, if it can be a decline code; else a `ValueError` that says so."""
    if not _CODE.fullmatch(value):
        raise ValueError("must be 1 to 100 printable characters of ASCII")
    return value


# The six kinds of the recovery service's dictionary; `unknown` says nothing.
_CATEGORIES = {
    "hard": Advice.REQUEST_CARD_UPDATE,
    "soft": Advice.RETRY_LATER,
    "technical": Advice.RETRY_LATER,
    "fraud": Advice.BLOCKED,
    "auth_required": Advice.AUTHENTICATE,
}
_CLASSES = {
    DeclineClass.HARD: Advice.REQUEST_CARD_UPDATE,
    DeclineClass.EXPIRED: Advice.REQUEST_CARD_UPDATE,
    DeclineClass.SOFT: Advice.RETRY_LATER,
    DeclineClass.INSUFFICIENT_FUNDS: Advice.RETRY_LATER,
    DeclineClass.FRAUD: Advice.BLOCKED,
    DeclineClass.AUTHENTICATION: Advice.AUTHENTICATE,
}


def advised(category: str | None, decline_code: str | None) -> Advice | None:
    """What a decline asks of us that came without an action; None when nothing tells.

    `category` is that of the dictionary, if it was asked and knew the code.
    """
    return _CATEGORIES.get(category or "") or _CLASSES.get(class_of(decline_code))


def told(advice: Advice, *, key: str, transaction_id: str | None, decline_code: str | None) -> Told:
    """The event by which the recovery service would have told a decline."""
    blocked = advice is Advice.BLOCKED
    kind = InboundKind.BLOCKED if blocked else InboundKind.FAILED
    said: dict[str, str | None] = {
        "event": kind.value,
        "revtainTransactionId": transaction_id,
        "idempotencyKey": key,
        "declineCode": decline_code,
    }
    if advice is Advice.AUTHENTICATE:
        said["declineCode"] = AUTHENTICATION_REQUIRED
    elif not blocked:
        said["recommendedAction"] = advice.value
    given = {name: value for name, value in said.items() if value is not None}
    return Told(name=kind.value, body=json.dumps(given, separators=(",", ":")).encode())


def key_of(invoice_id: str, number: int) -> str:
    """Our name of the attempt that is the `number`th of its invoice."""
    plain = _PLAIN.fullmatch(invoice_id)
    name = invoice_id if plain else hashlib.sha256(invoice_id.encode()).hexdigest()
    return f"dunning:{name}:recovery:{number}"
