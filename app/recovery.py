"""How is Revtain asked about payments: by itself, after an outage, and by hand?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from app import clock
from app.settings import required
from providers.revtain.api import RevtainApi
from store.call_budget import CallBudget
from store.outages import Outages
from store.questions import Questions
from webhook.asking import Asking
from webhook.outage import OutageWatch
from webhook.reconciling import Reconciliation
from webhook.status_sweep import StatusSweep

if TYPE_CHECKING:
    from app.settings import Settings
    from app.wiring import Stores

# Between the attempts at one question, in seconds.
PAUSES = (2.0, 10.0, 30.0)


@dataclass(slots=True, kw_only=True)
class Recovery:
    """What the web process asks Revtain by itself; without a key it only keeps the heartbeat."""

    watch: OutageWatch
    sweep: StatusSweep | None = None
    api: RevtainApi | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ask until stopped. A question that is cut off is asked again."""
        work = [self._stopping.wait(), self.watch.run()]
        if self.sweep is not None:
            work.append(self.sweep.run())
        running = [asyncio.create_task(one) for one in work]
        async with AsyncExitStack() as stack:
            if self.api is not None:
                await stack.enter_async_context(self.api)
            try:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in running:
                    task.cancel()
                ends = await asyncio.gather(*running, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()


def api(settings: Settings, now: Callable[[], datetime] = clock.now) -> RevtainApi | None:
    """The way to Revtain; None without a key."""
    if settings.revtain_api_key is None:
        return None
    key = settings.revtain_api_key.get_secret_value()
    return RevtainApi(key, now=now, base_url=settings.revtain_base_url)


def recovery(
    settings: Settings,
    stores: Stores,
    arrived: asyncio.Event,
    *,
    now: Callable[[], datetime] = clock.now,
) -> Recovery:
    """The sweep and the watch for outages; `arrived` wakes the dispatcher."""
    outages, questions, source = Outages(stores.database), Questions(stores.database), api(settings)
    if source is None:
        return Recovery(watch=OutageWatch(outages=outages, reconciliation=None, now=now))
    asking = _asking(stores, source, arrived, now)
    reconciliation = Reconciliation(asking=asking, questions=questions, pauses=PAUSES)
    return Recovery(
        watch=OutageWatch(outages=outages, reconciliation=reconciliation, now=now),
        sweep=StatusSweep(asking=asking, questions=questions, now=now),
        api=source,
    )


@asynccontextmanager
async def reconciling(
    settings: Settings, stores: Stores, *, now: Callable[[], datetime] = clock.now
) -> AsyncGenerator[Reconciliation]:
    """To ask by hand; SettingsError without a key. A web process dispatches what is found."""
    key = required(settings.revtain_api_key, "REVTAIN_API_KEY").get_secret_value()
    async with RevtainApi(key, now=now, base_url=settings.revtain_base_url) as source:
        asking = _asking(stores, source, asyncio.Event(), now)
        yield Reconciliation(asking=asking, questions=Questions(stores.database), pauses=PAUSES)


def _asking(
    stores: Stores, source: RevtainApi, arrived: asyncio.Event, now: Callable[[], datetime]
) -> Asking:
    return Asking(
        source=source,
        limit=CallBudget(stores.database),
        questions=Questions(stores.database),
        inbox=stores.inbox,
        arrived=arrived,
        now=now,
    )
