"""What is known of an invoice, of its case, and of the events that came in?"""

from __future__ import annotations

from collections.abc import Sequence

from dunning.directory import Contact, Invoice
from dunning.money import Money, sums
from dunning.settlement import Payment
from dunning.states import Outcome, State
from store.cases import CaseRecord
from store.inbox import EventStatus
from store.references import InvoiceReferences
from store.story import Chronicle
from web.documents import (
    CaseDocument,
    CaseFile,
    CasePage,
    CaseSummary,
    CustomerDocument,
    EventDocument,
    EventPage,
    InvoiceDocument,
    MessageDocument,
    MoneyDocument,
    NoteDocument,
    PaymentDocument,
    ReferencesDocument,
)
from web.errors import CaseNotFoundError, InvoiceNotFoundError
from web.operations import Operations
from web.story import StoryDocument, tell
from web.story_file import Parts, StoryFile
from web.story_file import story_file as build


async def invoice(stores: Operations, invoice_id: str) -> InvoiceDocument:
    """An invoice with its latest case, as committed now."""
    found = await stores.registry.get_invoice(invoice_id)
    if found is None:
        raise InvoiceNotFoundError(invoice_id)
    references = await stores.references.of(invoice_id)
    record = await stores.cases.get(invoice_id)
    latest = None if record is None else await _case(stores, record)
    came = [_payment(one) for one in await stores.registry.payments(invoice_id)]
    return _invoice(found, references, latest, came)


async def case(stores: Operations, invoice_id: str) -> CaseFile:
    """The latest case of an invoice with messages and notes."""
    record = await stores.cases.get(invoice_id)
    if record is None:
        raise CaseNotFoundError(invoice_id)
    found = await stores.registry.get_invoice(invoice_id)
    if found is None:
        raise InvoiceNotFoundError(invoice_id)
    shown = await _case(stores, record)
    came = await stores.registry.payments(invoice_id)
    return CaseFile(
        **dict(shown),
        owed=_money(found.amount),
        received=_received(found),
        waiting=[_money(one) for one in sums(one.money for one in came if one.waits)],
        payments=[_payment(one) for one in came],
        notes=[NoteDocument.model_validate(n) for n in await stores.cases.notes(invoice_id)],
    )


async def story(stores: Operations, invoice_id: str) -> StoryDocument:
    """What happened in all cases of an invoice, and why, in order."""
    return tell(invoice_id, await chronicle(stores, invoice_id), await zone(stores, invoice_id))


async def story_file(stores: Operations, invoice_id: str, *, personal: bool) -> StoryFile:
    """The story with what messages said, to be handed over; `personal` with addresses."""
    told = await chronicle(stores, invoice_id)
    found = await stores.registry.get_invoice(invoice_id)
    if found is None:
        raise InvoiceNotFoundError(invoice_id)
    parts = Parts(
        case=await case(stores, invoice_id),
        owed=found.amount,
        contact=found.contact,
        story=tell(invoice_id, told, stores.zone_of(found.contact)),
        letters=told.letters,
        trails=[checked async for checked in stores.audit.verify(invoice_id)],
    )
    return build(parts, stores.now(), personal=personal)


async def chronicle(stores: Operations, invoice_id: str) -> Chronicle:
    """All that is written down about the cases of an invoice."""
    if await stores.cases.get(invoice_id) is None:
        raise CaseNotFoundError(invoice_id)
    return await stores.chronicles.of_invoice(invoice_id)


async def zone(stores: Operations, invoice_id: str) -> str:
    """On whose clock the customer of an invoice lives."""
    found = await stores.registry.get_invoice(invoice_id)
    if found is None:
        raise InvoiceNotFoundError(invoice_id)
    return stores.zone_of(found.contact)


async def cases(
    stores: Operations,
    *,
    state: State | None = None,
    outcome: Outcome | None = None,
    owner: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> CasePage:
    """One page of cases, newest first."""
    found = await stores.cases.find(
        state=state, outcome=outcome, owner=owner, limit=limit, before_id=before
    )
    shown = [CaseSummary.model_validate(record) for record in found]
    return CasePage(cases=shown, next=_next(shown, limit))


async def queue(
    stores: Operations, state: State, *, owner: str | None, limit: int
) -> list[CaseSummary]:
    """The cases in one state, those first whose time comes first, or is past."""
    found = await stores.cases.find(state=state, owner=owner, limit=limit, urgent_first=True)
    return [CaseSummary.model_validate(record) for record in found]


async def events(
    stores: Operations,
    *,
    status: EventStatus | None = None,
    unmatched: bool = False,
    limit: int = 100,
    before: int | None = None,
) -> EventPage:
    """One page of events, newest first. Unmatched ones wait for an invoice."""
    found = await stores.inbox.find_events(
        status=status, unmatched=unmatched, limit=limit, before_id=before
    )
    shown = [EventDocument.model_validate(record) for record in found]
    return EventPage(events=shown, next=_next(shown, limit))


def _next(shown: Sequence[CaseSummary | EventDocument], limit: int) -> int | None:
    return shown[-1].id if len(shown) == limit else None


async def _case(stores: Operations, record: CaseRecord) -> CaseDocument:
    messages = await stores.ledger.messages(record.workflow_id)
    summary = CaseSummary.model_validate(record)
    return CaseDocument(
        **dict(summary), messages=[MessageDocument.model_validate(m) for m in messages]
    )


def _invoice(
    found: Invoice,
    references: InvoiceReferences,
    latest: CaseDocument | None,
    came: list[PaymentDocument],
) -> InvoiceDocument:
    return InvoiceDocument(
        id=found.id,
        amount_due=(found.total or found.amount).minor,
        currency=found.amount.currency,
        owed=_money(found.amount),
        received=_received(found),
        payments=came,
        status=found.status,
        description=found.description,
        due_at=found.due_at,
        billing_period=found.billing_period,
        next_invoice_at=found.next_invoice_at,
        plan=found.plan,
        payment_url=found.payment_url,
        payment_method_token=references.payment_method_token,
        customer=_customer(found.contact),
        revtain=ReferencesDocument(
            transaction_ids=list(references.transaction_ids),
            idempotency_keys=list(references.idempotency_keys),
        ),
        case=latest,
    )


def _money(money: Money) -> MoneyDocument:
    return MoneyDocument(amount=money.minor, currency=money.currency)


def _payment(one: Payment) -> PaymentDocument:
    if one.received_at is None:
        raise AssertionError("a payment was read that is not written down")
    return PaymentDocument(
        amount=one.money.minor,
        currency=one.money.currency,
        source=one.source,
        reference=one.reference,
        counted=one.counted,
        received_at=one.received_at,
    )


def _received(found: Invoice) -> MoneyDocument | None:
    return None if found.received is None else _money(found.received)


def _customer(contact: Contact) -> CustomerDocument:
    return CustomerDocument(
        id=contact.customer_id,
        name=contact.name,
        email=contact.email,
        phone=contact.phone,
        locale=contact.locale,
        timezone=contact.timezone,
        country=contact.country,
        sms_consent_at=contact.sms_consent_at,
        tags=list(contact.tags),
        value_tier=contact.value_tier,
        excluded=contact.excluded,
        push_tokens=list(contact.push_tokens),
    )
