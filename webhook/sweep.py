"""Which open cases have lost their run? Looked for now and then, and closed as stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from dunning.errors import DunningError
from store.cases import Cases
from store.ledger import Ledger
from workflows.client import CaseClient

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 300.0
_PATIENCE = timedelta(minutes=15)
# After this no report of a vendor is awaited any more.
_LONGEST_PROOF = timedelta(days=1)


@dataclass(slots=True)
class Sweep:
    """Closes open cases that have no run any more.

    A case whose time has passed long ago without a trace was ended by hand in Temporal, or its
    run was lost with Temporal's own database.
    """

    cases: Cases
    ledger: Ledger
    client: CaseClient
    now: Callable[[], datetime]
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Sweep until stopped."""
        while not self._stopping.is_set():
            try:
                await self.once()
            except DunningError as fault:
                _log.warning("sweep_put_off", reason=str(fault))
            try:
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def once(self) -> list[str]:
        """Close what has lost its run; the workflow ids."""
        lost: list[str] = []
        for case in await self.cases.overdue(self.now() - _PATIENCE):
            if await self.client.running(case.workflow_id):
                continue
            if await self.cases.end_as_stopped(case.workflow_id, self.now()):
                _log.warning("case_without_run", case=case.workflow_id)
                lost.append(case.workflow_id)
        await self.ledger.give_up(_LONGEST_PROOF)
        return lost

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()
