"""What is a charge of a card, and what can come of asking the recovery service for it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from dunning.advice import Advice
from dunning.money import Money
from dunning.states import Cause


class Purpose(StrEnum):
    """Why a card is charged."""

    RECOVERY = "recovery"
    NEW_CARD = "new_card"
    RETRY = "retry"


class ChargeStatus(StrEnum):
    """What the recovery service makes of a charge.

    `queued`: it tries by itself later. `unknown`: the gateway's answer was ambiguous, so that the
    card must not be charged again. `collides`: nothing was tried, because the same card was charged
    with the same amount a moment ago.
    """

    RECOVERED = "recovered"
    FAILED = "failed"
    BLOCKED = "blocked"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    COLLIDES = "collides"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """One charge. The token and the address are personal: never logged, never in a history.

    `idempotency_key` names the attempt, at most 128 characters; `simulate` works in test mode only.
    """

    token: str = field(repr=False)
    money: Money
    idempotency_key: str
    decline_code: str | None = None
    customer_email: str | None = field(default=None, repr=False)
    card_country: str | None = None
    card_prefix: str | None = field(default=None, repr=False)
    fallback_tokens: tuple[str, ...] = field(default=(), repr=False)
    simulate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeAnswer:
    """What was answered. `transaction_id` is None where the service named none.

    With `earlier` it is what an attempt under the same key had come to before; `money` is then what
    was collected, if that is said.
    """

    status: ChargeStatus
    transaction_id: str | None = None
    decline_code: str | None = None
    recommended_action: str | None = None
    earlier: bool = False
    money: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedLink:
    """A page of the recovery service for one new card. It works once, until `expires_at` (UTC)."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineMeaning:
    """What the recovery service's dictionary says of a gateway's decline code."""

    gateway: str
    code: str
    canonical: str
    category: str
    plain_english: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """A charge that is wanted. The same `key` is the same charge, however often it is ordered.

    `card` is the digest of the card that is meant; None: the one that the invoice has now.
    """

    key: str
    invoice_id: str
    purpose: Purpose
    card: str | None = None
    decline_code: str | None = None
    card_country: str | None = None
    card_prefix: str | None = field(default=None, repr=False)
    fallback_tokens: tuple[str, ...] = field(default=(), repr=False)
    simulate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCharges:
    """How far the charges have come that a case asked for.

    `number` is that of the latest, which is `open` until it has a result, and waits for
    `not_before` when it was put off; `cards` were new when it was given out. `pending` when the
    recovery service tries by itself, under `transaction_id` if that is known. `refused` when it was
    not made, nor will be. Of `hushed` cards nobody is told that they failed.
    """

    number: int = 0
    open: bool = False
    cards: tuple[str, ...] = ()
    not_before: datetime | None = None
    pending: bool = False
    transaction_id: str | None = None
    refused: bool = False
    hushed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The money arrived; the store says so already, and by what it came.

    Without a transaction it came otherwise, and nothing was charged.
    """

    transaction_id: str | None
    card: str | None = None
    cause: Cause | None = None
    kind: Literal["collected"] = "collected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The charge failed for good or was blocked. `advice` is None while nobody says what to do."""

    transaction_id: str | None
    advice: Advice | None = None
    decline_code: str | None = None
    card: str | None = None
    kind: Literal["declined"] = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The service tries by itself, or does not know yet; it must not be charged again.

    `ambiguous`: the gateway's answer was, so that it may have been charged already.
    """

    transaction_id: str | None
    card: str | None = None
    ambiguous: bool = False
    kind: Literal["pending"] = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """Nothing was charged; order the same again at `until` (UTC)."""

    until: datetime
    reason: str
    kind: Literal["put_off"] = "put_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCharged:
    """Nothing was charged, nor will it be: a person must look. The reason is in our words.

    With `nothing_owed` nobody needs to look: there is no debt any more.
    """

    reason: str
    nothing_owed: bool = False
    kind: Literal["not_charged"] = "not_charged"


ChargeResult = Collected | Declined | Pending | PutOff | NotCharged
