"""What do the merchant's own directories say of an invoice, at this moment?

They are asked before a plan and before every send, and what they say goes into the registry, so
that everything else reads one place. The first that knows the invoice is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from time import monotonic

import structlog
from prometheus_client import Counter

from dunning.errors import DirectoryError
from dunning.lookup import DirectoryName, Doubt, DoubtKind, Entry
from dunning.ports import InvoiceDirectory
from store.directory_faults import DirectoryFaults
from store.refreshing import Refreshing

_log = structlog.get_logger(__name__)
_ASKED = Counter(
    "dunning_directory_lookups_total", "Look-ups in directories", ["directory", "result"]
)
# Events of which nobody knows the invoice must not hold up those of which somebody does.
_FIND_SECONDS = 10.0
_FINDS_AT_ONCE = 8
_MOST_REMEMBERED = 10_000
_LONGEST_ID = 200

_Ask = Callable[[InvoiceDirectory], Awaitable[Entry | None]]


@dataclass(slots=True, kw_only=True)
class Directories:
    """Asks all directories but the registry, in order.

    `remembers` is for how long an answer holds, and a directory that gave none is left alone.
    Without `registered_counts` an invoice must be known to one of them.
    """

    sources: Mapping[DirectoryName, InvoiceDirectory]
    refreshing: Refreshing
    faults: DirectoryFaults
    remembers: timedelta
    registered_counts: bool = True
    _answers: dict[str, tuple[float, Doubt | None]] = field(
        default_factory=dict[str, tuple[float, Doubt | None]]
    )
    _silent: dict[DirectoryName, tuple[float, datetime]] = field(
        default_factory=dict[DirectoryName, tuple[float, datetime]]
    )

    async def refresh(self, invoice_id: str, now: datetime) -> Doubt | None:
        """Bring the registry up to date; why nobody confirms it, if so."""
        if not self.sources:
            return None
        at, known = self._answers.get(invoice_id, (-inf, None))
        if self._holds(at):
            return known
        doubt = await self._ask_all(invoice_id, lambda one: one.invoice(invoice_id), now)
        if doubt is None or doubt.kind is DoubtKind.NOT_LISTED:
            self._remember(invoice_id, doubt)
        return doubt

    async def find(self, transaction_ids: Sequence[str], now: datetime) -> None:
        """Register the invoices of transactions that nobody registered, as far as time allows."""
        if not self.sources:
            return
        gate = asyncio.Semaphore(_FINDS_AT_ONCE)

        async def one(transaction_id: str) -> None:
            async with gate:
                await self._find(transaction_id, now)

        try:
            async with asyncio.timeout(_FIND_SECONDS), asyncio.TaskGroup() as group:
                for transaction_id in filter(_can_be_registered, dict.fromkeys(transaction_ids)):
                    group.create_task(one(transaction_id))
        except TimeoutError:
            _log.warning("directories_slow", seconds=_FIND_SECONDS)
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None

    async def aclose(self) -> None:
        """Close all connections."""
        for source in self.sources.values():
            await source.aclose()

    async def _find(self, transaction_id: str, now: datetime) -> None:
        async def ask(source: InvoiceDirectory) -> Entry | None:
            entry = await source.transaction(transaction_id)
            return None if entry is None else entry.naming(transaction_id)

        await self._ask_all(None, ask, now)

    async def _ask_all(self, invoice_id: str | None, ask: _Ask, now: datetime) -> Doubt | None:
        silent = list[datetime]()
        for name, source in self.sources.items():
            at, since = self._silent.get(name, (-inf, now))
            if self._holds(at):
                silent.append(since)
                continue
            try:
                entry = await ask(source)
                if await self._take(name, entry, invoice_id, now):
                    return None
            except DirectoryError as fault:
                silent.append(await self._unanswered(name, fault, invoice_id, now))
        if silent:
            return Doubt(kind=DoubtKind.NO_ANSWER, since=min(silent))
        if self.registered_counts:
            return None
        return Doubt(kind=DoubtKind.NOT_LISTED, since=now)

    async def _take(
        self, name: DirectoryName, entry: Entry | None, invoice_id: str | None, now: datetime
    ) -> bool:
        """Register what was said; whether anything was."""
        self._silent.pop(name, None)
        if entry is None:
            await self.faults.clear(name, invoice_id, now)
            _ASKED.labels(name.value, "unknown").inc()
            return False
        await self.refreshing.put(name, entry, now)
        _ASKED.labels(name.value, "found").inc()
        return True

    async def _unanswered(
        self, name: DirectoryName, fault: DirectoryError, invoice_id: str | None, now: datetime
    ) -> datetime:
        """Since when the directory says nothing that can be used."""
        _ASKED.labels(name.value, "fault").inc()
        _log.warning("directory_fault", directory=name.value, reason=fault.reason)
        if not fault.general:
            if invoice_id is None:
                return now
            await self.faults.clear(name, None, now)
        since = await self.faults.begin(name, fault, invoice_id, now)
        if fault.general:
            self._silent[name] = (monotonic(), since)
        return since

    def _holds(self, at: float) -> bool:
        return monotonic() - at < self.remembers.total_seconds()

    def _remember(self, invoice_id: str, doubt: Doubt | None) -> None:
        if len(self._answers) >= _MOST_REMEMBERED:
            self._answers.clear()
        self._answers[invoice_id] = (monotonic(), doubt)


def _can_be_registered(transaction_id: str) -> bool:
    return transaction_id.isprintable() and len(transaction_id) <= _LONGEST_ID
