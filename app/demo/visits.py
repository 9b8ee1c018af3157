"""What do customers of the demo do at the pages that our messages lead to?

They see what any browser shows, and press its buttons.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from app import wiring
from app.demo.stage import NotSettledError, Stage

if TYPE_CHECKING:
    import aiohttp

_DAY = re.compile(r'<option value="(\d{4}-\d{2}-\d{2})"')


async def choose_day(stage: Stage, invoice_id: str, number: int) -> None:
    """Open the link and promise to pay on one of the days that the page offers."""
    page = await _page_of(stage, invoice_id)
    async with stage.http.get(page) as answer:
        days = _DAY.findall(await answer.text())
    async with stage.http.post(f"{page}/promise", data={"day": days[number]}) as answer:
        _pressed(answer, invoice_id)
    await stage.settle()


async def give_card(stage: Stage, invoice_id: str, token: str) -> None:
    """Press the button, and give a new card at the page of Revtain's that it leads to."""
    page = await _page_of(stage, invoice_id)
    async with stage.http.post(page, allow_redirects=False) as answer:
        hosted = answer.headers.get("Location", "")
    if not hosted:
        raise NotSettledError(f"the button on the page of {invoice_id} leads nowhere")
    async with stage.http.post(hosted, data={"newPaymentMethodToken": token}) as answer:
        _pressed(answer, invoice_id)
    await stage.sandbox.revtain.settled()
    await stage.settle()


async def _page_of(stage: Stage, invoice_id: str) -> str:
    invoice = await stage.stores.registry.get_invoice(invoice_id)
    if invoice is None:
        raise NotSettledError(f"{invoice_id} is not registered")
    return wiring.links(stage.settings).url(invoice.link_id)


def _pressed(answer: aiohttp.ClientResponse, invoice_id: str) -> None:
    if answer.status != HTTPStatus.OK:
        raise NotSettledError(f"a page of {invoice_id} answered {answer.status}")
