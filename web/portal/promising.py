"""What does a customer press who wants to pay on another day, and what is answered (R11)?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from starlette.responses import Response

from dunning.directory import Invoice
from web.errors import NotFoundError
from web.portal.view import Said, View
from web.promises import Offer
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

_NOTHING = Offer()


class Promises(Protocol):
    """Takes promises to pay; `web.promises.PromiseDesk` is one such."""

    async def offer(self, invoice: Invoice) -> Offer:
        """What can be promised now; nothing when no promise can be made."""
        ...

    async def make_as_customer(self, invoice_id: str, day: date) -> object:
        """The customer will pay on that day of their own calendar."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Promising:
    """Offers days, and answers the choice of one."""

    promises: Promises | None
    view: View

    async def offer(self, invoice: Invoice) -> Offer:
        """What can be promised now."""
        return _NOTHING if self.promises is None else await self.promises.offer(invoice)

    async def show(self, invoice: Invoice, token: str) -> Response:
        """The page with the days, or with the one that was chosen."""
        return self.view.invoice(invoice, offer=await self.offer(invoice), token=token)

    async def choose(self, invoice: Invoice, wanted: str | None, token: str) -> Response:
        """Take the day that the form names, or say why it cannot be taken."""
        found, said = await self._choose(invoice, _day(wanted))
        return self.view.invoice(invoice, offer=found, said=said, token=token, status=said.status)

    async def _choose(self, invoice: Invoice, day: date | None) -> tuple[Offer, Said]:
        found = await self.offer(invoice)
        if found.promised is not None:
            return found, Said.MADE if day == found.promised else Said.MADE_BEFORE
        if not found.days or self.promises is None:
            return found, Said.REFUSED
        if day is None or day not in found.days:
            return found, Said.CHOOSE
        return await self._take(self.promises, invoice, found, day)

    async def _take(
        self, promises: Promises, invoice: Invoice, found: Offer, day: date
    ) -> tuple[Offer, Said]:
        try:
            await promises.make_as_customer(invoice.id, day)
        except (OrderRefusedError, NotFoundError):
            return _NOTHING, Said.REFUSED
        except (TemporalDownError, NoRunError):
            return found, Said.LATER
        return Offer(promised=day), Said.MADE


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
