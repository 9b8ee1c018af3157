"""Which cases are there, and how does one of them stand?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import (
    Json,
    figure,
    local,
    print_facts,
    print_json,
    print_line,
    print_rows,
    say,
    shown,
    utc,
)
from app.cli.session import Session, current, operations
from dunning.states import Outcome, State

if TYPE_CHECKING:
    from dunning.directory import Contact
    from web.documents import CaseFile, CaseSummary, MessageDocument

group = typer.Typer(
    name="case", help="The dunning of an invoice: look at it, steer it.", no_args_is_help=True
)

InvoiceId = Annotated[str, typer.Argument(metavar="INVOICE", help="The merchant's invoice id.")]


@group.command("list")
def list_cases(
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Cases, newest first. `--state review` is the queue of those that wait for a person."""
    found = ending.run(_find(state, outcome, limit))
    if as_json:
        print_json(found)
        return
    headings = ("INVOICE", "STATE", "OUTCOME", "CAMPAIGN", "NEXT STEP", "NEXT", "OWNER", "OPENED")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such cases.")


@group.command()
def show(invoice_id: InvoiceId, *, as_json: Json = False) -> None:
    """One case: its state, each message with when and why, and what people noted."""
    case, zone = ending.run(_get(current(), invoice_id))
    if as_json:
        print_json({**case.model_dump(mode="json"), "timezone": zone})
        return
    print_facts(_facts(case))
    print_line("")
    _print_messages(case, zone)
    for note in case.notes:
        print_line(f"\nNote by {shown(note.author)}, {utc(note.created_at)}")
        for line in note.text.splitlines():
            print_line(f"  {shown(line)}")


async def _find(state: State | None, outcome: Outcome | None, limit: int) -> list[CaseSummary]:
    from web import lookup

    async with operations(current()) as able:
        return (await lookup.cases(able, state=state, outcome=outcome, limit=limit)).cases


async def _get(session: Session, invoice_id: str) -> tuple[CaseFile, str]:
    """The case, and the zone on whose clock its customer lives."""
    from web import lookup

    async with operations(session) as able:
        case = await lookup.case(able, invoice_id)
        invoice = await able.registry.get_invoice(invoice_id)
        return case, _zone(session, invoice.contact if invoice else None)


def _zone(session: Session, contact: Contact | None) -> str:
    from activities.zones import whereabouts
    from app import wiring

    account = wiring.policy(session.settings).account.timezone
    return account if contact is None else whereabouts(contact, account).zone


def _row(case: CaseSummary) -> tuple[object, ...]:
    step = case.next_step if case.closed_at is None else None
    return (
        case.invoice_id,
        case.state,
        case.outcome,
        case.campaign,
        step,
        case.next_at,
        case.owner,
        case.opened_at,
    )


def _facts(case: CaseFile) -> dict[str, object]:
    received = case.received
    return {
        "invoice": case.invoice_id,
        "state": case.state,
        "outcome": case.outcome,
        "cause": case.cause,
        "review": _review(case),
        "owed": figure(case.owed.amount, case.owed.currency),
        "received": received and figure(received.amount, received.currency),
        "next": _next(case),
        "campaign": case.campaign,
        "because": case.campaign_reason,
        "advice": case.advice,
        "decline code": case.decline_code,
        "owner": case.owner,
        "opened": case.opened_at,
        "closed": case.closed_at,
        "paid after close": case.paid_after_close_at,
        "workflow": case.workflow_id,
    }


def _review(case: CaseSummary) -> str | None:
    if case.review_reason is None:
        return None
    return f"{case.review_reason}, round {case.review_round}"


def _next(case: CaseSummary) -> str | None:
    if case.next_at is None:
        return None
    return f"{case.next_step or 'deadline'} at {utc(case.next_at)}"


def _print_messages(case: CaseFile, zone: str) -> None:
    if not case.messages:
        print_line("No messages are planned.")
        return
    headings = ("STEP", "CHANNEL", "TEMPLATE", "STATUS", f"LOCAL ({zone})", "UTC", "REASON")
    print_rows(headings, (_message(message, zone) for message in case.messages))


def _message(message: MessageDocument, zone: str) -> tuple[object, ...]:
    moment = message.occurred_at or message.due_at
    return (
        message.step,
        message.channel,
        message.template,
        message.status,
        local(moment, zone) if moment else None,
        moment,
        message.reason or _company(message),
    )


def _company(message: MessageDocument) -> str | None:
    if not message.together_with:
        return None
    return f"{message.status} together with {', '.join(message.together_with)}"
