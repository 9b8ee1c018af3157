"""How are Temporal's programs built from source, when they cannot be had otherwise?

`python -m app.embedded.go_build` builds all three; it does nothing when they are up to date.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from app.embedded.errors import EmbeddedServerError
from app.embedded.progress import shown_on

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from app.embedded.progress import Progress

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = CHECKOUT / "tools" / "temporal"
PACKAGES = {
    "temporal": "github.com/temporalio/cli/cmd/temporal",
    "temporal-server": "go.temporal.io/server/cmd/server",
    "temporal-sql-tool": "go.temporal.io/server/cmd/tools/sql",
}
DEV_SERVER = ("temporal",)


def can_build() -> bool:
    """True in a source checkout on a machine with Go."""
    return (MODULE / "go.mod").is_file() and shutil.which("go") is not None


async def build(
    target: Path, programs: Sequence[str] = tuple(PACKAGES), *, console: Console
) -> None:
    """Build what is missing in `target` or was built from another go.mod."""
    with _one_build_at_a_time(target):
        wanted = [name for name in programs if not _is_current(target, name)]
        if not wanted:
            return
        with shown_on(console) as progress:
            await _compile(target, wanted, progress)


@contextmanager
def _one_build_at_a_time(target: Path) -> Generator[None]:
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_current(target: Path, name: str) -> bool:
    stamp = target / f".{name}.built-from"
    return (
        (target / name).is_file() and stamp.is_file() and stamp.read_text("ascii") == _fingerprint()
    )


def _fingerprint() -> str:
    sources = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum")]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


async def _compile(target: Path, programs: Sequence[str], progress: Progress) -> None:
    """Find out how much is to be compiled, then compile, counting packages as Go names them."""
    packages = [PACKAGES[name] for name in programs]
    stale: set[str] = set()
    progress.begin("Fetching the source of Temporal")
    await _go(
        ["list", "-deps", "-f", "{{if .Stale}}stale {{.ImportPath}}{{end}}", *packages],
        lambda line: stale.add(line) if line.startswith("stale ") else progress.advance(),
    )
    progress.begin("Compiling Temporal, once, some minutes", len(stale))
    for name in programs:
        unfinished = target / f".{name}.new"
        arguments = ["build", "-v", "-ldflags", "-s -w", "-o", str(unfinished), PACKAGES[name]]
        await _go(arguments, lambda _: progress.advance())
        unfinished.replace(target / name)
        (target / f".{name}.built-from").write_text(_fingerprint(), encoding="ascii")


async def _go(arguments: Sequence[str], heard: Callable[[str], None]) -> None:
    """Run one Go command and pass on every line it writes."""
    go = shutil.which("go")
    if go is None:
        raise EmbeddedServerError(
            "Temporal cannot be built because Go is not installed: install Go, or set "
            "TEMPORAL_CLI to a Temporal CLI with server 1.32 or newer."
        )
    last: deque[str] = deque(maxlen=3)
    process = await asyncio.create_subprocess_exec(
        go,
        *arguments,
        cwd=MODULE,
        env=_environment(),
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - asked for with PIPE, for the type checker
        async for line in process.stdout:
            last.append(line.decode(errors="replace").strip())
            heard(last[-1])
        code = await process.wait()
    except BaseException:
        process.terminate()
        await process.wait()
        raise
    if code != 0:
        raise EmbeddedServerError(f"Go could not build Temporal: {' | '.join(last)}")


def _environment() -> dict[str, str]:
    """Without C compiler, and with caches of our own where there is no home for Go's."""
    caches = CHECKOUT / ".dunning" / "go"
    own = {"GOPATH": str(caches), "GOCACHE": str(caches / "cache")}
    homeless = {} if os.environ.get("HOME") else own
    return {**homeless, **os.environ, "CGO_ENABLED": "0"}


def main() -> int:
    """Build all programs for `make`; complaints are one sentence on standard error."""
    console = Console(stderr=True)
    try:
        asyncio.run(build(CHECKOUT / ".dunning" / "bin", console=console))
    except EmbeddedServerError as fault:
        console.print(str(fault), style="red", soft_wrap=True, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
