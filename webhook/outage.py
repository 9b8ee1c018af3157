"""Were we away for longer than Revtain redelivers? A heartbeat tells; Revtain is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from dunning.errors import DunningError
from store.outages import Outage, Outages
from webhook.reconciling import Reconciled, Reconciliation

# For so long Revtain tries to deliver an event.
REDELIVERED_FOR = timedelta(hours=24)

_log = structlog.get_logger(__name__)
_BEAT_SECONDS = 60.0
_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageWatch:
    """Beats while the doors are open; of several processes one mends what was missed.

    Without a `reconciliation` a gap is only told; it is mended once Revtain can be asked.
    """

    outages: Outages
    reconciliation: Reconciliation | None
    now: Callable[[], datetime]

    async def run(self) -> None:
        """Beat and mend until cancelled."""
        await self._patiently(self.beat)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every_minute(self.beat))
            if self.reconciliation is not None:
                group.create_task(self._every_minute(self.mend))

    async def beat(self) -> None:
        """The doors are open now; say so if they were not for long."""
        outage = await self.outages.beat(self.now(), REDELIVERED_FOR)
        if outage is not None:
            hours = round((outage.noticed_at - outage.since) / timedelta(hours=1), 1)
            able = self.reconciliation is not None
            next_step = "asking Revtain" if able else "set REVTAIN_API_KEY, so that we can ask"
            _log.warning("outage_noticed", since=outage.since, hours=hours, next_step=next_step)

    async def mend(self) -> Reconciled | None:
        """Ask about what the oldest open gap hid; None when there is none, or it is taken."""
        if self.reconciliation is None or (outage := await self.outages.claim(_LEASE)) is None:
            return None
        # In the minute after the last beat the doors may have been open.
        since = outage.since + timedelta(seconds=_BEAT_SECONDS)
        found = await self.reconciliation.run(
            since, outage.noticed_at, step=lambda: self.outages.renew(outage, _LEASE)
        )
        await self._conclude(outage, found)
        return found

    async def _conclude(self, outage: Outage, found: Reconciled) -> None:
        facts = {name: value for name, value in asdict(found).items() if value is not None}
        if found.fault is None:
            await self.outages.mended(outage, self.now())
            _log.info("outage_reconciled", since=outage.since, **facts)
        else:
            # The lease runs out, and what was not asked is asked then.
            _log.warning("outage_not_reconciled_yet", since=outage.since, **facts)

    async def _every_minute(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await self._patiently(work)
            await asyncio.sleep(_BEAT_SECONDS)

    async def _patiently(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except DunningError as fault:
            _log.warning("outage_watch_put_off", reason=str(fault))
