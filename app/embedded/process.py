"""How is an embedded server started, watched and stopped?"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.embedded.identity import Identity

LAUNCHER = Path(__file__).with_name("launcher.py")
LOG_TAIL_LINES = 4
LOG_LINE_LENGTH = 300
LOWEST_PORT, HIGHEST_PORT = 10_000, 32_000


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Several different free ports.

    They lie below the range that outgoing connections use, so that none of those takes one before
    its server listens, and below 32768, since Temporal's PostgreSQL schema keeps ports as smallint.
    """
    found: list[int] = []
    while len(found) < count:
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def require_free(port: int | None, purpose: str) -> None:
    """Refuse a port that somebody listens on: a start there would find the other server."""
    if port and not _is_free(port):
        raise EmbeddedServerError(
            f"The port {port} for {purpose} is in use: stop what listens there, or choose another."
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Connections of a server that has ended do not keep its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def launcher_command(
    command: Sequence[str | Path], *, stop_signal: signal.Signals, identity: Identity | None
) -> list[str]:
    """The command line that starts `command` so that it ends with this process."""
    options = ["--owner", str(os.getpid()), "--signal", str(int(stop_signal))]
    if identity is not None:
        options += identity.options
    return [sys.executable, "-I", "-S", str(LAUNCHER), *options, *map(str, command)]


@dataclass(slots=True)
class ServerProcess:
    """A running server that ends when its owner ends, however the owner ends."""

    process: Process
    log: Path
    stop_signal: signal.Signals

    @classmethod
    async def start(
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        stop_signal: signal.Signals,
        identity: Identity | None = None,
        environment: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> ServerProcess:
        """Start `command` in a session of its own, so that Ctrl-C reaches the owner only."""
        line = launcher_command(command, stop_signal=stop_signal, identity=identity)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *line,
                stdin=DEVNULL if sys.platform == "linux" else PIPE,
                stdout=output,
                stderr=STDOUT,
                env=environment,
                pass_fds=keep_open,
                start_new_session=True,
            )
        return cls(process, log, stop_signal)

    @property
    def ended(self) -> bool:
        return self.process.returncode is not None

    async def stop(self, *, patience: float = 30.0) -> None:
        """Ask, wait, then insist; returns when the process is gone and its ports are free."""
        if not self.ended:
            self._signal(self.stop_signal)
            try:
                async with asyncio.timeout(patience):
                    await self.process.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
        await self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            self.process.send_signal(number)
        except ProcessLookupError:
            return


def last_words(log: Path) -> str:
    """The end of a log in one line, to be quoted in an error."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return " | ".join(
        line.strip()[:LOG_LINE_LENGTH] for line in lines[-LOG_TAIL_LINES:] if line.strip()
    )


async def run(
    command: Sequence[str | Path],
    *,
    identity: Identity | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a short program to its end; its exit code and all it wrote."""
    line = launcher_command(command, stop_signal=signal.SIGTERM, identity=identity)
    process = await asyncio.create_subprocess_exec(
        *line, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=environment
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")
