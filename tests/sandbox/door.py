"""Where do the vendors' reports arrive in these tests, and would the vendors' own checks pass?"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from sendgrid.helpers.eventwebhook import EventWebhook
from twilio import request_validator


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)
        return found

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def fits_event_key(self, public_key: str) -> bool:
        """What SendGrid's own library says of the signature."""
        verifier: Any = EventWebhook(public_key)
        return bool(
            verifier.verify_signature(
                self.body.decode(),
                self.headers["X-Twilio-Email-Event-Webhook-Signature"],
                self.headers["X-Twilio-Email-Event-Webhook-Timestamp"],
            )
        )

    def fits_token(self, url: str, secret: str) -> bool:
        """What Twilio's own library says of the signature."""
        vendor: Any = request_validator
        settings = self.headers.get("X-Twilio-Webhooks-Signature-Settings")
        signature = self.headers["X-Twilio-Signature"]
        algorithm = vendor.get_signature_algorithm(settings)
        validator = vendor.RequestValidator(secret)
        return bool(validator.validate(url, self.form, signature, algorithm))


@dataclass(slots=True)
class Door:
    """Takes everything; answers as scripted, then with `usual`."""

    url: str
    answers: list[int] = field(default_factory=list[int])
    usual: str = ""
    arrived: list[Arrived] = field(default_factory=list[Arrived])

    def at(self, path: str) -> str:
        return f"{self.url}/{path}"

    @property
    def events(self) -> list[str]:
        """Every event that arrived, by its name."""
        return [event["event"] for each in self.arrived for event in each.events]

    @property
    def statuses(self) -> list[str]:
        return [each.form["MessageStatus"] for each in self.arrived]


@asynccontextmanager
async def door() -> AsyncGenerator[Door]:
    """Serve on a free loopback port until the block ends."""
    opened = Door(url="")

    async def receive(request: web.Request) -> web.Response:
        opened.arrived.append(Arrived(request.path, dict(request.headers), await request.read()))
        status = opened.answers.pop(0) if opened.answers else 200
        return web.Response(status=status, text=opened.usual, content_type="application/xml")

    app = web.Application()
    app.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield opened
    await runner.cleanup()
