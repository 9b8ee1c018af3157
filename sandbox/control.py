"""How does a test in the same process start the sandbox and look into it?"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import uvicorn

from sandbox.clock import SandboxClock
from sandbox.faults import Faults
from sandbox.fcm_tokens import FcmDevices
from sandbox.inbox import Inbox
from sandbox.rates import SendGridRate, TwilioRate
from sandbox.revtain_control import RevtainControl
from sandbox.sendgrid_webhook import SendGridWebhook
from sandbox.server import create_app
from sandbox.settings import SandboxSettings
from sandbox.transport import DroppableHttp
from sandbox.twilio_control import TwilioControl
from sandbox.twilio_texts import TwilioTexts
from sandbox.world import SandboxWorld

QUICK = SandboxSettings(time_factor=0.01)


class _EmbeddedServer(uvicorn.Server):
    """A server that leaves the process's signals to whoever embeds it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _loopback_listener() -> socket.socket:
    """The protocol is named because asyncio sends without delay only where it is."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


class Sandbox:
    def __init__(self, url: str, world: SandboxWorld) -> None:
        self.url = url
        self.sendgrid_url = f"{url}/sendgrid"
        self.twilio_url = f"{url}/twilio"
        self.fcm_url = f"{url}/fcm"
        self.revtain_url = f"{url}/revtain"
        self.revtain = RevtainControl(world)
        self.twilio = TwilioControl(world.texts, world.callbacks, world.replies, world.twilio_post)
        self._world = world

    @classmethod
    @asynccontextmanager
    async def start(cls, settings: SandboxSettings = QUICK) -> AsyncGenerator[Self, None]:
        """Serve on a free loopback port, in the running loop, until the block ends."""
        world = SandboxWorld(settings)
        config = uvicorn.Config(
            create_app(settings, world),
            http=DroppableHttp,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        with _loopback_listener() as listener:
            server = _EmbeddedServer(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                await server.listening.wait()
                yield cls(f"http://127.0.0.1:{listener.getsockname()[1]}", world)
            finally:
                await world.close()
                server.should_exit = True
                await serving

    @property
    def messages(self) -> Inbox:
        return self._world.inbox

    @property
    def faults(self) -> Faults:
        return self._world.faults

    @property
    def texts(self) -> TwilioTexts:
        return self._world.texts

    @property
    def devices(self) -> FcmDevices:
        return self._world.devices

    @property
    def clock(self) -> SandboxClock:
        return self._world.clock

    @property
    def sendgrid(self) -> SendGridWebhook:
        """SendGrid's side of feedback: its events, and what becomes of mails."""
        return self._world.mail_events

    @property
    def mail_rate(self) -> SendGridRate:
        return self._world.mail_rate

    @property
    def text_rate(self) -> TwilioRate:
        return self._world.text_rate

    @property
    def untold(self) -> int:
        """How many reports and replies were not tried even once."""
        return self._world.courier.untold

    @property
    def told(self) -> int:
        """How many reports and replies went out so far."""
        return len(self.sendgrid.deliveries) + len(self.twilio.deliveries)

    async def reported(self, within_s: float = 5.0) -> None:
        """Wait until every report that is due by itself was tried, whatever was answered."""
        await self._world.courier.reported(within_s)

    async def settled(self, within_s: float = 5.0) -> None:
        """Wait until no report is on its way any more, redeliveries included."""
        await self._world.courier.settled(within_s)

    def serve_at(self, address: str, place: str) -> None:
        """Call what begins with a public address on this machine; it is signed as written."""
        self._world.courier.detours[address] = place

    async def reset(self) -> None:
        await self._world.reset()
