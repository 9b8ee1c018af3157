"""Can everyone read every page, in every state, language, colour scheme and width?"""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING

import pytest

from tests.messages.browser import SCHEMES
from tests.pages.looking import NARROW, WIDE, Reader, open_page, overlaps, read, scan, unfold
from tests.pages.states import LOCALES
from web.portal.words import languages

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.pages.looking import Scan
    from tests.pages.site import Address, Site

# A page on which axe-core judges less than this was not looked at.
_FEWEST_RULES = 12
_TABS = 2
_PLACEHOLDER = re.compile(r"[{}]|\bNone\b|\bundefined\b")


def test_every_language_is_looked_at() -> None:
    assert set(LOCALES) == set(languages())


@pytest.mark.parametrize("language", LOCALES)
async def test_every_page_can_be_read_by_everyone(
    site: Site, reader: Reader, language: str
) -> None:
    """By day and by night, on a phone and on a desk; half of the pages in each of two tabs."""
    pages = site.pages(language)
    found = await asyncio.gather(*(_faults(reader, pages[tab::_TABS]) for tab in range(_TABS)))
    assert "\n".join(itertools.chain(*found)) == ""


async def _faults(reader: Reader, pages: list[Address]) -> list[str]:
    found: list[str] = []
    async with reader.page(axe=True) as page:
        for address in pages:
            faults = [*await _wording(page, address), *await _forms(page)]
            found += [f"{address.name}: {fault}" for fault in faults]
    return found


async def _wording(page: Page, address: Address) -> list[str]:
    """Is it the page that was asked for, in its language, with all of its words?"""
    answer = await open_page(page, address)
    said = await read(page)
    shows = address.state.shows(languages()[address.language]).partition("{")[0].strip()
    everything = f"{said['title']}\n{said['text']}"
    wrong = {
        f"status {answer.status}": answer.status != address.state.status,
        f"lang is {said['lang']}": said["lang"] != address.lang,
        f"headings {said['headings']}": len(list(filter(None, said["headings"]))) != 1,
        "no title": not said["title"].strip(),
        f"“{shows}” is not shown": shows not in said["text"],
        f"not filled in: {everything}": bool(_PLACEHOLDER.search(everything)),
    }
    return [fault for fault, is_so in wrong.items() if is_so]


async def _forms(page: Page) -> list[str]:
    """Does it fit, and does axe-core find nothing? What is folded away is looked at once open."""
    found: list[str] = []
    for scheme, width in itertools.product(SCHEMES, (WIDE, NARROW)):
        seen = await scan(page, scheme, width)
        faults = [*seen["violations"], *_too_little(seen)]
        found += [f"{scheme}, {width} px: {fault}" for fault in faults]
        await unfold(page)
    return [*found, *(f"letters of 200%: {fault}" for fault in await overlaps(page))]


def _too_little(seen: Scan) -> list[str]:
    wide = [f"{seen['sideways']} px too wide"] if seen["sideways"] else []
    judged = seen["checked"] < _FEWEST_RULES
    return [*wide, "axe-core judged nothing"] if judged else wide
