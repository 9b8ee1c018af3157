"""What do customers see? A picture of every page in every state, and of every email.

python -m tests.pages.screenshots [FOLDER]
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal
from messages.preview import write_preview
from messages.render import Renderer
from store import migrations
from tests.messages.browser import SCHEMES
from tests.pages.looking import Reader, open_page, unfold
from tests.pages.site import Site, open_site
from workflows.contracts import SEARCH_ATTRIBUTES

if TYPE_CHECKING:
    from playwright.async_api import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".dunning" / "screenshots"
LANGUAGES = ("en", "de", "ja")
WIDTHS = (360, 1280)
_WAYS = tuple(itertools.product(WIDTHS, SCHEMES))


async def take(site: Site, reader: Reader, folder: Path, scratch: Path) -> None:
    """All of them, the pages in two tabs."""
    await asyncio.gather(
        *(_pages(site, reader, language, folder / "pages") for language in LANGUAGES)
    )
    await _emails(reader, folder / "emails", scratch)
    await _inbox(site, reader, folder / "inbox")


async def _pages(site: Site, reader: Reader, language: str, folder: Path) -> None:
    async with reader.page() as page:
        for address in site.pages(language):
            await open_page(page, address)
            if address.state.name == "open":
                await unfold(page)
            await _pictures(page, folder / f"{language}-{address.state.name}")


async def _emails(reader: Reader, folder: Path, scratch: Path) -> None:
    index = write_preview(Renderer(), scratch, locales=["en"], currencies=["USD"])
    async with reader.page() as page:
        for email in sorted(index.parent.glob("en/*.html")):
            await page.goto(email.as_uri())
            await _pictures(page, folder / email.stem)


async def _inbox(site: Site, reader: Reader, folder: Path) -> None:
    """What a trial shows in place of the customers' own mail programs."""
    async with site.stage.working():
        await site.stage.advance(timedelta(days=4))
    sandbox = site.stage.sandbox
    async with reader.page() as page:
        for name, path in (("all", ""), ("one", f"to/{sandbox.messages.find()[0].to}")):
            await page.goto(f"{sandbox.url}/{path}")
            await _pictures(page, folder / name)


async def _pictures(page: Page, stem: Path) -> None:
    for width, scheme in _WAYS:
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        path = stem.with_name(f"{stem.name}-{width}-{scheme}.png")
        await page.screenshot(path=path, full_page=True)


async def main() -> None:
    """Take them on servers of their own, and say where they are."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    console = Console(stderr=True)
    binary = await find_temporal(None, ROOT / ".dunning", console=console)
    with tempfile.TemporaryDirectory() as name, console.status("Taking pictures"):
        scratch = Path(name)
        async with AsyncExitStack() as stack:
            pg = await stack.enter_async_context(
                EmbeddedPostgres.start(scratch / "pg", durable=False)
            )
            server = await stack.enter_async_context(
                TemporalDevServer.start(binary, ui_port=0, search_attributes=SEARCH_ATTRIBUTES)
            )
            url = await pg.create_database("pages")
            await asyncio.to_thread(migrations.upgrade, url)
            site = await stack.enter_async_context(open_site(url, server.address, scratch))
            reader = await stack.enter_async_context(Reader.start())
            await take(site, reader, folder, scratch / "preview")
    print(folder)  # noqa: T201 (a command)


if __name__ == "__main__":
    asyncio.run(main())
    gc.collect()
