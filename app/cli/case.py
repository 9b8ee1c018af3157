"""Which cases are there, and how does one of them stand?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import (
    Json,
    figure,
    figures,
    local,
    paid_parts,
    print_facts,
    print_json,
    print_line,
    print_rows,
    say,
    utc,
)
from app.cli.session import Session, current, operations
from app.cli.story import print_story, write_story
from dunning.states import Outcome, State

if TYPE_CHECKING:
    from web.documents import CaseFile, CaseSummary, MessageDocument
    from web.story import StoryDocument

group = typer.Typer(
    name="case", help="The dunning of an invoice: look at it, steer it.", no_args_is_help=True
)

InvoiceId = Annotated[str, typer.Argument(metavar="INVOICE", help="The merchant's invoice id.")]


@group.command("list")
def list_cases(
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only those that this person has.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Cases, newest first; in one state, those first whose deadline is past or comes first.

    `--state review` is the queue of those that wait for a person.
    """
    found = ending.run(_find(state, outcome, owner, limit))
    if as_json:
        print_json(found)
        return
    headings = ("INVOICE", "STATE", "OUTCOME", "CAMPAIGN", "NEXT STEP", "NEXT", "OWNER", "OPENED")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such cases.")


@group.command()
def show(
    invoice_id: InvoiceId,
    *,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the whole story for a complaint: .html or .md, with a .json beside it.",
        ),
    ] = None,
    personal: Annotated[
        bool, typer.Option("--with-personal-data", help="With addresses, in the export.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One case: its state, its messages, and all that happened in order, with when and why."""
    if export is not None:
        write_story(current(), invoice_id, export, personal=personal)
        return
    case, story = ending.run(_get(current(), invoice_id))
    if as_json:
        told = story.model_dump(mode="json")
        print_json(
            {**case.model_dump(mode="json"), "timezone": story.timezone, "story": told["lines"]}
        )
        return
    print_facts(_facts(case))
    print_line("")
    _print_messages(case, story.timezone)
    print_story(story)


async def _find(
    state: State | None, outcome: Outcome | None, owner: str | None, limit: int
) -> list[CaseSummary]:
    from web import lookup

    async with operations(current()) as able:
        if state not in (None, State.CLOSED) and outcome is None:
            return await lookup.queue(able, state, owner=owner, limit=limit)
        found = await lookup.cases(able, state=state, outcome=outcome, owner=owner, limit=limit)
        return found.cases


async def _get(session: Session, invoice_id: str) -> tuple[CaseFile, StoryDocument]:
    """The case, and its story on the clock of its customer."""
    from web import lookup

    async with operations(session) as able:
        return await lookup.case(able, invoice_id), await lookup.story(able, invoice_id)


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
        "waits for a decision": figures(case.waiting),
        "payments": paid_parts(case.payments),
        "next": _next(case),
        "promise": _promised(case),
        "campaign": case.campaign,
        "because": case.campaign_reason,
        "advice": case.advice,
        "decline code": case.decline_code,
        "owner": case.owner,
        "opened": case.opened_at,
        "closed": case.closed_at,
        "paid after close": case.paid_after_close_at,
        "service": _service(case),
        "workflow": case.workflow_id,
    }


def _review(case: CaseSummary) -> str | None:
    if case.review_reason is None:
        return None
    return f"{case.review_reason}, round {case.review_round}"


def _promised(case: CaseSummary) -> str | None:
    return None if case.promise_day is None else f"{case.promise_day}, {case.promise_status}"


def _service(case: CaseSummary) -> str | None:
    if case.service is None:
        return None
    at = f" at {utc(case.service_ends_at)}" if case.service_ends_at else ""
    return f"{case.service}, {case.service_status}{at}"


def _next(case: CaseSummary) -> str | None:
    if case.next_at is None:
        return None
    return f"{case.next_step or 'deadline'} at {utc(case.next_at)}"


def _print_messages(case: CaseFile, zone: str) -> None:
    if not case.messages:
        print_line("No messages are planned.")
        return
    local_time = f"LOCAL ({zone})"
    headings = ("STEP", "CHANNEL", "TEMPLATE", "STATUS", "DELIVERY", local_time, "UTC", "REASON")
    print_rows(headings, (_message(message, zone) for message in case.messages))


def _message(message: MessageDocument, zone: str) -> tuple[object, ...]:
    moment = message.occurred_at or message.due_at
    return (
        message.step,
        message.channel,
        message.template,
        message.status,
        _delivery(message),
        local(moment, zone) if moment else None,
        moment,
        message.reason or _company(message),
    )


def _delivery(message: MessageDocument) -> str | None:
    """How far it came since the vendor took it."""
    if message.delivery is None or message.delivery_code is None:
        return message.delivery
    return f"{message.delivery} ({message.delivery_code})"


def _company(message: MessageDocument) -> str | None:
    if not message.together_with:
        return None
    return f"{message.status} together with {', '.join(message.together_with)}"
