"""Which events went out to the merchant, and which of them shall go again?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import Json, print_json, print_rows, say
from app.cli.session import current, stores
from dunning.duration import parse_duration
from dunning.errors import DunningError

if TYPE_CHECKING:
    from store.outgoing import OutgoingRecord

group = typer.Typer(
    name="outgoing", help="What went out to the merchant's endpoints.", no_args_is_help=True
)

Status = Literal["due", "delivered", "dead"]
_HEADINGS = ("ID", "RECORDED", "EVENT", "INVOICE", "ENDPOINT", "STATUS", "ATTEMPTS", "NEXT", "LAST")


class NotReplayedError(DunningError):
    """Some events were left as they are."""


@group.command("list")
def list_outgoing(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    invoice: Annotated[str | None, typer.Option(help="Only those of this invoice.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Events, newest first.

    due: on their way, or tried again later; delivered: the endpoint has them; dead: given up after
    three days, or because the endpoint is gone.
    """
    found = ending.run(_find(status, invoice, limit))
    if as_json:
        print_json(found)
        return
    print_rows(_HEADINGS, map(_row, found))
    if not found:
        say("No such events.")


@group.command()
def replay(
    webhook_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="As `outgoing list` shows them.")
    ] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that are dead.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="With --dead: only those of this endpoint.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="With --dead: only the last, such as 36h or 7d.")
    ] = None,
) -> None:
    """Deliver events again, under their ids: now, and by the schedule if that fails."""
    if dead == bool(webhook_ids) or (not dead and (endpoint or since)):
        raise UsageError(
            "Name the events, or write --dead (with --endpoint or --since, if not all)."
        )
    if dead:
        number = ending.run(_replay_dead(endpoint, since))
        say(f"{number} event(s) are due now.")
        return
    left = ending.run(_replay(webhook_ids or []))
    if left:
        raise NotReplayedError("\n".join(left))
    say(f"{len(set(webhook_ids or []))} event(s) are due now.")


async def _find(status: Status | None, invoice: str | None, limit: int) -> list[OutgoingRecord]:
    from store.outgoing import OutgoingStatus

    wanted = None if status is None else OutgoingStatus(status)
    async with stores(current()) as found:
        return await found.outgoing.find(status=wanted, invoice_id=invoice, limit=limit)


async def _replay(webhook_ids: list[str]) -> list[str]:
    """What was left as it is, a sentence each."""
    from web.errors import OutgoingNotFoundError

    left: list[str] = []
    async with stores(current()) as found:
        done = await found.outgoing.replay(webhook_ids)
        for one in dict.fromkeys(webhook_ids):
            if one in done:
                continue
            known = await found.outgoing.find(webhook_id=one, limit=1)
            why = known[0].why_left if known else str(OutgoingNotFoundError(one))
            left.append(f"{one} was not replayed. {why}")
    return left


async def _replay_dead(endpoint: str | None, since: str | None) -> int:
    from web.errors import EndpointNotFoundError

    begin = None if since is None else _begin(since)
    async with stores(current()) as found:
        if endpoint is not None:
            known = await found.endpoints.get(endpoint)
            if known is None:
                raise EndpointNotFoundError(endpoint)
            if known.disabled_at is not None:
                raise NotReplayedError(
                    f"Endpoint {endpoint} is disabled: `dunning endpoint enable {endpoint}` first."
                )
        return await found.outgoing.replay_dead(endpoint_id=endpoint, since=begin)


def _begin(since: str) -> datetime:
    from app import clock

    try:
        return clock.now() - parse_duration(since)
    except ValueError as fault:
        raise UsageError(f"--since: {fault}") from fault


def _row(one: OutgoingRecord) -> tuple[object, ...]:
    after = one.due_at if one.status == "due" else None
    return (
        one.id,
        one.at,
        one.kind,
        one.invoice_id,
        one.endpoint_id,
        one.status,
        one.attempts,
        after,
        one.last_fault or one.last_status,
    )
