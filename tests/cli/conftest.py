"""How does a test type a command line, and see what came of it?"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from app.cli.ending import attempt
from app.cli.program import program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

PROGRAM = Path(sys.executable).with_name("dunning")
KEY = "k" * 32
OURS = ("DUNNING_", "TEMPORAL_", "SENDGRID_", "TWILIO_", "REVTAIN_")
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Typed(Protocol):
    """A command line, typed in this process."""

    async def __call__(
        self,
        *arguments: str,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        **more: str,
    ) -> Ended: ...


@pytest.fixture
def bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """`await bare("policy", "check", FILE, DUNNING_…=…)`: without any server."""

    async def typed(
        *arguments: str,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        **more: str,
    ) -> Ended:
        with monkeypatch.context() as patch:
            patch.setenv("DUNNING_DATA_DIR", str(tmp_path / "data"))
            patch.chdir(tmp_path)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            for name, value in {**(settings or {}), **more}.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = await asyncio.to_thread(attempt, program, list(arguments))
        written = capsys.readouterr()
        return Ended(code, written.out, written.err)

    return typed


@pytest.fixture
def dunning(bare: Typed, database_url: str) -> Typed:
    """`await dunning("case", "list")`: on a fresh database."""

    async def typed(
        *arguments: str,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        **more: str,
    ) -> Ended:
        here = {"DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY}
        return await bare(*arguments, stdin=stdin, settings={**here, **(settings or {}), **more})

    return typed


@dataclass(slots=True)
class Role:
    """A `dunning` that runs in a process of its own."""

    process: Process
    said: list[str] = field(default_factory=list[str])

    async def until(self, words: str) -> str:
        """The first line on stderr that holds the words."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stderr.readline()).decode():
                self.said.append(line)
                if words in line:
                    return line
        raise AssertionError(f"ended without saying {words!r}: {''.join(self.said)}")

    async def end(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Send the signal and wait for the end."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> Ended:
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
        code = self.process.returncode
        assert code is not None
        return Ended(code, out.decode(), "".join(self.said) + err.decode())


@asynccontextmanager
async def started(folder: Path, *arguments: str, **settings: str) -> AsyncGenerator[Role]:
    """Run `dunning` with these settings only, and leave nothing of it behind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {**kept, "DUNNING_DATA_DIR": str(folder / "data"), **settings}
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, stdout=PIPE, stderr=PIPE, env=environment, cwd=folder
    )
    try:
        yield Role(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
