"""Can every page be used by the keyboard alone, and without scripts?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.suppression import Source
from tests.messages.browser import SCHEMES, Scheme
from tests.pages.customers import Customer
from tests.pages.looking import Reader, focused, open_page, unfold
from web.portal.words import languages

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.pages.site import Site

_THINNEST_OUTLINE = 2
# Where a page has put the focus by itself, Tab would go on from there.
_TO_THE_TOP = "() => { document.body.tabIndex = -1; document.body.focus(); }"


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_tab_reaches_every_control_in_reading_order(
    site: Site, reader: Reader, scheme: Scheme
) -> None:
    found: list[str] = []
    async with reader.page(scheme) as page:
        for address in site.pages("en"):
            await open_page(page, address)
            await unfold(page)
            found += [f"{address.name}: {fault}" for fault in await _walk(page)]
    assert "\n".join(found) == ""


async def _walk(page: Page) -> list[str]:
    """From before the first control to behind the last; what goes wrong on the way."""
    found: list[str] = []
    await page.evaluate(_TO_THE_TOP)
    before = await focused(page)
    found += [] if before["ordered"] else ["controls stand in another order than they are read"]
    found += [] if before["controls"] else ["nothing can be reached"]
    for number in range(before["controls"]):
        await page.keyboard.press("Tab")
        seen = await focused(page)
        if seen["at"] != number:
            found.append(f"the {number + 1}. press of Tab reaches control {seen['at'] + 1}")
        if seen["outline"] < _THINNEST_OUTLINE or not seen["visible"]:
            found.append(f"control {number + 1} does not show that it has the focus")
    return found


async def test_a_day_is_chosen_by_the_keyboard_alone_without_scripts(
    site: Site, reader: Reader
) -> None:
    customer = await _newcomer(site, number=901)
    async with reader.page(scripts=False) as page:
        await page.goto(customer.link)
        days = await page.locator("#day option").evaluate_all("all => all.map(one => one.value)")
        await _tab_to(page, "#day")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        async with site.stage.working():
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            await site.stage.settle()
        assert "We will not remind you of this payment before" in await page.inner_text("main")
    case = (await site.stage.show(customer.invoice_id))["case"]
    assert (case["promise_day"], case["promise_status"]) == (days[2], "open")


async def test_reminders_are_stopped_by_the_keyboard_alone_without_scripts(
    site: Site, reader: Reader
) -> None:
    customer = await _newcomer(site, number=902)
    spoken = languages()["en"].preferences
    async with reader.page(scripts=False) as page:
        await page.goto(customer.preferences)
        await _tab_to(page, "button[value=email]")
        async with site.stage.working():
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            await site.stage.settle()
        said = await page.inner_text("main")
    assert (spoken.saved in said, spoken.off in said, spoken.on in said) == (True, True, True)
    closed = await site.stage.stores.suppressions.of_all(
        {Channel.EMAIL: customer.email, Channel.SMS: customer.phone}
    )
    assert {channel: one.source for channel, one in closed.items()} == {Channel.EMAIL: Source.PAGE}


async def test_every_page_works_without_scripts(site: Site, reader: Reader) -> None:
    """What it says is there, and no page carries a script that could say more."""
    found: list[str] = []
    async with reader.page(scripts=False) as page:
        for address in site.pages("en"):
            await open_page(page, address)
            shows = address.state.shows(languages()["en"]).partition("{")[0]
            silent = shows not in await page.inner_text("main")
            scripted = "<script" in await page.content()
            found += [address.name] if silent or scripted else []
    assert found == []


async def _newcomer(site: Site, *, number: int) -> Customer:
    """Somebody whose choices nobody else looks at, with a case that waits."""
    customer = Customer(
        stage=site.stage, number=number, life="failed", language="en", name=f"newcomer-{number}"
    )
    async with site.stage.working():
        await customer.register()
        await site.stage.settle()
    return customer


async def _tab_to(page: Page, selector: str) -> None:
    wanted = page.locator(f"{selector}:focus")
    for _ in range(20):
        if await wanted.count():
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")
