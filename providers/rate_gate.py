"""Is the vendor ready for a further request, or did it ask for a pause?

One answer that asks for a pause holds back all requests of this process to that account for a
moment, so that a burst is not thrown at a closed door message by message. They wait before they are
taken from the ledger, which then looks once more whether they may go at all. What a message has to
wait beyond that moment is its case's affair: its place is then free for others.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from dunning.errors import ProviderUnavailableError
from providers.retry_after import retry_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

LONGEST_HOLD = timedelta(seconds=5)
_PATIENCE = timedelta(seconds=15)
_UNTOLD = timedelta(seconds=1)


class RateGate:
    """Closed until the instant that the vendor named last, or for five seconds if that is sooner.

    `vendor` is the name that operators read; `now` is wall time, UTC, for instants in headers.
    """

    def __init__(self, vendor: str, *, now: Callable[[], datetime]) -> None:
        self._vendor = vendor
        self._now = now
        self._opens_at = float("-inf")

    async def pass_through(self) -> None:
        """Wait until the gate is open.

        Raises `ProviderUnavailableError` when it is closed again and again: nothing was requested.
        """
        began = _moment()
        while (rest := self._opens_at - _moment()) > 0:
            if _moment() - began > _PATIENCE.total_seconds():
                raise ProviderUnavailableError(
                    f"{self._vendor} is kept at its rate limit by other messages",
                    retry_after=LONGEST_HOLD,
                )
            await asyncio.sleep(rest)

    def heed(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer: a refusal for its rate, or the last request of a period."""
        told = {name.lower(): value for name, value in headers.items()}
        reset = told.get("x-ratelimit-reset")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            delay = retry_delay(told.get("retry-after"), reset, now=self._now())
            self._close_for(_UNTOLD if delay is None else delay)
        elif told.get("x-ratelimit-remaining", "").strip() == "0":
            self._close_for(retry_delay(None, reset, now=self._now()) or timedelta())

    def _close_for(self, delay: timedelta) -> None:
        held = min(delay, LONGEST_HOLD)
        self._opens_at = max(self._opens_at, _moment() + held.total_seconds())


def _moment() -> float:
    return asyncio.get_running_loop().time()
