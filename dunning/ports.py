"""Which roles must the outside world fill for a case to run?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from dunning.charge import ChargeAnswer, ChargeRequest, DeclineMeaning, HostedLink
    from dunning.inbound import InboundEvent
    from dunning.lookup import Entry
    from dunning.money import Money
    from dunning.recovery import RecoveryAnswer


_SUCCESS, _REDIRECT = 200, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTags:
    """Our own identifiers that travel with a message. Never personal data."""

    message_id: str
    case_id: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailMessage:
    """A finished email. `copies` are addresses that get it too, unseen by the recipient."""

    sender: str
    sender_name: str
    recipient: str
    recipient_name: str | None
    reply_to: str | None
    subject: str
    text: str
    html: str
    tags: MessageTags
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """A finished text message. `valid_for` is how long a carrier may hold it."""

    recipient: str
    body: str
    valid_for: timedelta
    tags: MessageTags


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """A finished notification for one device; a tap on it opens the link."""

    token: str
    title: str
    body: str
    link: str
    valid_for: timedelta
    tags: MessageTags


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The vendor took the message under its own identifier. It may still not arrive."""

    provider_id: str


class Gate(Protocol):
    """Holds messages back while a vendor asks for a pause."""

    async def ready(self) -> None:
        """Return when it is open; raise `ProviderUnavailableError` when that takes too long."""
        ...


class EmailSender(Protocol):
    """Hands one email to the vendor, at most once."""

    async def send(self, message: EmailMessage) -> Accepted:
        """Raise a `ProviderError` when the vendor did not accept, or may not have."""
        ...


class TextSender(Protocol):
    """Hands one text message to the vendor, at most once."""

    async def send(self, message: TextMessage) -> Accepted:
        """Raise a `ProviderError` when the vendor did not accept, or may not have."""
        ...

    async def find(self, *, recipient: str, body_digest: str, since: datetime) -> Accepted | None:
        """Look for a message that an earlier, unanswered request may have created.

        `body_digest` is the hex SHA-256 of the UTF-8 body, `since` the instant (UTC) of that
        request. None means that the vendor lists no such message.
        """
        ...


class PushSender(Protocol):
    """Hands one notification for one device to the vendor, at most once."""

    async def send(self, message: PushMessage) -> Accepted:
        """Raise a `ProviderError` when the vendor did not accept, or may not have.

        A rejection as a bad address means that the token is dead and never comes back.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of posting one event: a status, or in our words why there is none."""

    status: int | None = None
    fault: str | None = None
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        """Whether the endpoint has the event now."""
        return self.status is not None and _SUCCESS <= self.status < _REDIRECT


class Receiver(Protocol):
    """An endpoint of the merchant's that events are posted to."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Post once; whatever breaks becomes the fault of the receipt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMessage:
    """What the merchant's own team is told. Never personal data of customers.

    `grave` asks for attention now, `good` for none at all.
    """

    title: str
    body: str
    grave: bool = False
    good: bool = False


class TeamTarget(Protocol):
    """One place where the team reads."""

    @property
    def name(self) -> str:
        """What it is called in lists and logs; never a secret."""
        ...

    async def tell(self, message: TeamMessage) -> bool:
        """Whether it was taken; never raises, and answers within half a minute."""
        ...


class InvoiceDirectory(Protocol):
    """Looks invoices up where the merchant keeps them."""

    async def invoice(self, invoice_id: str) -> Entry | None:
        """What is said of an invoice; None when it is not known there.

        `DirectoryError` when there is no answer, or none that can be used.
        """
        ...

    async def transaction(self, transaction_id: str) -> Entry | None:
        """The same of the invoice that a transaction of the recovery service is about."""
        ...

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        ...


class RecoverySource(Protocol):
    """The recovery service, as far as it can be asked. Raises a `ProviderError` if it cannot."""

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        """How a transaction stands; None when the service knows none of this id."""
        ...

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        """How the attempt that was made with a key stands; None when there was none."""
        ...


class Charger(Protocol):
    """Has the recovery service charge a card, at most once for each idempotency key."""

    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        """Ask for one charge.

        `ProviderUnavailableError`: it certainly was not taken; `ProviderRejectedError`: nor will it
        ever be as it stands; `OutcomeUnknownError`: ask `RecoverySource.by_key` before anything
        else.
        """
        ...


class HostedPages(Protocol):
    """Makes links to pages at which customers give a new card to the recovery service."""

    async def mint(self, token: str) -> HostedLink:
        """A fresh link to replace the card of that token; a `ProviderError` when there is none."""
        ...


class PaymentLog(Protocol):
    """Is told of payments that succeeded without any recovery."""

    async def succeeded(self, money: Money, reference: str | None = None) -> str:
        """The id under which it was logged; a `ProviderError` when it was not."""
        ...


class DeclineDictionary(Protocol):
    """Knows what the decline codes of gateways mean."""

    async def meaning(self, gateway: str, code: str) -> DeclineMeaning | None:
        """What a code means; None when the dictionary has none. Else a `ProviderError`."""
        ...


class CallLimit(Protocol):
    """How often a vendor may be called, counted over all processes."""

    async def take(self) -> timedelta:
        """Nought when a call may be made now and is counted, else how long to wait."""
        ...

    async def hold(self, duration: timedelta) -> None:
        """Let nobody call for so long, as the vendor asked."""
        ...

    async def turn(self, patience: timedelta) -> None:
        """Wait until a call may be made, and count it.

        `ProviderUnavailableError` when that would take longer than `patience`.
        """
        ...

    def calling(self, patience: timedelta) -> AbstractAsyncContextManager[None]:
        """Make one call inside, in turn; a pause that its answer asks for is kept by all."""
        ...


class InboundReader(Protocol):
    """Reads one vendor's webhook body, already verified, into what happened."""

    def read(self, body: bytes) -> InboundEvent:
        """Raise `UnreadableBodyError` when the body is not what the vendor promises."""
        ...


class SignatureCheck(Protocol):
    """Proves that raw bytes come from the vendor."""

    def verify(self, body: bytes, signature: str | None) -> None:
        """Raise `BadSignatureError` unless some accepted secret signed exactly these bytes."""
        ...
