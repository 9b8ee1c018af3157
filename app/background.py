"""Which work goes on beside a web process's answers, and what if it breaks?"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client import Counter

_log = structlog.get_logger(__name__)
_FAULTS = Counter("dunning_background_faults_total", "Faults of work in the background", ["task"])
_PAUSE_SECONDS = 5.0


class Task(Protocol):
    """Work without an end of its own, that waits out the faults it knows."""

    async def run(self) -> None:
        """Go on until stopped."""
        ...

    def stop(self) -> None:
        """Finish what is under way and return from `run`."""
        ...


@dataclass(slots=True)
class Background:
    """Keeps tasks running: one that breaks is logged, counted, and begins again after a pause."""

    tasks: Mapping[str, Task]
    pause_seconds: float = _PAUSE_SECONDS
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def start(self) -> None:
        """Begin all tasks."""
        self._running = [
            asyncio.create_task(self._keep(name, task), name=name)
            for name, task in self.tasks.items()
        ]

    async def stop(self) -> None:
        """Stop all tasks, and wait for their ends."""
        self._stopping.set()
        for task in self.tasks.values():
            task.stop()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._running)

    async def _keep(self, name: str, task: Task) -> None:
        """One that returns by itself has nothing to do in this installation."""
        broke = True
        while broke and not self._stopping.is_set():
            broke = await self._broke(name, task)
            if broke:
                await self._pause()

    async def _broke(self, name: str, task: Task) -> bool:
        try:
            await task.run()
        except Exception as fault:  # noqa: BLE001 (whatever broke, the work has to go on)
            # Not the fault's text, which may quote an address.
            where = "".join(traceback.format_tb(fault.__traceback__))
            _log.error("background_fault", task=name, fault=type(fault).__name__, where=where)
            _FAULTS.labels(name).inc()
            return True
        return False

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pause_seconds):
                await self._stopping.wait()
