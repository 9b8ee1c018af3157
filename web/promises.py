"""May a customer promise to pay, by which day, and how does the case hear of it (R11)?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from dunning.directory import Invoice, InvoiceStatus
from dunning.orders import Promise
from dunning.policy import Promise as PromiseRules
from dunning.promise import PromiseStatus
from dunning.promise_days import bounds, choices
from dunning.states import State
from store.cases import CaseRecord
from web.errors import CaseNotFoundError, InvoiceNotFoundError
from web.operations import Operations
from workflows.contracts import Snapshot
from workflows.errors import OrderRefusedError

CUSTOMER = "customer"
_TAKEN_IN = frozenset(set(State) - {State.OPENING, State.PROMISED, State.CLOSED})


class CaseClock(Protocol):
    """What time it is for a case; `app.clock.WallClock` is one such."""

    async def for_case(self, workflow_id: str) -> datetime:
        """The case's own time, UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The days that a customer may choose, or the one that was chosen and still stands."""

    days: tuple[date, ...] = ()
    promised: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseDesk:
    """Takes promises; `rules` are those of the policy with that digest."""

    operations: Operations
    clock: CaseClock
    rules: Callable[[str | None], Awaitable[PromiseRules | None]]

    async def offer(self, invoice: Invoice, case: CaseRecord | None) -> Offer:
        """What can be promised now in the latest case; nothing when no promise can be made."""
        if case is None or invoice.status is not InvoiceStatus.OPEN:
            return Offer()
        if case.promise_status is PromiseStatus.OPEN:
            return Offer(promised=case.promise_day)
        rules = await self.rules(case.policy_digest)
        if rules is None or case.state not in _TAKEN_IN or _used_up(case, rules):
            return Offer()
        return Offer(days=await self._days(case, invoice, rules))

    async def make(
        self,
        invoice_id: str,
        day: date,
        *,
        author: str,
        note: str | None = None,
        request_id: str | None = None,
    ) -> Snapshot:
        """The customer will pay on that day of their own calendar.

        Raise CaseNotFoundError, OrderRefusedError, NoRunError, TemporalDownError.
        """
        invoice = await self.operations.registry.get_invoice(invoice_id)
        case = await self.operations.cases.get(invoice_id)
        if invoice is None:
            raise InvoiceNotFoundError(invoice_id)
        if case is None:
            raise CaseNotFoundError(invoice_id)
        rules = await self.rules(case.policy_digest)
        if rules is not None and case.state in _TAKEN_IN:
            _check(day, await self._days(case, invoice, rules))
        begins_at, ends_at = bounds(day, self.operations.zone_of(invoice.contact))
        return await self.operations.order(
            invoice_id,
            Promise(day=day, begins_at=begins_at, ends_at=ends_at),
            author=author,
            note=note,
            request_id=request_id,
        )

    async def make_as_customer(self, invoice_id: str, day: date) -> Snapshot:
        """The same from the page; a button that is pressed twice counts once."""
        case = await self.operations.cases.get(invoice_id)
        version = 0 if case is None else case.version
        once = f"page-{day.isoformat()}-{version}"
        return await self.make(invoice_id, day, author=CUSTOMER, request_id=once)

    async def _days(
        self, case: CaseRecord, invoice: Invoice, rules: PromiseRules
    ) -> tuple[date, ...]:
        now = await self.clock.for_case(case.workflow_id)
        return choices(now, self.operations.zone_of(invoice.contact), rules.longest)


def _used_up(case: CaseRecord, rules: PromiseRules) -> bool:
    """The run counts its promises; lists know the latest only, which suffices for one."""
    made = case.promise_status in (PromiseStatus.KEPT, PromiseStatus.BROKEN)
    return made and rules.most == 1


def _check(day: date, days: tuple[date, ...]) -> None:
    if day not in days:
        raise OrderRefusedError(
            f"{day} cannot be promised; give a day from {days[0]} to {days[-1]}, "
            "on the customer's calendar"
        )
