"""How many calls does each vendor take, and what does it say of the limit?"""

import math
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sandbox.clock import SandboxClock

Answering = Callable[[], Awaitable[Response]]


class SendGridLimit(BaseModel):
    """So many calls in each window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int = Field(default=10_000, ge=0)
    window_s: float = Field(default=1.0, gt=0)


class TwilioLimit(BaseModel):
    """So many calls at the same time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrent: int = Field(default=10_000, ge=0)
    retry_after_s: int = Field(default=1, ge=0)


class SendGridRate:
    """Counts within windows that begin with a first call."""

    def __init__(self, limit: SendGridLimit, clock: SandboxClock) -> None:
        self.limit = limit
        self._clock = clock
        self._ends = 0.0
        self._taken = 0

    async def within(self, answer: Answering, refused: Callable[[], Response]) -> Response:
        """The answer, or the refusal once the window is full; both tell how much is left."""
        now = self._clock.wall().timestamp()
        if now >= self._ends:
            self._ends, self._taken = now + self.limit.window_s, 0
        fits = self._taken < self.limit.calls
        self._taken += fits
        told = {
            "X-RateLimit-Limit": str(self.limit.calls),
            "X-RateLimit-Remaining": str(self.limit.calls - self._taken),
            "X-RateLimit-Reset": str(math.ceil(self._ends)),
        }
        response = await answer() if fits else refused()
        for name, value in told.items():
            response.headers.setdefault(name, value)
        return response

    def set(self, limit: SendGridLimit) -> None:
        self.limit, self._ends = limit, 0.0


class TwilioRate:
    """Counts what is under way."""

    def __init__(self, limit: TwilioLimit) -> None:
        self.limit = limit
        self.under_way = 0

    async def within(self, answer: Answering, refused: Callable[[], Response]) -> Response:
        """The answer, or the refusal of one call too many; both tell how many are under way."""
        self.under_way += 1
        count = self.under_way
        try:
            fits = count <= self.limit.concurrent
            response = await answer() if fits else refused()
        finally:
            self.under_way -= 1
        response.headers.setdefault("Twilio-Concurrent-Requests", str(count))
        if not fits:
            response.headers.setdefault("Retry-After", str(self.limit.retry_after_s))
        return response
