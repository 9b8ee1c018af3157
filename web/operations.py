"""What may an operator do with a case? The same for the HTTP interface and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from dunning import advice
from dunning.directory import Contact, Invoice, InvoiceStatus
from dunning.events import Failed, Reopened
from dunning.ids import workflow_id
from dunning.money import Money
from dunning.orders import Decide, Decision, Order
from dunning.registration import InvoiceRegistration
from dunning.states import Cause, ReviewReason, State
from store.audit import Audit
from store.audit_kinds import AuditKind
from store.cards import CardResult
from store.cases import CaseRecord, Cases
from store.facts import Facts
from store.inbox import Inbox
from store.ledger import Ledger
from store.openings import Opening, OpeningKind
from store.references import References
from store.registration import PutResult
from store.registry import Marking, Registry
from store.story import Chronicles
from web.errors import (
    CaseNotFoundError,
    CustomerNotFoundError,
    InvoiceNotFoundError,
    MessageNotFoundError,
)
from web.order_trail import Giver, OrderTrail
from workflows.client import Opened
from workflows.contracts import CaseInput, Snapshot
from workflows.errors import NoRunError, OrderRefusedError


class CaseRuns(Protocol):
    """The runs of cases; `workflows.client.CaseClient` is one such."""

    async def open(self, workflow_id: str, start: CaseInput, event: Failed) -> Opened:
        """Signal the case with a failure, starting its run if there is none."""
        ...

    async def order(self, workflow_id: str, order: Order, *, request_id: str | None) -> Snapshot:
        """Carry out an operator's order; the same `request_id` counts once."""
        ...

    async def tell(self, workflow_id: str, fact: Reopened) -> bool:
        """Signal a fact; False when no run of this id is going on."""
        ...

    async def ready(self) -> None:
        """Raise TemporalDownError, in words for who gives an order, unless Temporal answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Everything that people and systems may change.

    What is said of an invoice is committed first and then reaches its case through the inbox, so
    it needs no Temporal; an order does. `zone_of` is on whose clock a customer lives.
    """

    registry: Registry
    cases: Cases
    ledger: Ledger
    inbox: Inbox
    facts: Facts
    references: References
    audit: Audit
    chronicles: Chronicles
    client: CaseRuns
    now: Callable[[], datetime]
    zone_of: Callable[[Contact], str]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, invoice_id: str, patch: InvoiceRegistration) -> PutResult:
        """Register or change an invoice; `RegistryError` says why nothing was changed."""
        result = await self.registry.put_invoice(invoice_id, patch)
        if patch.status is not None or patch.amount_due is not None:
            await self._tell_status(invoice_id, result.invoice.status)
        if patch.amount_due == 0:
            await self._tell_nothing_owed(result.invoice)
        self.arrived.set()
        return result

    async def paid(
        self, invoice_id: str, money: Money | None = None, *, reference: str | None = None
    ) -> None:
        """The money came by another way: all of it, or as much as is named.

        The same reference counts once. `RegistryError` for what cannot be a payment of it.
        """
        if money is None:
            marking = await self.registry.mark_paid(invoice_id, Cause.PAID_ELSEWHERE, self.now())
            _known(marking, invoice_id)
        else:
            now = self.now()
            if await self.registry.receive_payment(invoice_id, money, reference, now) is None:
                raise InvoiceNotFoundError(invoice_id)
        invoice = await self.registry.get_invoice(invoice_id)
        if invoice is not None and invoice.status is InvoiceStatus.PAID:
            await self._tell_status(invoice_id, InvoiceStatus.PAID)

    async def void(self, invoice_id: str) -> None:
        """Nothing is owed any more; OrderRefusedError for a paid invoice, which stays paid."""
        marking = await self.registry.mark_void(invoice_id, self.now())
        _known(marking, invoice_id)
        invoice = await self.registry.get_invoice(invoice_id)
        if invoice is not None and invoice.status is InvoiceStatus.PAID:
            raise OrderRefusedError(f"Invoice {invoice_id} is paid and cannot become void.")
        await self._tell_status(invoice_id, InvoiceStatus.VOID)

    async def new_card(self, invoice_id: str, token: str) -> None:
        """The customer gave a new card: messages stop until its charge has an outcome."""
        change = await self.registry.replace_card(invoice_id, token)
        if change.result is CardResult.UNKNOWN_INVOICE:
            raise InvoiceNotFoundError(invoice_id)
        await self.facts.card(invoice_id, change.card_digest)
        self.arrived.set()

    async def exclude(self, customer_id: str, *, excluded: bool) -> None:
        """Leave a customer out of all dunning, or not any more."""
        if not await self.registry.exclude(customer_id, excluded=excluded):
            raise CustomerNotFoundError(customer_id)

    async def order(
        self,
        invoice_id: str,
        order: Order,
        *,
        author: str,
        note: str | None = None,
        request_id: str | None = None,
    ) -> Snapshot:
        """Have the latest case carry an order out; the same `request_id` counts once.

        Only the id of the note goes along. Raise OrderRefusedError, NoRunError, TemporalDownError.
        """
        case = await self._case(invoice_id)
        by_hand = isinstance(order, Decide) and order.decision is Decision.MARK_PAID
        if by_hand:
            await self._mark_paid(case)
        if isinstance(order, Decide) and order.decision in _GOING_ON:
            await self._accept(case)
        if note is not None:
            order = replace(order, note_id=await self._keep(invoice_id, note, author, request_id))
        giver = Giver(author=author, request_id=request_id)
        try:
            async with self._trail.order(case.id, order, giver):
                snapshot = await self._carry_out(case, order, request_id)
        finally:
            if by_hand:
                await self._tell_status(invoice_id, InvoiceStatus.PAID)
        if isinstance(order, Decide) and snapshot.state != State.REVIEW:
            await self.cases.record_decision(invoice_id, order.decision, author)
        return snapshot

    async def reopen(
        self,
        invoice_id: str,
        *,
        author: str,
        note: str | None = None,
        request_id: str | None = None,
    ) -> CaseRecord:
        """Begin anew what ended unpaid, on the advice that the last case had."""
        await self.client.ready()
        opening = await self.cases.reopen(invoice_id, self.now())
        if opening is None:
            raise CaseNotFoundError(invoice_id)
        case = await self._case(invoice_id)
        if opening.kind is not OpeningKind.STARTED and not _unheard(opening, case):
            raise OrderRefusedError(_why_not(opening))
        if note is not None:
            await self._keep(invoice_id, note, author, request_id)
        giver = Giver(author=author, request_id=request_id or opening.workflow_id)
        await self._trail.keep(case.id, AuditKind.ORDER_REOPEN, {}, giver)
        start = CaseInput(invoice_id=invoice_id, cycle=opening.cycle)
        await self.client.open(opening.workflow_id, start, await self._last_failure(opening, case))
        last = workflow_id(invoice_id, opening.cycle - 1)
        await self.client.tell(last, Reopened(id=opening.workflow_id))
        return case

    async def resolve(self, message_id: str, *, sent: bool, author: str, note: str | None) -> None:
        """Settle a message of unknown outcome: it left after all, or it may be sent again.

        MessageNotFoundError without one, OrderRefusedError when its outcome is not unknown.
        """
        resolved = await self.ledger.resolve(message_id, sent=sent)
        if not resolved:
            status = await self.ledger.status(message_id)
            if status is None:
                raise MessageNotFoundError(message_id)
            raise OrderRefusedError(
                f"Message {message_id} is {status}, so there is nothing to resolve. "
                "`dunning message unresolved` lists the ones of unknown outcome."
            )
        for one in resolved:
            if note is not None:
                await self.cases.add_note(one.invoice_id, author=author, note=note)
            case = await self._case(one.invoice_id)
            found = {"message": message_id, "sent": sent}
            await self._trail.keep(case.id, AuditKind.ORDER_RESOLVE, found, Giver(author=author))
        self.arrived.set()

    async def assign(self, invoice_id: str, owner: str | None, *, author: str) -> None:
        """Give the case, and its open review, to a person, or to nobody."""
        case = await self._case(invoice_id)
        given = {"owner": owner}
        await self._trail.keep(case.id, AuditKind.ORDER_ASSIGN, given, Giver(author=author))
        if not await self.cases.assign(invoice_id, owner):
            raise CaseNotFoundError(invoice_id)

    async def note(
        self, invoice_id: str, note: str, *, author: str, request_id: str | None = None
    ) -> int:
        """Keep a person's words; the id of the note."""
        return await self._keep(invoice_id, note, author, request_id)

    @property
    def _trail(self) -> OrderTrail:
        return OrderTrail(audit=self.audit)

    async def _case(self, invoice_id: str) -> CaseRecord:
        case = await self.cases.get(invoice_id)
        if case is None:
            raise CaseNotFoundError(invoice_id)
        return case

    async def _tell_status(self, invoice_id: str, status: InvoiceStatus) -> None:
        if status is InvoiceStatus.PAID:
            await self.facts.paid(invoice_id)
        elif status is InvoiceStatus.VOID:
            await self.facts.voided(invoice_id)
        self.arrived.set()

    async def _tell_nothing_owed(self, invoice: Invoice) -> None:
        """An open invoice of nothing ends its case, as a void one does."""
        if invoice.status is InvoiceStatus.OPEN and invoice.amount.minor == 0:
            await self.facts.nothing_owed(invoice.id)

    async def _mark_paid(self, case: CaseRecord) -> None:
        """The store says paid before the case is told (R1), but only if the order can be right.

        A repetition finds the invoice paid and the case perhaps closed; the run answers it again.
        """
        invoice = await self.registry.get_invoice(case.invoice_id)
        paid = invoice is not None and invoice.status is InvoiceStatus.PAID
        if case.state is not State.REVIEW and not paid:
            raise OrderRefusedError(
                f"decide is not possible while the case is {case.state}; it is possible in: "
                f"{State.REVIEW}. POST /v1/invoices/{{id}}/paid marks an invoice as paid at any "
                "time."
            )
        await self.registry.mark_paid(case.invoice_id, Cause.MANUAL, self.now())

    async def _accept(self, case: CaseRecord) -> None:
        """What differed is part of the debt before the case goes on with the rest."""
        compared = case.review_reason is ReviewReason.AMOUNT_DIFFERS
        if case.state is not State.REVIEW or not compared:
            return
        if not await self.registry.accept_waiting(case.invoice_id, self.now()):
            raise OrderRefusedError(
                f"What came in for invoice {case.invoice_id} covers what is owed, so that nothing "
                "is left to remind anybody of. Decide mark_paid."
            )

    async def _carry_out(self, case: CaseRecord, order: Order, request_id: str | None) -> Snapshot:
        try:
            return await self.client.order(case.workflow_id, order, request_id=request_id)
        except NoRunError as fault:
            now = await self._case(case.invoice_id)
            if now.state is not State.CLOSED:
                raise
            raise OrderRefusedError(
                f"{order.kind} is not possible while the case is {now.state} "
                f"({now.outcome or 'no outcome'}); reopen it if it ended unpaid"
            ) from fault

    async def _last_failure(self, opening: Opening, case: CaseRecord) -> Failed:
        before = await self.cases.get_run(workflow_id(case.invoice_id, opening.cycle - 1))
        code = None if before is None else before.decline_code
        known = None if before is None else before.advice
        asked = known or advice.of_failure(None, code)
        return Failed(id=f"reopen-{opening.cycle}", advice=asked, decline_code=code)

    async def _keep(self, invoice_id: str, note: str, author: str, request_id: str | None) -> int:
        """A repeated request finds its note where it left it: as its author's latest."""
        if request_id is not None:
            own = [n for n in await self.cases.notes(invoice_id) if n.author == author]
            if own and own[-1].text == note:
                return own[-1].id
        kept = await self.cases.add_note(invoice_id, author=author, note=note)
        if kept is None:
            raise CaseNotFoundError(invoice_id)
        return kept


_GOING_ON = frozenset({Decision.RESUME, Decision.RETRY_NOW})


def _known(marking: Marking, invoice_id: str) -> None:
    if marking is Marking.UNKNOWN_INVOICE:
        raise InvoiceNotFoundError(invoice_id)


def _unheard(opening: Opening, case: CaseRecord) -> bool:
    """Whether an earlier reopening was committed, but its run has not shown itself yet."""
    later = opening.kind is OpeningKind.RUNNING and opening.cycle > 1
    return later and case.state is State.OPENING and case.version == 0


def _why_not(opening: Opening) -> str:
    match opening.kind:
        case OpeningKind.SETTLED:
            return "The case cannot be reopened: its invoice is paid or void, nothing is owed."
        case OpeningKind.RUNNING:
            return "The case cannot be reopened: it is still open. Extend or resume it instead."
        case _:
            return "The case cannot be reopened: it ended as recovered."
