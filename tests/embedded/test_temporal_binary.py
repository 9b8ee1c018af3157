"""Is the Temporal CLI taken from the first place that has one, and built only if needed?"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from app.embedded import go_build, sdk_download
from app.embedded.errors import EmbeddedServerError
from app.embedded.temporal_binary import find_temporal

if TYPE_CHECKING:
    from pathlib import Path

FAKE_GO = """#!/bin/sh
echo "$1" >> "{calls}"
if [ "$1" = list ]; then printf 'stale one\\nstale two\\n'; exit 0; fi
while [ "$1" != -o ]; do shift; done
echo one; echo two; echo built > "$2"
"""
QUIET_HOST = "import time; time.sleep(60)"
DOWNLOADED = "import pathlib, sys; pathlib.Path(sys.argv[1], 'sdk-name').write_text(sys.argv[2])"
REFUSED = "raise SystemExit(1)"


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _cli(path: Path, server: str) -> Path:
    return _program(path, f"#!/bin/sh\necho 'temporal version 0.0.0-DEV (Server {server}, UI 2)'\n")


def _console() -> Console:
    return Console(file=io.StringIO())


async def test_a_configured_cli_wins(tmp_path: Path) -> None:
    cli = _cli(tmp_path / "my temporal", "1.33.0")
    assert await find_temporal(cli, tmp_path, console=_console()) == cli


@pytest.mark.parametrize("server", ["1.31.9", "0.32.0"])
async def test_a_configured_cli_that_is_too_old_is_told(tmp_path: Path, server: str) -> None:
    cli = _cli(tmp_path / "temporal", server)
    with pytest.raises(EmbeddedServerError) as refusal:
        await find_temporal(cli, tmp_path, console=_console())
    assert str(refusal.value) == (
        f"TEMPORAL_CLI names {cli}, which is not a Temporal CLI with server 1.32 or newer: "
        "correct it, or leave it out."
    )


async def test_a_cli_on_the_path_is_found_after_those_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_build, "CHECKOUT", tmp_path / "elsewhere")
    _cli(tmp_path / "data" / "bin" / "temporal", "1.31.0")
    on_path = _cli(tmp_path / "path" / "temporal", "1.32.0")
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert await find_temporal(None, tmp_path / "data", console=_console()) == on_path


async def test_a_build_happens_once_for_one_module_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    _program(tmp_path / "path" / "go", FAKE_GO.format(calls=calls))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    output = io.StringIO()
    for _ in range(2):
        await go_build.build(tmp_path / "bin", ["temporal"], console=Console(file=output))
    assert (tmp_path / "bin" / "temporal").read_text() == "built\n"
    assert calls.read_text().split() == ["list", "build"]
    assert output.getvalue().splitlines() == [
        "Fetching the source of Temporal (0 s)",
        "Compiling Temporal, once, some minutes (0 s)",
    ]


async def test_a_failed_build_quotes_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "path" / "go", "#!/bin/sh\necho 'go: no such module'\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    with pytest.raises(EmbeddedServerError, match=r"^Go could not build Temporal: go: no such"):
        await go_build.build(tmp_path / "bin", ["temporal"], console=_console())
    assert not (tmp_path / "bin" / "temporal").exists()


@pytest.mark.parametrize(
    ("script", "arrives"), [(DOWNLOADED, True), (REFUSED, False), (QUIET_HOST, False)]
)
async def test_a_download_arrives_or_is_given_up(
    tmp_path: Path, script: str, *, arrives: bool
) -> None:
    target = tmp_path / "bin" / "temporal"
    assert await sdk_download.download(target, script=script, quiet=0.5) is arrives
    left = [file.name for file in target.parent.iterdir()]
    assert left == (["temporal"] if arrives else [])


def test_a_watcher_ends_the_server_where_the_kernel_does_not() -> None:
    """The way of systems other than Linux: the owner's end of a pipe closes."""
    program = (
        f"import sys; sys.path.insert(0, {str(go_build.CHECKOUT)!r})\n"
        "from app.embedded.launcher import _watch_standard_input\n"
        f"_watch_standard_input({int(signal.SIGTERM)})\n"
        "import time; time.sleep(60)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(timeout=20) == -signal.SIGTERM
