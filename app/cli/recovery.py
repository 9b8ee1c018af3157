"""How is a failed payment handed to Revtain by hand, and which of them have no outcome yet?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import Json, print_facts, print_json, print_rows, say
from app.cli.session import current, operations, stores
from dunning.handover import Handover, HandoverStatus, check_code, check_key

if TYPE_CHECKING:
    from store.recoveries import Recovery

group = typer.Typer(
    name="recovery", help="Failed payments that Revtain is to try.", no_args_is_help=True
)

_NEXT = {
    HandoverStatus.RECOVERED: "The invoice is paid.",
    HandoverStatus.FAILED: "`dunning web` opens the case.",
    HandoverStatus.BLOCKED: "`dunning web` opens the case, for a person to look at.",
    HandoverStatus.QUEUED: "Revtain tries later by itself; a case watches for the outcome.",
    HandoverStatus.UNKNOWN: "Nobody knows yet; a case watches for the outcome.",
    HandoverStatus.SCHEDULED: "`dunning web` tries it when its time has come.",
    HandoverStatus.REFUSED: "Nothing was tried.",
}


@group.command()
def start(
    invoice: Annotated[str, typer.Argument(help="The id of a registered invoice.")],
    *,
    decline_code: Annotated[
        str | None, typer.Option(metavar="CODE", help="Why the payment failed at the gateway.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Your own name of the attempt; the same is tried once."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have Revtain try the payment of INVOICE with the card that is registered.

    The card is charged at most once for each attempt, and never while another one of the invoice
    has no outcome. Needs REVTAIN_API_KEY, and `dunning web` for what follows. Exit code 1 when
    Revtain does not try it.
    """
    handed = Handover(
        decline_code=_checked("--decline-code", check_code, decline_code),
        key=_checked("--idempotency-key", check_key, idempotency_key),
    )
    found = ending.run(_start(invoice, handed))
    if as_json:
        print_json(_shown(found))
    else:
        print_facts(_shown(found))
        say(_NEXT[found.status])
    if found.status is HandoverStatus.REFUSED:
        raise typer.Exit(1)


@group.command("list")
def list_recoveries(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 100,
    as_json: Json = False,
) -> None:
    """Payments that were handed over and have no outcome yet, the oldest first."""
    found = ending.run(_open(limit))
    if as_json:
        print_json([_shown(one) for one in found])
        return
    headings = ("INVOICE", "STATUS", "SINCE", "NOT BEFORE", "TRANSACTION", "KEY")
    print_rows(headings, map(_row, found))
    if not found:
        say("No payment waits for its outcome.")


def _checked(option: str, check: Callable[[str], str], given: str | None) -> str | None:
    try:
        return None if given is None else check(given)
    except ValueError as fault:
        raise UsageError(f"{option} {fault}.") from fault


async def _start(invoice_id: str, handed: Handover) -> Recovery:
    from app import recoveries

    session = current()
    async with (
        stores(session) as found,
        operations(session) as known,
        recoveries.opened(session.settings, found, known) as desk,
    ):
        return await desk.start(invoice_id, handed)


async def _open(limit: int) -> list[Recovery]:
    from store.recoveries import Recoveries

    async with stores(current()) as found:
        return await Recoveries(found.database).open(limit)


def _shown(one: Recovery) -> dict[str, object]:
    scheduled = one.status is HandoverStatus.SCHEDULED and not one.at_work
    return {
        "invoice_id": one.invoice_id,
        "status": one.status.value,
        "idempotency_key": one.key,
        "transaction_id": one.transaction_id,
        "decline_code": one.answered_code,
        "reason": one.reason,
        "not_before": one.due_at if scheduled else None,
    }


def _row(one: Recovery) -> tuple[object, ...]:
    shown = _shown(one)
    return (
        one.invoice_id,
        one.status.value,
        one.requested_at,
        shown["not_before"],
        one.transaction_id,
        one.key,
    )
