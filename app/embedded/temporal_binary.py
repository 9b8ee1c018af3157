"""Where does the Temporal CLI come from on this machine?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded import go_build, sdk_download
from app.embedded.errors import EmbeddedServerError
from app.embedded.process import run
from app.embedded.progress import shown_on

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console

OLDEST_SERVER = (1, 32)
SERVER_VERSION = re.compile(r"Server (\d+)\.(\d+)")


async def find_temporal(configured: Path | None, data_dir: Path, *, console: Console) -> Path:
    """The first usable CLI: the one configured, one at hand, a download, a build from source."""
    if configured is not None:
        return await _checked(configured)
    for candidate in filter(Path.is_file, _at_hand(data_dir)):
        if await _is_usable(candidate):
            return candidate
    downloaded = data_dir / "bin" / "temporal"
    with shown_on(console) as progress:
        progress.begin("Looking for a Temporal CLI to download")
        if await sdk_download.download(downloaded) and await _is_usable(downloaded):
            return downloaded
    if go_build.can_build():
        await go_build.build(_built().parent, go_build.DEV_SERVER, console=console)
        return _built()
    raise EmbeddedServerError(
        "No Temporal CLI was found, downloaded or built: install one with server "
        "1.32 or newer on PATH, or set TEMPORAL_CLI to it, or install Go in a source checkout, or "
        "set TEMPORAL_ADDRESS to a running server."
    )


async def _checked(configured: Path) -> Path:
    named = Path(shutil.which(configured) or configured)
    if await _is_usable(named):
        return named
    raise EmbeddedServerError(
        f"TEMPORAL_CLI names {configured}, which is not a Temporal CLI with server 1.32 or newer: "
        "correct it, or leave it out."
    )


def _built() -> Path:
    return go_build.CHECKOUT / ".dunning" / "bin" / "temporal"


def _at_hand(data_dir: Path) -> Generator[Path]:
    yield _built()
    yield data_dir.absolute() / "bin" / "temporal"
    on_path = shutil.which("temporal")
    if on_path is not None:
        yield Path(on_path)


async def _is_usable(candidate: Path) -> bool:
    """True when it runs here and brings a server that is new enough."""
    code, output = await run([candidate, "--version"])
    version = SERVER_VERSION.search(output)
    if code != 0 or version is None:
        return False
    return (int(version[1]), int(version[2])) >= OLDEST_SERVER
