"""How far did one SMTP dialogue come, and what ended it?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import SMTP

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from providers.smtp.outcomes import (
    BROKEN_OFF,
    LOST,
    MENDING,
    NO_TLS,
    NOT_FOR_THEM,
    NOT_REACHED,
    REFUSED_LOGIN,
    Reply,
    Stage,
    read_reply,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta
    from typing import Any

    from providers.smtp.mime import Envelope


class Tls(StrEnum):
    """How the connection is encrypted. `starttls` never goes on without."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


DEFAULT_PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where mail is handed over. `timeout` holds for reaching it, and again for its answer."""

    host: str
    port: int
    tls: Tls
    timeout: timedelta
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)


class Dialogue:
    """One connection, one email. Every ending becomes a `ProviderError`, raised without context."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stage = Stage.GREETING
        self._client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=False,
            timeout=server.timeout.total_seconds(),
            tls_context=server.trust,
            local_hostname=_our_name(),
        )

    async def probe(self) -> None:
        """Greet, encrypt and log in; raise a `ProviderError` when that fails."""
        try:
            ended = await self._ending(self._begin())
            await self._leave()
        finally:
            self._client.close()
        if ended is not None:
            raise ended

    async def hand_over(self, envelope: Envelope) -> None:
        """Return when the server took the email, else raise a `ProviderError`."""
        try:
            ended = await self._ending(self._offer(envelope))
            if ended is None:
                self._stage = Stage.CONTENT
                ended = await self._ending(self._content(envelope))
            await self._leave()
        finally:
            self._client.close()
        # Raised out here, so that nothing of the server's words hangs on it as its context.
        if ended is not None:
            raise ended

    async def _ending(self, steps: Coroutine[Any, Any, None]) -> ProviderError | None:
        """None when all steps went well."""
        try:
            async with asyncio.timeout(self._server.timeout.total_seconds()):
                await steps
        except ProviderError as known:
            return known
        except Exception as fault:  # noqa: BLE001 - whatever broke, the stage tells what it means
            return self._meaning(fault)
        return None

    def _meaning(self, fault: Exception) -> ProviderError:
        # Unreadable replies carry a code of -1.
        if isinstance(fault, aiosmtplib.SMTPResponseException) and fault.code > 0:
            return read_reply(Reply(code=fault.code, words=fault.message), self._stage)
        if self._stage is Stage.CONTENT:
            return OutcomeUnknownError(f"{LOST} ({type(fault).__name__})")
        if isinstance(fault, ssl.SSLError) or isinstance(fault.__cause__, ssl.SSLError):
            return ProviderMisconfiguredError(NO_TLS, retry_after=MENDING)
        if isinstance(fault, aiosmtplib.SMTPConnectError):
            return ProviderUnavailableError(NOT_REACHED)
        return ProviderUnavailableError(f"{BROKEN_OFF} ({type(fault).__name__})")

    async def _begin(self) -> None:
        await self._client.connect()
        await self._client.ehlo()
        if self._server.tls is Tls.STARTTLS:
            if not self._client.supports_extension("starttls"):
                raise ssl.SSLError("STARTTLS is not offered")
            await self._client.starttls(tls_context=self._server.trust)
            await self._client.ehlo()
        await self._log_in()

    async def _log_in(self) -> None:
        self._stage = Stage.LOGIN
        if self._server.username is None:
            return
        if not self._client.supports_extension("auth"):
            raise ProviderMisconfiguredError(
                f"{REFUSED_LOGIN} (it takes none over this connection)", retry_after=MENDING
            )
        await self._client.login(self._server.username, self._server.password or "")

    async def _offer(self, envelope: Envelope) -> None:
        await self._begin()
        encoding, options = "ascii", list[str]()
        if envelope.international:
            if not self._client.supports_extension("smtputf8"):
                raise ProviderRejectedError(
                    NOT_FOR_THEM, rejection=Rejection.NOT_PERMITTED, code="no SMTPUTF8"
                )
            encoding, options = "utf-8", ["SMTPUTF8", "BODY=8BITMIME"]
        self._stage = Stage.SENDER
        await self._client.mail(envelope.sender, options=options, encoding=encoding)
        self._stage = Stage.RECIPIENT
        await self._client.rcpt(envelope.recipient, encoding=encoding)
        for copy in envelope.copies:
            # The customer gets the email whether or not its copy finds its way.
            with contextlib.suppress(aiosmtplib.SMTPRecipientRefused):
                await self._client.rcpt(copy, encoding=encoding)

    async def _content(self, envelope: Envelope) -> None:
        await self._client.data(envelope.content)

    async def _leave(self) -> None:
        """The email's fate is settled: nothing that happens now changes it."""
        try:
            async with asyncio.timeout(1):
                if self._client.is_connected:
                    await self._client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            pass


def _our_name() -> str:
    """Asking for the full name could wait for a name server that does not answer."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"
