"""Which case does each event belong to, and how does it get there? In the background, for ever.

Claims are leases, so that several processes may dispatch and a crash loses nothing. A success
goes before everything else, and is committed to its invoice before anybody is told.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from prometheus_client import Counter

from dunning.errors import DunningError
from dunning.inbound import InboundKind
from store.errors import DatabaseBusyError, DatabaseDownError
from store.inbox import ClaimedEvent, Inbox
from webhook.handling import Handled, Handler
from workflows.errors import TemporalDownError

_log = structlog.get_logger(__name__)
_DISPATCHED = Counter("dunning_events_dispatched_total", "Events by what was done", ["result"])
_LEASE = timedelta(minutes=2)
_POLL_SECONDS = 1.0
_QUIET_SECONDS = 0.2
# While deliveries take so many times longer than at best, fewer and fewer cases are started.
_BEARABLE = 2.5
_SHORTEST_BREATH, _LONGEST_BREATH, _RELIEF = 0.01, 0.1, 0.002
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


@dataclass(slots=True)
class Dispatcher:
    """Brings events from the inbox to their cases.

    `busy` gives the seconds that a delivery takes right now, nought when none come in. Deliveries
    go first: one lane goes on meanwhile, in small batches, and pauses as long as they are slow.
    """

    inbox: Inbox
    handler: Handler
    arrived: asyncio.Event
    busy: Callable[[], float]
    lanes: int = 2
    batch: int = 16
    small_batch: int = 4
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _breath: float = 0.0
    _paying: bool = False

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
                await self._wait_out(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if not found:
                await self._rest(_POLL_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Until something arrives or time is over."""
        self.arrived.clear()
        await _within(seconds, self.arrived)

    async def _wait_out(self, seconds: float) -> None:
        """Whatever arrives: it could not be dispatched either."""
        await _within(seconds, self._stopping)

    async def _turn(self, number: int) -> bool:
        strain = self.busy()
        if strain and number > 0:
            await self._wait_out(_QUIET_SECONDS)
            return True
        events = await self.inbox.claim(self._limit(strain), _LEASE)
        if events:
            await self._dispatch(events)
        self._paying = any(event.name == InboundKind.SUCCESS for event in events)
        if strain and not self._paying:
            await self._breathe(strain)
        return bool(events)

    def _limit(self, strain: float) -> int:
        if self._paying or not strain:
            return self.batch
        return 1 if self._breath else self.small_batch

    async def _breathe(self, strain: float) -> None:
        """Leave the machine to the deliveries: longer at once when they suffer, then less."""
        if strain > _BEARABLE:
            self._breath = min(max(self._breath * 2, _SHORTEST_BREATH), _LONGEST_BREATH)
        else:
            self._breath = max(self._breath - _RELIEF, 0.0)
        await asyncio.sleep(self._breath)

    async def _dispatch(self, events: Sequence[ClaimedEvent]) -> None:
        try:
            handled = await self.handler.handle(events)
        except TemporalDownError as fault:
            await self._give_back(events, str(fault))
            raise
        except DatabaseBusyError as fault:
            await self._one_by_one(events, fault)
            return
        except DatabaseDownError:
            # Nobody can be given back now: the leases run out.
            raise
        except Exception as fault:  # noqa: BLE001 (one event must not keep the others from cases)
            await self._one_by_one(events, fault)
            return
        await self._conclude(handled)

    async def _one_by_one(self, events: Sequence[ClaimedEvent], fault: Exception) -> None:
        """Find the event at fault: the others of its batch go on without it."""
        if len(events) > 1:
            for event in events:
                await self._dispatch([event])
            return
        # Only our own faults may speak: the text of another may quote an address.
        where = "".join(traceback.format_tb(fault.__traceback__))
        name = type(fault).__name__
        _log.error("dispatch_failed", event_id=events[0].id, fault=name, where=where)
        ours = isinstance(fault, DunningError)
        await self._give_back(events, str(fault) if ours else f"{name}; see the log")

    async def _give_back(self, events: Sequence[ClaimedEvent], reason: str) -> None:
        await self.inbox.retry_later([e.id for e in events], reason, _after(events))

    async def _conclude(self, handled: Handled) -> None:
        await self.inbox.finish_many(handled.done)
        for event_id, reason in handled.parked:
            await self.inbox.park(event_id, reason=reason)
        if handled.failed:
            for event_id, reason in handled.failed:
                _log.warning("event_put_off", event_id=event_id, reason=reason)
            ids = [event_id for event_id, _ in handled.failed]
            await self.inbox.retry_later(ids, handled.failed[0][1], timedelta(seconds=5))
        _DISPATCHED.labels("done").inc(len(handled.done))
        _DISPATCHED.labels("parked").inc(len(handled.parked))
        _DISPATCHED.labels("put_off").inc(len(handled.failed))


async def _within(seconds: float, happening: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await happening.wait()


def _after(events: Sequence[ClaimedEvent]) -> timedelta:
    tries = max(event.attempts for event in events)
    return timedelta(seconds=min(2.0**tries, 60.0))
