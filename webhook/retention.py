"""When is forgotten what was kept for long enough? Every hour, a little at a time."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field

import structlog

from dunning.errors import DunningError
from store.retention import Forgotten, Retention

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 3600.0
# Between two batches others get at the rows.
_BREATH_SECONDS = 0.1


@dataclass(slots=True)
class RetentionTask:
    """Forgets until stopped; of several processes one at a time."""

    retention: Retention
    pause: float = _PAUSE_SECONDS
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Begin at once, then every hour."""
        while not self._stopping.is_set():
            try:
                forgotten = await self.once()
                if forgotten.any:
                    _log.info("forgotten", **asdict(forgotten))
            except DunningError as fault:
                _log.warning("retention_put_off", reason=str(fault))
            await self._rest(self.pause)

    async def once(self) -> Forgotten:
        """Forget everything that is due; what came of it."""
        total = Forgotten()
        while not self._stopping.is_set():
            found = await self.retention.forget()
            if found is None or not found.any:
                break
            total = _sum(total, found)
            await self._rest(_BREATH_SECONDS)
        return total

    def stop(self) -> None:
        """Return from `run` after the batch that is under way."""
        self._stopping.set()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _sum(one: Forgotten, other: Forgotten) -> Forgotten:
    before, more = asdict(one), asdict(other)
    return Forgotten(**{name: count + more[name] for name, count in before.items()})
