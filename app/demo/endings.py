"""What came of every story? Read back from the database, the inboxes and Temporal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from babel import Locale
from temporalio.client import WorkflowExecutionStatus

from app.demo.script import Story
from app.demo.stage import Stage
from dunning.directory import Invoice
from dunning.service import ServiceStatus
from messages.money import format_money
from sandbox.inbox import Message
from sandbox.twilio_texts import Direction
from store.cases import CaseRecord
from store.message_records import MessageRecord, MessageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of one invoice. `inbox` is all that its customer ever got, from any invoice.

    `disagreements` say where database, inbox and Temporal contradict each other.
    """

    story: Story
    invoice: Invoice
    case: CaseRecord | None
    messages: tuple[MessageRecord, ...]
    inbox: tuple[Message, ...]
    disagreements: tuple[str, ...] = ()

    @property
    def sent(self) -> list[MessageRecord]:
        """What left, in the order in which it did."""
        return sorted((m for m in self.messages if m.status is MessageStatus.SENT), key=left_at)

    @property
    def amount(self) -> str:
        """What was owed, as the customer reads it."""
        locale = Locale.parse(self.invoice.contact.locale or "en", sep="-")
        return format_money(self.invoice.amount, locale)

    def arrived(self, message: MessageRecord) -> Message | None:
        """The same message as it lies in the inbox."""
        return next((m for m in self.inbox if m.vendor_id == message.provider_id), None)


def left_at(message: MessageRecord) -> datetime:
    """When a message left, in its case's time."""
    return message.occurred_at or message.updated_at


async def read(stage: Stage, told: Sequence[Story]) -> list[Ending]:
    """Ask all witnesses about every story, and compare what they say."""
    endings = [await _read(stage, story) for story in told]
    return [
        replace(
            one,
            disagreements=(
                *_arrived(one, endings),
                *_together(one, endings),
                *await _ran(stage, one.case),
            ),
        )
        for one in endings
    ]


async def _read(stage: Stage, story: Story) -> Ending:
    invoice = await stage.stores.registry.get_invoice(story.invoice_id)
    if invoice is None:
        raise LookupError(f"{story.invoice_id} was never registered")
    case = await stage.stores.cases.get(story.invoice_id)
    ledger = stage.stores.ledger
    return Ending(
        story=story,
        invoice=invoice,
        case=case,
        messages=tuple(await ledger.messages(case.workflow_id)) if case else (),
        inbox=tuple(
            message
            for address in (invoice.contact.email, invoice.contact.phone)
            if address is not None
            for message in stage.sandbox.messages.find(to=address)
            if not _answers(stage, message)
        ),
    )


def _answers(stage: Stage, message: Message) -> bool:
    """Whether it is the answer to a text of the customer's, which belongs to no case."""
    text = stage.sandbox.texts.get(message.vendor_id)
    return text is not None and text.direction is Direction.REPLY


def _arrived(one: Ending, endings: Sequence[Ending]) -> Iterator[str]:
    """An inbox must hold exactly what the ledger calls sent to this customer, each once."""
    customer = one.invoice.contact.customer_id
    theirs = [other for other in endings if other.invoice.contact.customer_id == customer]
    ledger = {str(message.provider_id) for other in theirs for message in other.sent}
    inbox = [message.vendor_id for message in one.inbox]
    if sorted(inbox) != sorted(ledger):
        yield f"inbox {inbox}, ledger {sorted(ledger)}"


def _together(one: Ending, endings: Sequence[Ending]) -> Iterator[str]:
    """A message about several invoices must name all their amounts."""
    for message in one.sent:
        arrived = one.arrived(message)
        for other in (one, *companions(message, endings)):
            if message.together_with and arrived and other.amount not in arrived.text:
                yield f"{message.step} does not name {other.amount} of {other.story.invoice_id}"


def companions(message: MessageRecord, endings: Sequence[Ending]) -> list[Ending]:
    """The other invoices that a message speaks of."""
    return [one for one in endings if one.story.invoice_id in message.together_with]


async def _ran(stage: Stage, case: CaseRecord | None) -> list[str]:
    if case is None:
        return []
    found = await stage.client.get_workflow_handle(case.workflow_id).describe()
    done = found.status is WorkflowExecutionStatus.COMPLETED
    state = next(iter(found.search_attributes.get("DunningState", ())), None)
    # A closed case runs on until the service has ended.
    over = case.closed_at is not None and case.service_status is not ServiceStatus.ENDING
    if done != over or state != case.state.value:
        return [f"Temporal: {found.status}, {state}; database: {case.state.value}"]
    return []
