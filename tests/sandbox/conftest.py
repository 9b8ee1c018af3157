"""What do the sandbox's tests share: a running sandbox, the vendors' clients, and a merchant?"""

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from sendgrid import SendGridAPIClient
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings

ACCOUNT = "AC" + "a" * 32
SETTINGS = SandboxSettings(
    sendgrid_api_keys=("SG.good",),
    twilio_credentials={ACCOUNT: "token"},
    revtain_api_keys=("rev_good",),
    webhook_secret="whsec_test_0123456789abcdef",
    redelivery_s=(0, 2, 8, 60, 300),
    sendgrid_redelivery_s=(0, 2, 8, 60, 300),
    time_factor=0.0001,
    answer_within_s=2,
)


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of the vendors' own API descriptions."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("DUNNING_SPECS", root / ".." / "shared" / "specs"))
    if not folder.is_dir():  # the descriptions are the vendors' own and no part of this repository
        pytest.skip(f"contract check skipped: no vendor descriptions in {folder} (DUNNING_SPECS)")
    return folder


@pytest.fixture(scope="session")
async def running() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SETTINGS) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(running: Sandbox) -> Sandbox:
    await running.reset()
    running.revtain.webhooks.url = None
    return running


@dataclass(slots=True)
class Mailer:
    """The official client, called from a thread because it blocks."""

    client: Any

    async def send(self, body: object) -> Any:
        return await asyncio.to_thread(self.client.client.mail.send.post, request_body=body)


@pytest.fixture
def mailer(sandbox: Sandbox) -> Mailer:
    client = SendGridAPIClient("SG.good", host=sandbox.sendgrid_url)
    client.client.timeout = 2
    return Mailer(client)


@pytest.fixture
async def texter(sandbox: Sandbox) -> AsyncGenerator[Any]:
    async with AsyncTwilioHttpClient() as http:
        client = Client(ACCOUNT, "token", http_client=http)
        client.api.base_url = sandbox.twilio_url
        yield client


@pytest.fixture
def blocking_texter(sandbox: Sandbox) -> Any:
    http = TwilioHttpClient(timeout=2, pool_connections=False)
    client = Client(ACCOUNT, "token", http_client=http)
    client.api.base_url = sandbox.twilio_url
    return client


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncGenerator[ClientSession]:
    """Plain HTTP against the sandbox."""
    async with ClientSession(base_url=sandbox.url) as session:
        yield session


@dataclass(slots=True)
class Merchant:
    """The receiver of webhooks: answers as scripted, then with 200."""

    url: str
    answers: list[int] = field(default_factory=list[int])
    received: list[tuple[bytes, str | None]] = field(default_factory=list[tuple[bytes, str | None]])


@pytest.fixture
async def merchant(sandbox: Sandbox) -> AsyncGenerator[Merchant]:
    merchant = Merchant(url="")

    async def receive(request: web.Request) -> web.Response:
        signature = request.headers.get("X-Revtain-Signature")
        merchant.received.append((await request.read(), signature))
        return web.Response(status=merchant.answers.pop(0) if merchant.answers else 200)

    app = web.Application()
    app.router.add_post("/webhooks/revtain", receive)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/revtain"
    sandbox.revtain.send_to(merchant.url)
    yield merchant
    sandbox.revtain.webhooks.url = None
    await runner.cleanup()
