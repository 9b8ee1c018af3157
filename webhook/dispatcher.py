"""Which case does each event belong to, and how does it get there? In the background, for ever.

Claims are leases, so that several processes may dispatch and a crash loses nothing. A success
goes before everything else, and is committed to its invoice before anybody is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from prometheus_client import Counter

from dunning.errors import DunningError
from store.errors import DatabaseDownError
from store.inbox import ClaimedEvent, Inbox
from webhook.handling import Handled, Handler
from workflows.errors import TemporalDownError

_log = structlog.get_logger(__name__)
_DISPATCHED = Counter("dunning_events_dispatched_total", "Events by what was done", ["result"])
_LEASE = timedelta(minutes=2)
_POLL_SECONDS = 1.0
_QUIET_SECONDS = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


@dataclass(slots=True)
class Dispatcher:
    """Brings events from the inbox to their cases.

    `busy` tells whether deliveries are coming in right now: they go first, so that lanes then
    take small batches and leave the machine to the door.
    """

    inbox: Inbox
    handler: Handler
    arrived: asyncio.Event
    busy: Callable[[], bool]
    lanes: int = 3
    batch: int = 32
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Dispatch until stopped; faults of database and Temporal are waited out."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.lanes):
                group.create_task(self._lane(number))

    def stop(self) -> None:
        """Finish what is under way and return from `run`."""
        self._stopping.set()
        self.arrived.set()

    async def _lane(self, number: int) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                found = await self._turn(number)
            except (DatabaseDownError, TemporalDownError) as fault:
                _log.warning("dispatch_waits", reason=str(fault), seconds=pause)
                await self._rest(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if not found:
                await self._rest(_POLL_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Until something arrives or time is over."""
        self.arrived.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.arrived.wait()
        except TimeoutError:
            return

    async def _turn(self, number: int) -> bool:
        if self.busy():
            if number > 0:
                await asyncio.sleep(_QUIET_SECONDS)
                return True
            events = await self.inbox.claim(4, _LEASE)
            await asyncio.sleep(0)
        else:
            events = await self.inbox.claim(self.batch, _LEASE)
        if events:
            await self._dispatch(events)
        return bool(events)

    async def _dispatch(self, events: Sequence[ClaimedEvent]) -> None:
        try:
            handled = await self.handler.handle(events)
        except TemporalDownError as fault:
            await self._give_back(events, str(fault))
            raise
        except DunningError as fault:
            _log.error("dispatch_failed", events=[e.id for e in events], reason=str(fault))
            await self._give_back(events, str(fault))
            return
        await self._conclude(handled)

    async def _give_back(self, events: Sequence[ClaimedEvent], reason: str) -> None:
        await self.inbox.retry_later([e.id for e in events], reason, _after(events))

    async def _conclude(self, handled: Handled) -> None:
        await self.inbox.finish_many(handled.done)
        for event_id, reason in handled.parked:
            await self.inbox.park(event_id, reason=reason)
        if handled.failed:
            for event_id, reason in handled.failed:
                _log.warning("event_put_off", event=event_id, reason=reason)
            ids = [event_id for event_id, _ in handled.failed]
            await self.inbox.retry_later(ids, handled.failed[0][1], timedelta(seconds=5))
        _DISPATCHED.labels("done").inc(len(handled.done))
        _DISPATCHED.labels("parked").inc(len(handled.parked))
        _DISPATCHED.labels("put_off").inc(len(handled.failed))


def _after(events: Sequence[ClaimedEvent]) -> timedelta:
    tries = max(event.attempts for event in events)
    return timedelta(seconds=min(2.0**tries, 60.0))
