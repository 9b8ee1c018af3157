"""What does a real SMTP server take from us, and what happens when it misbehaves on cue?"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
USER, PASSWORD = "billing", "secret-password"
DROP = "drop"
SILENCE = "silence"


@dataclass(slots=True)
class Script:
    """What the server answers at each stage instead of consent; `DROP` and `SILENCE` are acts."""

    mail: str | None = None
    rcpt: str | None = None
    data: str | None = None
    """After the whole content came."""
    begin: str | None = None
    """To the command DATA itself."""
    ehlo: str | None = None


@dataclass  # without slots: the library looks at all attributes, which fails with them on 3.11.2
class MailServer:
    """An aiosmtpd server in the running loop."""

    script: Script = field(default_factory=Script)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: bool = False
    utf8: bool = True
    envelopes: list[Envelope] = field(default_factory=list[Envelope])
    encrypted: list[bool] = field(default_factory=list[bool])
    logins: list[LoginPassword] = field(default_factory=list[LoginPassword])
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _server: Any = None
    _open: list[SMTP] = field(default_factory=list[SMTP])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        outer = self.tls if self.implicit else None
        self._server = await loop.create_server(self._protocol, HOST, 0, ssl=outer)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over.set()
        self._server.close()
        await self._server.wait_closed()
        for protocol in self._open:
            _abort(protocol)
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def _protocol(self) -> SMTP:
        starttls = self.tls if not self.implicit else None
        with warnings.catch_warnings():
            # That credentials may come in the clear is what some of these tests are about.
            warnings.simplefilter("ignore")
            protocol = _Scripted(
                self,
                hostname="mail.example",
                enable_SMTPUTF8=self.utf8,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=self._authenticate if self.login else None,
                auth_required=self.login,
                auth_require_tls=not self.login,
            )
        protocol.script = self.script
        self._open.append(protocol)
        return protocol

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append(data)
        good = data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    async def _act(self, server: SMTP, step: str | None, consent: str) -> str:
        match step:
            case None:
                return consent
            case "drop":
                _abort(server)
                await asyncio.sleep(0)
                return "421 gone"
            case "silence":
                await self.over.wait()
                return "421 gone"
            case reply:
                return reply

    async def handle_MAIL(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._act(server, self.script.mail, "250 OK")

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._act(server, self.script.rcpt, "250 OK")

    async def handle_DATA(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None or self.implicit)
        return await self._act(server, self.script.data, "250 2.0.0 queued as 1")


def _abort(server: SMTP) -> None:
    transport = server.transport
    if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
        transport.abort()


class _Scripted(SMTP):
    """Answers two commands as the script says, which the library does not let handlers do."""

    script: Script

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - the library calls it so
        if self.script.ehlo is not None:
            await self.push(self.script.ehlo)
            return
        await super().smtp_EHLO(hostname)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library calls it so
        if self.script.begin is not None:
            await self.push(self.script.begin)
            return
        await super().smtp_DATA(arg)


@cache
def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def server_tls(folder: Path) -> ssl.SSLContext:
    """A certificate that is made for this run."""
    certificate, key = _certificate()
    (folder / "cert.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def client_trust() -> ssl.SSLContext:
    """Trusts that certificate and no other."""
    return ssl.create_default_context(cadata=_certificate()[0].decode())
