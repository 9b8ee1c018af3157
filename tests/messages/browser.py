"""How does a browser show an email? Many of them, measured within one start of Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pictures are not fetched: nothing leaves this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
Scheme = Literal["light", "dark"]
SCHEMES: Mapping[Scheme, str] = {"dark": "0", "light": "1"}


class Measured(TypedDict):
    """What was found in one email; `poor` are words of too little contrast, with their colours."""

    wide: int
    words: int
    background: str
    poor: list[str]


def measure(
    emails: Mapping[str, str], folder: Path, *, width: int, scheme: Scheme
) -> dict[str, Measured]:
    """Show each email in a frame of that width, in that colour scheme, and measure it."""
    page = folder / "page.html"
    page.write_text(_page(emails, width), encoding="utf-8")
    command = [
        chromium(),
        *QUIET,
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        "--dump-dom",
        page.as_uri(),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="measured">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert found, "the browser measured nothing"
    return cast("dict[str, Measured]", json.loads(html.unescape(found[1])))


def _page(emails: Mapping[str, str], width: int) -> str:
    frames = "".join(
        f'<iframe name="{name}" width="{width}" height="600" style="border:0" '
        f'srcdoc="{html.escape(email)}"></iframe>\n'
        for name, email in emails.items()
    )
    scheme = '<meta name="color-scheme" content="light dark">'
    return (
        f"<!doctype html><meta charset='utf-8'>{scheme}{frames}"
        f'<pre id="measured"></pre><script>{MEASURE}</script>'
    )


def chromium() -> str:
    """The installed program; a test without one fails, and says what to install."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.fail(
            "No Chromium was found: install it (on Debian: apt-get install chromium).",
            pytrace=False,
        )
    return found
