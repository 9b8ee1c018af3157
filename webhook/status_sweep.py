"""Did Revtain's last word get lost? While a case waits for it, Revtain is asked now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from dunning.errors import DunningError
from store.questions import Questions
from webhook.asking import Asking, Finding

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 300.0
_AT_ONCE = 50
_NEWS = (Finding.SUCCESS, Finding.FAILURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSweep:
    """Asks about cases that watch, await a retry, or came to review because nothing was heard."""

    asking: Asking
    questions: Questions
    now: Callable[[], datetime]

    async def run(self) -> None:
        """Sweep until cancelled; what cannot be asked now is asked in a later turn."""
        while True:
            try:
                await self.once()
            except DunningError as fault:
                _log.warning("status_sweep_put_off", reason=str(fault))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def once(self) -> int:
        """Ask what is due; how many answers were news."""
        news = 0
        while due := await self.questions.due(self.now(), _AT_ONCE):
            found = [await self.asking.ask(question) for question in due]
            news += sum(finding in _NEWS for finding in found)
            if Finding.TAKEN in found:
                # Another process is at it.
                break
        return news
