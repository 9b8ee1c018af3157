"""How is the team told what it must know? In the background, by one process at a time."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter, Gauge

from dunning.alert_words import words
from dunning.channel import Channel
from dunning.errors import DunningError
from dunning.ports import TeamMessage, TeamTarget
from store.alerts import Alerts, Telling
from store.channel_pauses import ChannelPauses

_TOLD = Counter(
    "dunning_alerts_told_total", "Messages to the team, by kind and result", ["kind", "result"]
)
_PAUSED = Gauge(
    "dunning_channel_paused", "1 while a vendor refuses us as we are configured", ["channel"]
)
_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 2.0
# Longer than a target may take to answer.
_LEASE = timedelta(minutes=2)
_FIRST_RETRY, _LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_DOUBLINGS = 6


@dataclass(slots=True, kw_only=True)
class Alerting:
    """Tells every target; one that fails is told later, and holds up no other.

    Without any target alerts are kept and told to nobody.
    """

    alerts: Alerts
    pauses: ChannelPauses
    targets: Sequence[TeamTarget]
    now: Callable[[], datetime]
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Tell until stopped."""
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await self._round()
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._stopping.wait()

    async def _round(self) -> None:
        """One look, broken off when the process ends: a lease brings back what was under way."""
        ends = asyncio.create_task(self._stopping.wait())
        looks = asyncio.create_task(self._look())
        await asyncio.wait((ends, looks), return_when=asyncio.FIRST_COMPLETED)
        for task in (ends, looks):
            task.cancel()
        await asyncio.gather(ends, looks, return_exceptions=True)

    async def _look(self) -> None:
        try:
            await self._measure()
            await self.once()
        except DunningError as fault:
            _log.warning("alerts_put_off", reason=str(fault))
        except Exception as fault:  # noqa: BLE001 (one alert at fault must not end them all)
            where = "".join(traceback.format_tb(fault.__traceback__))
            _log.error("alerting_failed", fault=type(fault).__name__, where=where)

    async def once(self) -> int:
        """Tell what is due now; how many messages were taken by somebody."""
        if not self.targets:
            return 0
        await self.alerts.gather(self.now(), [target.name for target in self.targets])
        told = 0
        while not self._stopping.is_set():
            telling = await self.alerts.claim(self.now(), _LEASE)
            if telling is None:
                break
            told += await self._tell(telling)
        return told

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()

    async def _tell(self, telling: Telling) -> bool:
        message = words(telling.bundle)
        asked = [target for target in self.targets if target.name in telling.owed]
        answers = await asyncio.gather(*(_ask(target, message, telling) for target in asked))
        took = {target.name for target, taken in zip(asked, answers, strict=True) if taken}
        # Who is not configured any more is owed nothing.
        gone = telling.owed - {target.name for target in self.targets}
        now = self.now()
        again_at = now + _pause(telling.tries)
        await self.alerts.settle(
            telling, done=took | gone, told=bool(took), now=now, again_at=again_at
        )
        return bool(took)

    async def _measure(self) -> None:
        paused = {pause.channel for pause in await self.pauses.open()}
        for channel in Channel:
            _PAUSED.labels(channel.value).set(channel in paused)


async def _ask(target: TeamTarget, message: TeamMessage, telling: Telling) -> bool:
    taken = await target.tell(message)
    kind = telling.bundle.kind.value
    _TOLD.labels(kind, "taken" if taken else "failed").inc()
    if not taken:
        _log.warning("alert_not_taken", target=target.name, kind=kind, alert_id=telling.head)
    return taken


def _pause(tries: int) -> timedelta:
    return min(_FIRST_RETRY * (1 << min(tries - 1, _DOUBLINGS)), _LONGEST_RETRY)
