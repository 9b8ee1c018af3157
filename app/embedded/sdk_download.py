"""Can the Temporal SDK fetch the CLI by itself here?

The SDK has no time limit against a silent host and cannot be cancelled, so a child process asks it
and is stopped once nothing has arrived for a while.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path

VERSION = "v1.9.1"
QUIET_SECONDS = 10.0
SCRIPT = """
import asyncio, os, sys
from temporalio.testing import WorkflowEnvironment

async def main():
    env = await WorkflowEnvironment.start_local(
        download_dest_dir=sys.argv[1], dev_server_download_version=sys.argv[2]
    )
    await env.shutdown()

try:
    asyncio.run(main())
except Exception:
    os._exit(1)
os._exit(0)
"""


async def download(target: Path, *, script: str = SCRIPT, quiet: float = QUIET_SECONDS) -> bool:
    """Put the CLI at `target`; False when it cannot be had in this way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
        if not await _fetch(Path(folder), script, quiet):
            return False
        return _keep(Path(folder), target)


def _keep(folder: Path, target: Path) -> bool:
    """Move the one file that was downloaded, whatever the SDK called it."""
    found = [file for file in folder.iterdir() if file.is_file()]
    if len(found) != 1:
        return False
    found[0].replace(target)
    return True


async def _fetch(folder: Path, script: str, quiet: float) -> bool:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(folder), VERSION, stdout=DEVNULL, stderr=DEVNULL
    )
    seen = -1
    try:
        while True:
            arrived = _size(folder)
            if arrived == seen:
                return False
            seen = arrived
            try:
                async with asyncio.timeout(quiet):
                    return await child.wait() == 0
            except TimeoutError:
                continue
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
