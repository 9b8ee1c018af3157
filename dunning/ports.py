"""Which roles must the outside world fill for a case to run?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from dunning.inbound import InboundEvent


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
