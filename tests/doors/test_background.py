"""Does work in the background go on after it broke, and end when it is told to?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from app.background import Background

SECRET = "ada@example.com"


@dataclass(slots=True)
class _Fragile:
    """Breaks so many times, then works until stopped."""

    breaks: int
    runs: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.breaks:
            raise ValueError(SECRET)
        await self._stopping.wait()

    def stop(self) -> None:
        self._stopping.set()


async def _until(task: _Fragile, runs: int) -> None:
    async with asyncio.timeout(5):
        while task.runs < runs:
            await asyncio.sleep(0.01)


async def test_what_breaks_begins_again_and_nothing_personal_is_logged() -> None:
    fragile, sound = _Fragile(breaks=2), _Fragile(breaks=0)
    background = Background({"fragile": fragile, "sound": sound}, pause_seconds=0.01)
    with capture_logs() as logs:
        background.start()
        await _until(fragile, 3)
        async with asyncio.timeout(5):
            await background.stop()
    assert (fragile.runs, sound.runs) == (3, 1)
    assert [(log["event"], log["task"], log["fault"]) for log in logs] == [
        ("background_fault", "fragile", "ValueError")
    ] * 2
    assert SECRET not in str(logs)


class _Idle:
    """Has nothing to do."""

    runs = 0

    async def run(self) -> None:
        self.runs += 1

    def stop(self) -> None:
        pass


async def test_what_has_nothing_to_do_leaves_the_others_their_turn() -> None:
    idle, sound = _Idle(), _Fragile(breaks=0)
    background = Background({"idle": idle, "sound": sound})
    background.start()
    await _until(sound, 1)
    async with asyncio.timeout(5):
        await background.stop()
    assert idle.runs == 1


async def test_what_is_broken_does_not_hold_up_the_end() -> None:
    broken = _Fragile(breaks=100)
    background = Background({"broken": broken}, pause_seconds=60)
    background.start()
    await _until(broken, 1)
    async with asyncio.timeout(5):
        await background.stop()
    assert broken.runs == 1
