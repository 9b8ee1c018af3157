"""What does a browser find in a page? Chromium, started once, with axe-core inside each page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from playwright.async_api import async_playwright

from tests.messages.browser import chromium

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Page, Response, Route

    from tests.messages.browser import Scheme
    from tests.pages.site import Address

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
NARROW, WIDE = 320, 1280
Width = Literal[320, 360, 1280]
_FOLDER = Path(__file__).parent
SCAN, WORDS, OVERLAP, FOCUS = (
    (_FOLDER / f"{name}.js").read_text(encoding="utf-8").partition("\n")[2]
    for name in ("scan", "words", "overlap", "focus")
)
UNFOLD = "() => document.querySelectorAll('details').forEach((each) => { each.open = true; })"
_HEIGHT = 800
_LOGO = (_FOLDER / "logo.svg").read_text(encoding="utf-8")


class Scan(TypedDict):
    """What axe-core and a ruler say; `checked` are the rules that found something to judge."""

    violations: list[str]
    checked: int
    sideways: int


class Words(TypedDict):
    """What can be read, and in which language it claims to be."""

    lang: str
    title: str
    headings: list[str]
    text: str


class Focus(TypedDict):
    """Which control has the focus, of how many, and how well it is seen."""

    at: int
    controls: int
    ordered: bool
    outline: float
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A browser; every page that it opens is a customer of its own."""

    browser: Browser

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncGenerator[Reader]:
        """Chromium without a window, that reaches nothing but this machine."""
        closed = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        async with async_playwright() as play:
            browser = await play.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", closed]
            )
            try:
                yield cls(browser=browser)
            finally:
                await browser.close()

    @asynccontextmanager
    async def page(
        self,
        scheme: Scheme = "light",
        *,
        width: int = NARROW,
        scripts: bool = True,
        axe: bool = False,
    ) -> AsyncGenerator[Page]:
        """An empty page. Ours have no scripts; `axe` comes from without, past their policy."""
        context = await self.browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": _HEIGHT},
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        if axe:
            await context.add_init_script(AXE)
        await context.route("**/logo.svg", _draw_logo)
        try:
            yield await context.new_page()
        finally:
            await context.close()


async def _draw_logo(route: Route) -> None:
    await route.fulfill(body=_LOGO, content_type="image/svg+xml")


async def open_page(page: Page, address: Address) -> Response:
    """Go there, pressing what leads there."""
    pressed = address.state.pressed
    if pressed is None:
        return _answered(await page.goto(address.url))

    async def press(route: Route) -> None:
        form = "&".join(f"{name}={value}" for name, value in pressed.items())
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        await route.continue_(method="POST", post_data=form, headers=kind)

    await page.route(address.url, press)
    try:
        return _answered(await page.goto(address.url))
    finally:
        await page.unroute(address.url, press)


def _answered(answer: Response | None) -> Response:
    assert answer is not None
    return answer


async def scan(page: Page, scheme: Scheme, width: int) -> Scan:
    """Look for faults in a colour scheme, at a width."""
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": _HEIGHT})
    return cast("Scan", await page.evaluate(SCAN, RULES))


async def unfold(page: Page) -> None:
    """Open what is folded away."""
    await page.evaluate(UNFOLD)


async def read(page: Page) -> Words:
    """Read the page."""
    return cast("Words", await page.evaluate(WORDS))


async def overlaps(page: Page) -> list[str]:
    """Double the letters, and say what no longer fits."""
    return cast("list[str]", await page.evaluate(OVERLAP))


async def focused(page: Page) -> Focus:
    """Where the keyboard is."""
    return cast("Focus", await page.evaluate(FOCUS))
