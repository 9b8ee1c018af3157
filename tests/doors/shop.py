"""Who receives events in the tests? A real HTTP server that checks signatures as merchants do."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop answers once."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Got:
    """One request, as it arrived."""

    id: str
    body: Any
    headers: dict[str, str]
    raw: bytes

    @property
    def line(self) -> str:
        """The event and its invoice."""
        return f"{self.body['data']['invoice_id']} {self.body['type']}"


@dataclass(slots=True)
class Shop:
    """Answers 204, or what was prepared, to events whose signature holds; 401 to others."""

    url: str = ""
    secrets: list[str] = field(default_factory=list[str])
    got: list[Got] = field(default_factory=list[Got])
    answers: deque[Answer] = field(default_factory=deque[Answer])
    always: Answer = field(default_factory=Answer)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    most_at_once: int = 0
    _at_once: int = 0

    @property
    def lines(self) -> list[str]:
        return [got.line for got in self.got]

    @property
    def kinds(self) -> list[str]:
        return [got.body["type"] for got in self.got]

    @property
    def ids(self) -> list[str]:
        return [got.id for got in self.got]

    def verifies(self, got: Got, secret: str) -> bool:
        """Whether the library of the specification accepts the request under a secret."""
        try:
            Webhook(secret).verify(got.raw, got.headers)
        except WebhookVerificationError:
            return False
        return True

    async def receive(self, request: web.Request) -> web.Response:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(headers["webhook-id"], await request.json(), headers, raw)
        self.got.append(got)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.opened.wait()
        finally:
            self._at_once -= 1
        if not any(self.verifies(got, secret) for secret in self.secrets):
            return web.Response(status=401)
        answer = self.answers.popleft() if self.answers else self.always
        return web.Response(status=answer.status, headers=answer.headers)


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate for this machine that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = folder / "shop.pem"
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


@asynccontextmanager
async def open_shop(
    path: str = "/hooks", *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Shop]:
    """A receiver on a port of its own; `opened` is set, and cleared it hangs."""
    shop = Shop()
    shop.opened.set()
    application = web.Application()
    application.router.add_post(path, shop.receive)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    scheme = "http" if tls is None else "https"
    shop.url = f"{scheme}://{host}:{port}{path}"
    try:
        yield shop
    finally:
        shop.opened.set()
        await runner.cleanup()
