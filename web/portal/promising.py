"""What does a customer press who wants to pay on another day, and what is answered (R11)?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from dunning.directory import Invoice
from store.cases import CaseRecord
from web.errors import NotFoundError
from web.portal.page import Said
from web.portal.scene import Scene
from web.promises import Offer
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

_NOTHING = Offer()


class Promises(Protocol):
    """Takes promises to pay; `web.promises.PromiseDesk` is one such."""

    async def offer(self, invoice: Invoice, case: CaseRecord | None) -> Offer:
        """What can be promised now in the latest case; nothing when no promise can be made."""
        ...

    async def make_as_customer(self, invoice_id: str, day: date) -> object:
        """The customer will pay on that day of their own calendar."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Promising:
    """Offers days, and takes the choice of one; without `promises` there is none to choose."""

    promises: Promises | None = None

    async def offer(self, scene: Scene) -> Offer:
        """What can be promised now; while a card is being charged, nothing new."""
        if self.promises is None or not scene.owed:
            return _NOTHING
        found = await self.promises.offer(scene.invoice, scene.case)
        return Offer(promised=found.promised) if scene.trying else found

    async def choose(self, scene: Scene, wanted: str | None) -> tuple[Offer, Said]:
        """Take the day that the form names, or say why it cannot be taken."""
        day, found = _day(wanted), await self.offer(scene)
        if found.promised is not None:
            return found, Said.MADE if day == found.promised else Said.MADE_BEFORE
        if not found.days or self.promises is None:
            return found, Said.REFUSED
        if day is None or day not in found.days:
            return found, Said.CHOOSE
        return await self._take(self.promises, scene.invoice, found, day)

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
