"""How does a test own a server through another process, and see processes end?"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

OWNER = Path(__file__).with_name("owner.py")


@dataclass(frozen=True, slots=True)
class Owned:
    """Another process, the server it owns, and where that server answers."""

    owner: Process
    server_pid: int
    address: str

    async def kill_owner(self) -> None:
        self.owner.kill()
        await self.owner.wait()


@asynccontextmanager
async def _owned(kind: str, path: Path) -> AsyncGenerator[Owned]:
    owner = await asyncio.create_subprocess_exec(sys.executable, OWNER, kind, path, stdout=PIPE)
    try:
        assert owner.stdout is not None
        pid, address = (await owner.stdout.readline()).decode().split()
        yield Owned(owner, int(pid), address)
    finally:
        if owner.returncode is None:
            owner.kill()
        await owner.wait()


@pytest.fixture
def owned() -> Callable[[str, Path], AbstractAsyncContextManager[Owned]]:
    """Start an owner in another process: `async with owned("postgres", folder) as it`."""
    return _owned


@pytest.fixture
def until_gone() -> Callable[[int], object]:
    """Wait until a process has ended; fail after 20 seconds."""

    async def wait(pid: int) -> None:
        async with asyncio.timeout(20):
            while _runs(pid):
                await asyncio.sleep(0.02)

    return wait


def _runs(pid: int) -> bool:
    """A zombie has ended, though nobody collected it yet."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
