"""How does a test type a command line, and see what came of it?"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

PROGRAM = Path(sys.executable).with_name("dunning")
KEY = "k" * 32
OURS = ("DUNNING_", "TEMPORAL_", "SENDGRID_", "TWILIO_", "REVTAIN_")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said when nothing was printed and no traceback shown."""
        assert not self.out
        assert "Traceback" not in self.err
        return self.err.strip()


Typed = "Callable[..., Awaitable[Ended]]"


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a command: only these settings, and nothing that lies about."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "DUNNING_DATA_DIR": str(folder / "data"), "COLUMNS": "200", **settings}


async def run(
    *arguments: str, settings: Mapping[str, str], stdin: bytes | None = None, cwd: Path
) -> Ended:
    """Run `dunning` in a process of its own, to its end."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=settings, cwd=cwd
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin or b"")
    return Ended(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Awaitable[Ended]]:
    """`await bare("policy", "check", FILE, DUNNING_…=…)`: without any server."""

    async def typed(*arguments: str, stdin: bytes | None = None, **settings: str) -> Ended:
        given = environment(tmp_path, **settings)
        return await run(*arguments, settings=given, stdin=stdin, cwd=tmp_path)

    return typed


@pytest.fixture
def dunning(tmp_path: Path, database_url: str) -> Callable[..., Awaitable[Ended]]:
    """`await dunning("case", "list")`: on a fresh database."""

    async def typed(*arguments: str, stdin: bytes | None = None, **settings: str) -> Ended:
        here = {"DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY, **settings}
        given = environment(tmp_path, **here)
        return await run(*arguments, settings=given, stdin=stdin, cwd=tmp_path)

    return typed
