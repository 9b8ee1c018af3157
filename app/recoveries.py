"""How are failed payments that the merchant hands over tried, at once and later?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from activities.directories import Directories
from app import clock, directories
from app.charging import charging
from app.recovery import api
from app.settings import Settings
from app.wiring import Stores, opening, policy
from dunning.errors import DunningError
from providers.revtain.api import RevtainApi
from store.recoveries import Recoveries
from store.sweeps import Sweeps
from web.operations import Operations
from web.recoveries import RecoveryDesk

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 5.0
_HEARING = "charges"
_LEASE, _BETWEEN = timedelta(minutes=2), timedelta(minutes=1)


@dataclass(slots=True)
class RecoverySweep:
    """Goes on with what was put off, what a dead process began, and what nobody explained.

    Several processes may sweep: each recovery is with one of them at a time.
    """

    desk: RecoveryDesk
    looked_up: Directories
    sweeps: Sweeps
    api: RevtainApi | None = None
    pause_seconds: float = _PAUSE_SECONDS
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Sweep until stopped; what cannot be done now is done in a later turn."""
        while self.desk.charging is not None and not self._stopping.is_set():
            try:
                await self.desk.go_on()
                await self._hear()
            except DunningError as fault:
                _log.warning("recoveries_put_off", reason=str(fault))
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause_seconds):
                    await self._stopping.wait()

    async def _hear(self) -> None:
        """One process for all, and now and then: nothing waits for it."""
        if await self.sweeps.claim(_HEARING, _LEASE) is not None:
            await self.desk.hear()
            await self.sweeps.rest(_HEARING, _BETWEEN)

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.looked_up.aclose()
        if self.api is not None:
            await self.api.aclose()


def sweep(
    settings: Settings,
    stores: Stores,
    operations: Operations,
    *,
    now: Callable[[], datetime] = clock.now,
) -> RecoverySweep:
    """The desk and its sweep; without a key of Revtain's nothing is taken."""
    revtain, looked_up = api(settings, now), directories.directories(settings, stores)
    opens = opening(settings, stores, policy(settings), looked_up)
    desk = RecoveryDesk(
        operations=operations,
        recoveries=Recoveries(stores.database),
        charging=None if revtain is None else charging(stores, opens, revtain),
        dictionary=revtain,
        now=now,
        test_mode=settings.test_mode,
    )
    return RecoverySweep(
        desk=desk, looked_up=looked_up, sweeps=Sweeps(stores.database), api=revtain
    )


@asynccontextmanager
async def opened(
    settings: Settings,
    stores: Stores,
    operations: Operations,
    *,
    now: Callable[[], datetime] = clock.now,
) -> AsyncGenerator[RecoveryDesk]:
    """The desk for one command."""
    made = sweep(settings, stores, operations, now=now)
    try:
        yield made.desk
    finally:
        await made.aclose()
