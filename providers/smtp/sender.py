"""How does one email go to an SMTP server, at most once?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.errors import ProviderRejectedError, Rejection
from dunning.ports import Accepted
from providers.smtp.dialogue import Dialogue
from providers.smtp.mime import UnwritableError, envelope
from providers.smtp.outcomes import BAD_RECIPIENT, UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dunning.ports import EmailMessage
    from providers.smtp.dialogue import Server
    from providers.smtp.mime import Envelope


class SmtpEmail:
    """An `EmailSender` for any server that takes submissions; one connection an email."""

    def __init__(self, server: Server, *, now: Callable[[], datetime]) -> None:
        if (server.username is None) != (server.password is None):
            raise ValueError("an SMTP user name needs a password, and a password a user name")
        self._server = server
        self._now = now

    async def probe(self) -> None:
        """Greet, encrypt and log in; raise a `ProviderError` when that fails."""
        await Dialogue(self._server).probe()

    async def send(self, message: EmailMessage) -> Accepted:
        """The Message-ID is the identifier. Raise a `ProviderError` unless the server took it."""
        written = _written(message, self._now())
        if isinstance(written, ProviderRejectedError):
            raise written
        await Dialogue(self._server).hand_over(written)
        return Accepted(provider_id=written.message_id)


def _written(message: EmailMessage, now: datetime) -> Envelope | ProviderRejectedError:
    try:
        return envelope(message, now=now)
    except UnwritableError as fault:
        rejection = Rejection.BAD_ADDRESS if fault.recipient else Rejection.INVALID
        reason = BAD_RECIPIENT if fault.recipient else UNWRITABLE
        return ProviderRejectedError(reason, rejection=rejection, code="MIME")
