"""What came of every story? Read back from the database, the inboxes and Temporal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from temporalio.client import WorkflowExecutionStatus

from app.demo.stage import Stage
from app.demo.stories import Story
from dunning.channel import Channel
from dunning.directory import Contact
from dunning.facts import CASE_CLOSED
from dunning.states import Outcome
from store.cases import CaseRecord
from store.ledger import MessageRecord, MessageStatus

_HELD = frozenset(
    {
        MessageStatus.WITHHELD,
        MessageStatus.OVERTAKEN,
        MessageStatus.SKIPPED,
        MessageStatus.REFUSED,
        MessageStatus.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One invoice's end, and whether all witnesses agree on it."""

    invoice_id: str
    title: str
    sent: tuple[str, ...]
    held: tuple[str, ...]
    outcome: str
    disagreements: tuple[str, ...]


async def read(stage: Stage, story: Story) -> Line:
    """Ask the database, the customer's inbox and Temporal."""
    invoice = await stage.stores.registry.get_invoice(story.invoice_id)
    case = await stage.stores.cases.get(story.invoice_id)
    if invoice is None:
        return _nothing(story, "the invoice is not registered")
    if case is None:
        return _nothing(story, f"no case was opened; the invoice is {invoice.status.value}")
    messages = await stage.stores.ledger.messages(case.workflow_id)
    sent = [m for m in messages if m.status is MessageStatus.SENT]
    zone = ZoneInfo(invoice.contact.timezone or "UTC")
    return Line(
        invoice_id=story.invoice_id,
        title=story.title,
        sent=tuple(_sent(m, zone) for m in sorted(sent, key=_when)),
        held=tuple(_held(m) for m in messages if m.status in _HELD and m.reason != CASE_CLOSED),
        outcome=_outcome(case),
        disagreements=(
            *_arrived(stage, invoice.contact, sent),
            *await _ran(stage, case),
        ),
    )


def _nothing(story: Story, outcome: str) -> Line:
    return Line(
        invoice_id=story.invoice_id,
        title=story.title,
        sent=(),
        held=(),
        outcome=outcome,
        disagreements=(),
    )


def _when(message: MessageRecord) -> datetime:
    return message.occurred_at or message.updated_at


def _sent(message: MessageRecord, zone: ZoneInfo) -> str:
    local = _when(message).astimezone(zone).strftime("%a %d %b %H:%M")
    road = "text " if message.channel is Channel.SMS else "email"
    return f"{local}  {road} {message.template}"


def _held(message: MessageRecord) -> str:
    reason = message.reason or ""
    told = (
        reason if reason.startswith(message.status.value) else f"{message.status.value}, {reason}"
    )
    return f"{message.step}: {told}"


def _outcome(case: CaseRecord) -> str:
    if case.outcome is None:
        reason = f" ({case.review_reason.value})" if case.review_reason else ""
        return f"{case.state.value}{reason}"
    cause = f" by {case.cause.value}" if case.cause else ""
    return f"{case.outcome.value}{cause}"


def _arrived(stage: Stage, contact: Contact, sent: list[MessageRecord]) -> list[str]:
    """The customer's own inbox must hold exactly what the ledger calls sent."""
    arrived = [
        message.vendor_id
        for address in (contact.email, contact.phone)
        if address is not None
        for message in stage.sandbox.messages.find(to=address)
    ]
    ours = [m.provider_id for m in sent]
    return [] if sorted(arrived) == sorted(map(str, ours)) else [f"inbox {arrived}, ledger {ours}"]


async def _ran(stage: Stage, case: CaseRecord) -> list[str]:
    found = await stage.client.get_workflow_handle(case.workflow_id).describe()
    done = found.status is WorkflowExecutionStatus.COMPLETED
    state = next(iter(found.search_attributes.get("DunningState", ())), None)
    if done != (case.closed_at is not None) or state != case.state.value:
        return [f"Temporal: {found.status}, {state}; database: {case.state.value}"]
    return []


def table(lines: list[Line]) -> Table:
    """For a terminal of a hundred columns and more."""
    shown = Table(title="A month and a half of dunning", show_lines=True, expand=True)
    shown.add_column("invoice", no_wrap=True)
    shown.add_column("story", ratio=3)
    shown.add_column("sent, in the customer's local time", ratio=5)
    shown.add_column("not sent, and why", ratio=4)
    shown.add_column("outcome", ratio=2)
    for line in lines:
        good = line.outcome.startswith(Outcome.RECOVERED.value)
        shown.add_row(
            line.invoice_id,
            line.title,
            "\n".join(line.sent) or "-",
            "\n".join(line.held) or "-",
            f"[green]{line.outcome}[/]" if good else f"[yellow]{line.outcome}[/]",
        )
    return shown
