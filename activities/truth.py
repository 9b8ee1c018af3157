"""What is true of an invoice at this moment? Asked before a plan and before every send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from activities.directories import Directories
from dunning.directory import InvoiceStatus
from dunning.errors import UnreadableBodyError
from dunning.events import Settled
from dunning.ports import InboundReader
from dunning.states import Cause, Outcome
from store.inbox import Inbox
from store.settlement import Settlements
from store.standing import Standing, Standings


@dataclass(frozen=True, slots=True)
class Truth:
    """Reads the directory afresh; a success that still waits in the inbox is settled first.

    Paid is final (R1), so that no other directory is asked about it.
    """

    standings: Standings
    inbox: Inbox
    settlements: Settlements
    reader: InboundReader
    directories: Directories | None = None

    async def of(self, invoice_id: str, now: datetime) -> Standing:
        """The standing of an invoice."""
        await self._settle_what_waits(invoice_id, now)
        standing = await self.standings.of(invoice_id)
        if self.directories is None or standing.invoice.status is InvoiceStatus.PAID:
            return standing
        doubt = await self.directories.refresh(invoice_id, now)
        return replace(await self.standings.of(invoice_id), doubt=doubt)

    async def _settle_what_waits(self, invoice_id: str, now: datetime) -> None:
        for body in await self.inbox.pending_success(invoice_id):
            try:
                event = self.reader.read(body)
            except UnreadableBodyError:
                continue
            if event.problem is None and not event.simulated:
                await self.settlements.settle(
                    invoice_id,
                    event.money,
                    event.transaction_id,
                    now,
                    key=event.idempotency_key,
                )


def settled(standing: Standing) -> Settled | None:
    """The end that the directory asks for; None while the debt is open (R6)."""
    match standing.invoice.status:
        case InvoiceStatus.OPEN if standing.invoice.amount.minor == 0:
            return Settled(outcome=Outcome.CANCELLED)
        case InvoiceStatus.OPEN:
            return None
        case InvoiceStatus.PAID:
            cause = standing.paid_cause or Cause.PAID_ELSEWHERE
            return Settled(outcome=Outcome.RECOVERED, cause=cause)
        case InvoiceStatus.VOID:
            return Settled(outcome=Outcome.CANCELLED)
