"""How does an operator steer a case from a terminal?"""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app import clock
from app.cli import ending
from app.cli.case import InvoiceId
from app.cli.faults import WRONG, UsageError
from app.cli.output import Json, print_facts, print_json, say, shown
from app.cli.session import Session, current, operations, reach, stores
from dunning.duration import parse_duration
from dunning.orders import (
    Decide,
    Decision,
    Extend,
    Order,
    Pause,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from workflows.errors import TemporalDownError

if TYPE_CHECKING:
    from store.cases import CaseRecord
    from workflows.contracts import Snapshot

Note = Annotated[str | None, typer.Option(help="Why; kept with the case.")]
_Step = Annotated[str, typer.Argument(help="As `case show` names it.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
_ENDS = {
    Decision.WRITE_OFF: "Write off what is owed and close the case",
    Decision.STOP: "Stop the case for good",
}


def register(group: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (
        pause,
        resume,
        skip,
        send_now,
        stop,
        extend,
        replan,
        promise,
        decide,
        reopen,
        assign,
    ):
        group.command()(command)
    group.command("note")(add_note)


def pause(
    invoice_id: InvoiceId,
    *,
    until: Annotated[
        str | None,
        typer.Option(help="An instant such as 2026-12-01T09:00:00Z, or a duration such as 3d."),
    ] = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Write to nobody, until then or until resumed."""
    order = Pause(until=None if until is None else _instant(until, clock.now()))
    _carry_out(invoice_id, order, note, as_json=as_json)


def resume(invoice_id: InvoiceId, *, note: Note = None, as_json: Json = False) -> None:
    """End a pause."""
    _carry_out(invoice_id, Resume(), note, as_json=as_json)


def skip(invoice_id: InvoiceId, step: _Step, *, note: Note = None, as_json: Json = False) -> None:
    """Do not send this step."""
    _carry_out(invoice_id, Skip(step=step), note, as_json=as_json)


def send_now(
    invoice_id: InvoiceId, step: _Step, *, note: Note = None, as_json: Json = False
) -> None:
    """Send this step as soon as its send window allows."""
    _carry_out(invoice_id, SendNow(step=step), note, as_json=as_json)


def stop(
    invoice_id: InvoiceId, *, note: Note = None, yes: _Yes = False, as_json: Json = False
) -> None:
    """Close the case for good, whatever fails later; only a payment still counts."""
    _confirm(_ENDS[Decision.STOP], invoice_id, yes=yes)
    _carry_out(invoice_id, Stop(), note, as_json=as_json)


def extend(
    invoice_id: InvoiceId,
    days: Annotated[int, typer.Argument(min=1, max=90)],
    *,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Give the customer this many days more."""
    _carry_out(invoice_id, Extend(days=days), note, as_json=as_json)


def replan(invoice_id: InvoiceId, *, note: Note = None, as_json: Json = False) -> None:
    """Plan what is left again, from what is known of the customer now."""
    _carry_out(invoice_id, Replan(), note, as_json=as_json)


def promise(
    invoice_id: InvoiceId,
    day: Annotated[str, typer.Argument(help="As 2026-12-01, on the customer's calendar.")],
    *,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Note the day on which the customer will pay: no reminder goes out until it is over."""
    snapshot = ending.run(_promise(current(), invoice_id, _day(day), note))
    _print(invoice_id, snapshot, as_json=as_json)


def decide(
    invoice_id: InvoiceId,
    decision: Annotated[Decision, typer.Argument()],
    *,
    note: Note = None,
    yes: _Yes = False,
    as_json: Json = False,
) -> None:
    """Decide in a review: more time, go on, try the card again, or close the case."""
    if decision in _ENDS:
        _confirm(_ENDS[decision], invoice_id, yes=yes)
    _carry_out(invoice_id, Decide(decision=decision), note, as_json=as_json)


def reopen(invoice_id: InvoiceId, *, note: Note = None, as_json: Json = False) -> None:
    """Begin anew a case that ended unpaid."""
    from web.documents import CaseSummary

    case = ending.run(_reopen(current(), invoice_id, note))
    if as_json:
        print_json(CaseSummary.model_validate(case))
    else:
        print_facts({"invoice": invoice_id, "state": case.state, "workflow": case.workflow_id})


def assign(
    invoice_id: InvoiceId,
    person: Annotated[str | None, typer.Argument(help="Nobody without it.")] = None,
) -> None:
    """Give the case, and its open review, to a person."""
    ending.run(_assign(current(), invoice_id, person))
    say(f"The case of {invoice_id} is {f'with {person}' if person else 'with nobody'} now.")


def add_note(
    invoice_id: InvoiceId, text: Annotated[str, typer.Argument(help="What is to be kept.")]
) -> None:
    """Keep a note with the case."""
    ending.run(_note(current(), invoice_id, text))
    say("The note is kept.")


def _confirm(what: str, invoice_id: str, *, yes: bool) -> None:
    """Ask before a case is closed; without a terminal nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{what} of {shown(invoice_id)}? Nobody can be asked without a terminal. "
            "Add --yes if it is meant."
        )
    if not typer.confirm(f"{what} of {shown(invoice_id)}?", err=True):
        say("Nothing was changed.")
        raise typer.Exit(WRONG)


def _carry_out(invoice_id: str, order: Order, note: str | None, *, as_json: bool) -> None:
    snapshot = ending.run(_order(current(), invoice_id, order, note))
    _print(invoice_id, snapshot, as_json=as_json)


def _print(invoice_id: str, snapshot: Snapshot, *, as_json: bool) -> None:
    if as_json:
        print_json({"invoice_id": invoice_id, **asdict(snapshot)})
        return
    print_facts(
        {
            "invoice": invoice_id,
            "state": snapshot.state,
            "outcome": snapshot.outcome,
            "next step": snapshot.next_step,
            "next": snapshot.next_at,
        }
    )


async def _order(session: Session, invoice_id: str, order: Order, note: str | None) -> Snapshot:
    async with operations(session, orders=True) as able:
        try:
            return await able.order(
                invoice_id, order, author=author(), note=note, request_id=_request()
            )
        except TemporalDownError as fault:
            raise await _explained(session, fault) from fault


async def _promise(session: Session, invoice_id: str, day: date, note: str | None) -> Snapshot:
    from app import promising

    async with stores(session) as found, operations(session, orders=True) as able:
        desk = promising.desk(session.settings, found, able)
        try:
            return await desk.make(
                invoice_id, day, author=author(), note=note, request_id=_request()
            )
        except TemporalDownError as fault:
            raise await _explained(session, fault) from fault


async def _reopen(session: Session, invoice_id: str, note: str | None) -> CaseRecord:
    async with operations(session, orders=True) as able:
        try:
            return await able.reopen(invoice_id, author=author(), note=note, request_id=_request())
        except TemporalDownError as fault:
            raise await _explained(session, fault) from fault


async def _assign(session: Session, invoice_id: str, person: str | None) -> None:
    async with operations(session) as able:
        await able.assign(invoice_id, person, author=author())


async def _note(session: Session, invoice_id: str, text: str) -> None:
    async with operations(session) as able:
        await able.note(invoice_id, text, author=author())


async def _explained(session: Session, fault: TemporalDownError) -> TemporalDownError:
    """Is it Temporal that is away, or only a worker?"""
    try:
        await reach(session)
    except TemporalDownError as unreachable:
        return unreachable
    told = str(fault)
    return TemporalDownError(f"{told[:1].upper()}{told[1:]}. Check that `dunning worker` runs.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day. Write it like 2026-12-01.") from None


def _instant(text: str, now: datetime) -> datetime:
    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"--until: {text!r} is neither an instant with its zone, such as "
            "2026-12-01T09:00:00Z, nor a duration, such as 3d or 12h."
        )
    return moment.astimezone(UTC)


def author() -> str:
    """Who gives the order: the login name, as the audit shows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _request() -> str:
    return f"cli-{secrets.token_hex(8)}"
