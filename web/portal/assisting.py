"""What does a customer send who asks for help, and what is answered?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dunning.directory import Invoice
from store.help_requests import Asked
from web.portal.choices import addresses
from web.portal.page import LONGEST_REQUEST, Answered


class HelpDesk(Protocol):
    """Takes requests in; `store.help_requests.HelpRequests` is one such."""

    async def take(self, invoice_id: str, body: str) -> Asked:
        """Keep it for a person; nothing is kept of a customer who was erased."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assisting:
    """Without a desk nobody is asked."""

    desk: HelpDesk | None = None

    def offered(self, invoice: Invoice) -> bool:
        """Whether there is somebody to answer: who was erased has no address any more."""
        return self.desk is not None and bool(addresses(invoice.contact))

    async def take(self, invoice: Invoice, written: str) -> Answered | None:
        """What became of what was written; None where nobody can be asked."""
        if self.desk is None or not self.offered(invoice):
            return None
        if not written:
            return Answered.EMPTY
        if len(written) > LONGEST_REQUEST:
            return Answered.LONG
        match await self.desk.take(invoice.id, written):
            case Asked.TAKEN:
                return Answered.TAKEN
            case Asked.TOO_MANY:
                return Answered.MANY
            case Asked.NOBODY:
                return None


def plain(text: str | None) -> str:
    """What was written, its lines ended as the customer's browser counts them."""
    return (text or "").replace("\r\n", "\n").strip()
