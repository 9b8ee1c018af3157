"""What became of texts on which no report came? Their vendor is asked now and then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from dunning.channel import Channel
from dunning.delivery import ReportEntry
from dunning.errors import DunningError
from store.inbox import Inbox, NewEvent
from store.reports import Reports
from store.sweeps import Sweeps

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 300.0
# A little less than the pause, so that who comes next finds the turn free.
_REST = timedelta(minutes=4)
# Of a turn whose process has ended; it is renewed with every message.
_LEASE = timedelta(minutes=2)
# Before, a callback may still come; after, nobody will tell any more.
_OLDER, _YOUNGER = timedelta(minutes=15), timedelta(days=3)
_MOST = 100


class ReportSource(Protocol):
    """A vendor that can be asked what became of a message."""

    async def fetch(self, provider_id: str, message_id: str) -> ReportEntry | None:
        """The same report that a webhook would have brought; None when it is not known there.

        Raise a `ProviderError` when it cannot be asked now.
        """
        ...


@dataclass(slots=True)
class ReportSweep:
    """Asks for texts without a last word; the answers go through the inbox like all reports.

    Of many open ones each turn asks for the next hundred, so that none keeps others waiting. Of
    several web processes one has the turn.
    """

    source: str
    vendor: ReportSource
    reports: Reports
    inbox: Inbox
    sweeps: Sweeps
    arrived: asyncio.Event
    rest: timedelta = _REST
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Sweep until stopped."""
        while not self._stopping.is_set():
            try:
                await self.once()
            except DunningError as fault:
                _log.warning("report_sweep_put_off", reason=str(fault))
            try:
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def once(self) -> int:
        """Ask for the next open ones, unless another does; how many reports were new."""
        place = await self.sweeps.claim(self._name, _LEASE)
        if place is None:
            return 0
        try:
            return await self._turn(place)
        finally:
            await self.sweeps.rest(self._name, self.rest)

    async def _turn(self, place: str) -> int:
        found = await self.reports.open_deliveries(
            Channel.SMS, older=_OLDER, younger=_YOUNGER, after=place, limit=_MOST
        )
        new = 0
        for message in found:
            if self._stopping.is_set():
                return new
            await self.sweeps.move(self._name, message.message_id, _LEASE)
            entry = await self.vendor.fetch(message.provider_id, message.message_id)
            if entry is not None:
                new += await self._store(entry)
        if len(found) < _MOST:
            await self.sweeps.move(self._name, "", _LEASE)
        return new

    @property
    def _name(self) -> str:
        return f"reports of {self.source}"

    async def _store(self, entry: ReportEntry) -> bool:
        row = NewEvent(
            source=self.source, name=entry.name, body=entry.body, identity=entry.identity
        )
        (stored,) = await self.inbox.put_many([row])
        if stored:
            self.arrived.set()
        return stored

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()
