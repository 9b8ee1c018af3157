"""How does a vendor's callback reach the merchant, and is anything still on its way?"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from sandbox.clock import SandboxClock
from sandbox.settings import SandboxSettings

_KEPT_ANSWER = 2000


class DeliveryState(StrEnum):
    HELD = "held"
    PENDING = "pending"
    ACCEPTED = "accepted"
    GIVEN_UP = "given_up"


class Attempt(BaseModel):
    model_config = ConfigDict(frozen=True)

    at: datetime
    status: int | None = None
    answer: str = ""
    error: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's 2xx


class Post(BaseModel):
    """One callback on its way; grows by an attempt at a time."""

    number: int
    url: str
    body: str
    """The bytes as text, for people to read."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Of the latest attempt."""
    state: DeliveryState = DeliveryState.PENDING
    attempts: list[Attempt] = Field(default_factory=list[Attempt])


class Courier:
    """Posts what it is given, and keeps what goes on in the background."""

    def __init__(self, settings: SandboxSettings, clock: SandboxClock) -> None:
        self.detours: dict[str, str] = {}
        """Beginning of an address to where it is served: signed as written, called there."""
        self._answer_within_s = settings.answer_within_s
        self._clock = clock
        self._first: set[asyncio.Task[None]] = set()
        self._again: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def untold(self) -> int:
        """How many callbacks were not tried even once."""
        return len(self._first)

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Tell something in the background for the first time."""
        _keep(self._first, work)

    def start_again(self, work: Coroutine[None, None, None]) -> None:
        """Tell something again in the background, which nobody needs to wait for."""
        _keep(self._again, work)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        at = self._clock.now()
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=self._answer_within_s)
            self._session = aiohttp.ClientSession(timeout=limit)
        try:
            async with self._session.post(
                self._place_of(url), data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.text(errors="replace")
                return Attempt(at=at, status=response.status, answer=answer[:_KEPT_ANSWER])
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Attempt(at=at, error=f"{type(error).__name__}: {error}")

    async def reported(self, within_s: float = 5.0) -> None:
        """Wait until everything was tried once, whatever was answered."""
        async with asyncio.timeout(within_s):
            while self._first:
                await asyncio.wait(self._first)

    async def settled(self, within_s: float = 5.0) -> None:
        """Wait until nothing is on its way any more, redeliveries included."""
        async with asyncio.timeout(within_s):
            while tasks := self._first | self._again:
                await asyncio.wait(tasks)

    async def reset(self) -> None:
        tasks = self._first | self._again
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self.reset()
        if self._session is not None:
            await self._session.close()

    def _place_of(self, url: str) -> str:
        for written, served in self.detours.items():
            if url.startswith(written):
                return served + url[len(written) :]
        return url


def waits_between(schedule: Sequence[float], factor: float) -> list[float]:
    """Seconds to wait before each attempt but the first, of a schedule counted from the event."""
    return [(now - before) * factor for before, now in pairwise(schedule)]


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
