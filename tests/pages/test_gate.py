"""Would the gate notice a page that somebody broke? Each fault is made once, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.messages.browser import SCHEMES, Scheme
from tests.pages.looking import NARROW, Reader, focused, open_page, overlaps, scan
from tests.pages.states import STATES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Page

    from tests.pages.site import Site

# What is done to the page of an invoice that can be promised, and the rule of axe-core it breaks.
FAULTS = {
    "document.querySelector('label').remove()": "select-name",
    "document.querySelector('.soft').style.color = '#999'": "color-contrast",
    "document.documentElement.removeAttribute('lang')": "html-has-lang",
    "document.title = ''": "document-title",
    "document.querySelector('.logo').removeAttribute('alt')": "image-alt",
    "document.querySelector('h1').outerHTML = '<p>Pay</p>'": "page-has-heading-one",
    "document.querySelector('main').outerHTML = '<nav><h1>Pay</h1></nav>'": "landmark-one-main",
    "document.querySelector('footer').outerHTML = '<div>Northwind</div>'": "region",
    "document.querySelector('meta[name=viewport]').content = 'maximum-scale=1'": "meta-viewport",
}


@pytest.fixture
async def page(site: Site, reader: Reader) -> AsyncGenerator[Page]:
    """The page with the days, at which nothing is wrong."""
    (days,) = (state for state in STATES if state.name == "days")
    async with reader.page(axe=True) as opened:
        await open_page(opened, site.page(days, "en"))
        yield opened


@pytest.mark.parametrize(("fault", "rule"), FAULTS.items(), ids=FAULTS.values())
async def test_a_fault_is_named(page: Page, fault: str, rule: str) -> None:
    await page.evaluate(fault)
    violations = (await scan(page, "light", NARROW))["violations"]
    assert {violation.partition(":")[0] for violation in violations} == {rule}


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_name_in_place_of_a_logo_can_be_read(page: Page, scheme: Scheme) -> None:
    """Browsers show it in the logo's colours, which axe-core judges of plain text only."""
    await page.evaluate(
        "() => { document.querySelector('.logo').outerHTML = '<b class=logo>Northwind</b>'; }"
    )
    assert (await scan(page, scheme, NARROW))["violations"] == []


async def test_what_is_too_wide_is_named(page: Page) -> None:
    assert (await scan(page, "light", NARROW))["sideways"] == 0
    await page.evaluate("document.querySelector('button').style.minWidth = '400px'")
    assert (await scan(page, "light", NARROW))["sideways"] > 0


async def test_what_large_letters_cover_is_named(page: Page) -> None:
    assert await overlaps(page) == []
    await page.evaluate("document.querySelector('h1').style.height = '20px'")
    assert any(fault.startswith("h1") for fault in await overlaps(page))


async def test_a_focus_that_is_not_seen_is_named(page: Page) -> None:
    await page.evaluate("document.querySelector('button').style.outline = 'none'")
    await page.keyboard.press("Tab")
    assert (await focused(page))["outline"] == 0
