"""Whose is a PostgreSQL data folder right now, and what is kept in it besides the data?"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ENDING_SERVER_PATIENCE = 15.0


class DataFolder:
    """The files around one database cluster, and the lock that says who serves it.

    The server and all its processes inherit the lock, so it is held exactly as long as one lives.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"
        self.unfinished = folder / "cluster.new"
        self.log = folder / "postgres.log"
        self.password_file = folder / "password"
        self._lock = folder / "lock"

    def create(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise EmbeddedServerError(
                f"The data folder {self.folder} cannot be made ({fault.strerror}): set "
                "DUNNING_DATA_DIR to a folder that this user may write to."
            ) from fault

    @property
    def password(self) -> str:
        """The password of the cluster, made on the first call."""
        if not self.password_file.exists():
            unfinished = self.password_file.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_urlsafe(24), encoding="ascii")
            unfinished.rename(self.password_file)
        return self.password_file.read_text(encoding="ascii")

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[int]:
        """Hold the lock, for a server to inherit; refuse when a living process has it."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await self._wait_for_lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    async def _wait_for_lock(self, descriptor: int) -> None:
        """A server whose owner was killed is still shutting down: give it time."""
        attempts = int(ENDING_SERVER_PATIENCE / 0.1)
        for _ in range(attempts):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if _alive(self._recorded_owner(descriptor)):
                    break
                await asyncio.sleep(0.1)
            else:
                return
        raise EmbeddedServerError(
            f"The data folder {self.folder} is in use by process "
            f"{self._recorded_owner(descriptor)}: stop that one first, or set DUNNING_DATA_DIR "
            "to another folder."
        )

    def _recorded_owner(self, descriptor: int) -> int:
        recorded = os.pread(descriptor, 20, 0)
        return int(recorded) if recorded.isdigit() else 0

    def discard_leftovers(self) -> None:
        """Remove what a killed server or a killed set-up left behind; call under the lock.

        PostgreSQL would take a recycled process number in its pid file for a living server.
        """
        shutil.rmtree(self.unfinished, ignore_errors=True)
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        first_line = pid_file.read_text(encoding="ascii", errors="replace").partition("\n")[0]
        if first_line.isdigit() and _is_postgres(int(first_line)):
            raise EmbeddedServerError(
                f"The data folder {self.folder} is served by the PostgreSQL process {first_line}, "
                "which dunning did not start: stop it, or set DUNNING_DATA_DIR to another folder."
            )
        pid_file.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def _is_postgres(pid: int) -> bool:
    """True when the process is a PostgreSQL server, as far as this system can tell."""
    try:
        program = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").partition("\0")[0]
    except (OSError, UnicodeDecodeError):
        return False
    return Path(program).name in {"postgres", "postmaster"}
