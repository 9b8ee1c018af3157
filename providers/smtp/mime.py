"""How does one finished email look on the wire?"""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage as MimeMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.ports import EmailMessage

# Written by us alone, whatever the message's own headers say.
_OURS = frozenset(
    {"from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"}
)


class _Wire(EmailPolicy):
    """The library would encode an address that is too long for a line beyond recognition."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """A header of addresses stays on one line, whatever its length."""
        if name.lower() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_SMTP = _Wire(linesep="\r\n")
_SMTPUTF8 = _SMTP.clone(utf8=True)


class UnwritableError(Exception):
    """The email cannot be written as MIME. `recipient` says whether its address is at fault."""

    def __init__(self, *, recipient: bool) -> None:
        super().__init__("unwritable")
        self.recipient = recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What an SMTP dialogue needs. `international` asks for a server with SMTPUTF8."""

    sender: str
    recipient: str
    message_id: str
    content: bytes
    international: bool
    copies: tuple[str, ...] = ()


def envelope(message: EmailMessage, *, now: datetime) -> Envelope:
    """The same message has the same Message-ID however often it is written."""
    sender, recipient = _ascii_domain(message.sender), _ascii_domain(message.recipient)
    message_id = f"<{message.tags.message_id}@{sender.rpartition('@')[2]}>"
    international = not (sender + recipient + (message.reply_to or "")).isascii()
    to = _address(recipient, message.recipient_name, recipient=True)
    try:
        mime = _mime(message, sender, to)
        mime["Date"] = format_datetime(now)
        mime["Message-ID"] = message_id
        content = mime.as_bytes(policy=_SMTPUTF8 if international else _SMTP)
    except (ValueError, IndexError):
        # A header with a line break, above all; not chained, because the fault quotes it.
        raise UnwritableError(recipient=False) from None
    return Envelope(
        sender=sender,
        recipient=recipient,
        message_id=message_id,
        content=content,
        international=international,
        copies=tuple(_ascii_domain(copy) for copy in message.copies),
    )


def _mime(message: EmailMessage, sender: str, to: Address) -> MimeMessage:
    mime = MimeMessage(policy=_SMTP)
    mime["From"] = _address(sender, message.sender_name, recipient=False)
    mime["To"] = to
    if message.reply_to is not None:
        mime["Reply-To"] = _address(_ascii_domain(message.reply_to), None, recipient=False)
    mime["Subject"] = message.subject
    for name, value in message.headers.items():
        if name.lower() not in _OURS:
            mime[name] = value
    # Readers show the last form that they understand, so the plain text comes first.
    mime.set_content(message.text, charset="utf-8", cte="quoted-printable")
    mime.add_alternative(message.html, subtype="html", charset="utf-8", cte="quoted-printable")
    return mime


def _address(address: str, name: str | None, *, recipient: bool) -> Address:
    local, _, domain = address.rpartition("@")
    shown = name or ""
    try:
        if local.isascii():
            return Address(display_name=shown, addr_spec=address)
        # The library's own check knows no other letters.
        return Address(display_name=shown, username=local, domain=domain)
    except (ValueError, IndexError, MessageError):
        raise UnwritableError(recipient=recipient) from None


def _ascii_domain(address: str) -> str:
    """Names of hosts have a form in ASCII; what stands before the @ has none."""
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address
