"""Which addresses are not written to, and how does a person close or open one?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending, importing
from app.cli.faults import UsageError
from app.cli.output import Json, print_json, print_line, print_rows, say, talk
from app.cli.session import Session, current, stores
from app.suppression_file import COLUMNS, BadRow, ClosedRow, Columns, problem_of, read_suppressions
from dunning.channel import Channel
from dunning.suppression import Reason, Scope, Source

if TYPE_CHECKING:
    from app.wiring import Stores
    from store.closed_addresses import ClosedAddress

group = typer.Typer(
    name="suppression", help="Addresses that are not written to.", no_args_is_help=True
)

_Channel = Annotated[Channel, typer.Argument(metavar="CHANNEL", help="email, sms or push.")]
_Address = Annotated[
    str,
    typer.Argument(metavar="ADDRESS", help="An email, a number in E.164, or a customer's id."),
]
_Note = Annotated[
    str | None, typer.Option(help="Who said so, and how; kept as proof of an opt-out.")
]
_IMPORT_HELP = f"""Close the addresses of a CSV file, or of stdin with `-`.

Columns, in any order, named on the first line: {", ".join(COLUMNS)}. Only address is
needed on every row; reason is opted_out and scope everything unless they are given; other columns
are passed by.

Exports of other systems name their columns differently. Say how with --column, and give with
--channel and --reason what holds for all rows. SendGrid's global or group unsubscribes:
--channel email --column address=email. A list of numbers that opted out at Twilio:
--channel sms --column address=NAME.

Every bad row is reported with its line; the good ones are kept, and a file may be imported again.
Exit code 1 when rows were bad.
"""


@dataclass(slots=True)
class _Tally:
    closed: int = 0
    unchanged: int = 0
    problems: list[BadRow] = field(default_factory=list[BadRow])

    @property
    def words(self) -> str:
        counts = (
            (self.closed, "closed"),
            (self.unchanged, "closed before"),
            (len(self.problems), "bad"),
        )
        return ", ".join(f"{count} {name}" for count, name in counts if count) or "no rows"


@group.command("list")
def list_suppressions(
    *,
    channel: Annotated[Channel | None, typer.Option(help="Only of this channel.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only for this reason.")] = None,
    address: Annotated[
        str | None, typer.Option(help="Only of this address; needs --channel.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Reasons in force why addresses are not written to, newest first.

    Addresses themselves are not kept, only digests of them.
    """
    if address is not None and channel is None:
        raise UsageError("--address needs --channel: say whether it is an email or a number.")
    found = ending.run(_find(channel, reason, address, limit))
    if as_json:
        print_json(found)
        return
    headings = ("ID", "CHANNEL", "REASON", "SCOPE", "SOURCE", "SINCE", "UNTIL", "ADDRESS DIGEST")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such suppressions.")


@group.command()
def add(
    channel: _Channel,
    address: _Address,
    *,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.OPTED_OUT,
    scope: Annotated[
        Scope, typer.Option(help="`reminders` lets essential notices pass.")
    ] = Scope.EVERYTHING,
    expires: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Until when; without it for good.")
    ] = None,
    note: _Note = None,
    as_json: Json = False,
) -> None:
    """Write to an address no more, whoever has it. Open cases hear of it at once."""
    row = _checked(channel, address, reason, scope)
    done = ending.run(_add(current(), row, _instant(expires), note))
    if as_json:
        print_json({"channel": channel, "reason": reason, "changed": done})
    else:
        print_line("closed" if done else "closed before")


@group.command()
def lift(
    channel: _Channel,
    address: _Address,
    *,
    reason: Annotated[Reason | None, typer.Option(help="Only what has this reason.")] = None,
    note: _Note = None,
    as_json: Json = False,
) -> None:
    """Write to an address again.

    A stop to texts by the customer's own word is lifted only if a consent was registered that was
    given after it.
    """
    done = ending.run(_lift(current(), channel, address.strip(), reason, note))
    if as_json:
        print_json({"channel": channel, "changed": done})
    else:
        print_line("lifted" if done else "was not closed")


@group.command("import", help=_IMPORT_HELP)
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    *,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="Which column of the file is one of ours."),
    ] = None,
    channel: Annotated[Channel | None, typer.Option(help="The channel of all rows.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="The reason of all rows.")] = None,
    as_json: Json = False,
) -> None:
    """Close the addresses of a CSV file."""
    given = {"channel": channel, "reason": reason}
    columns = Columns(
        names=_names(column or []), given={n: v.value for n, v in given.items() if v is not None}
    )
    rows = read_suppressions(importing.content(file), columns)
    tally = _Tally()
    importing.carry_out(_import(current(), rows, tally), tally, as_json=as_json)


async def _find(
    channel: Channel | None, reason: Reason | None, address: str | None, limit: int
) -> list[ClosedAddress]:
    async with stores(current()) as found:
        if address is None or channel is None:
            closed = found.closed_addresses.find(channel=channel, reason=reason, limit=limit)
            return await closed
        of_address = await found.closed_addresses.of({channel: address})
    return [one for one in of_address if reason in (None, one.reason)][:limit]


async def _add(
    session: Session, row: ClosedRow, expires_at: datetime | None, note: str | None
) -> bool:
    async with stores(session) as found:
        return await _close(found, row, Source.OPERATOR, expires_at=expires_at, note=note)


async def _lift(
    session: Session, channel: Channel, address: str, reason: Reason | None, note: str | None
) -> bool:
    from store.closed_addresses import Lifting

    async with stores(session) as found:
        lifting = Lifting(
            channel=channel,
            address=address,
            by=Source.OPERATOR,
            customer_id=await _only_customer(found, channel, address),
            note=note,
            reasons=tuple(Reason) if reason is None else (reason,),
        )
        return await found.closed_addresses.lift(lifting)


async def _import(session: Session, rows: list[ClosedRow | BadRow], tally: _Tally) -> None:
    from app.embedded.progress import shown_on

    with shown_on(talk()) as progress:
        progress.begin("Importing suppressions", len(rows))
        async with stores(session) as found:
            for row in rows:
                if isinstance(row, BadRow):
                    tally.problems.append(row)
                elif await _close(found, row, Source.IMPORT):
                    tally.closed += 1
                else:
                    tally.unchanged += 1
                progress.advance()


async def _close(
    found: Stores,
    row: ClosedRow,
    source: Source,
    *,
    expires_at: datetime | None = None,
    note: str | None = None,
) -> bool:
    from store.suppressions import Closing

    closing = Closing(
        channel=row.channel,
        address=row.address,
        reason=row.reason,
        source=source,
        scope=row.scope,
        expires_at=expires_at,
    )
    customer_id = await _only_customer(found, row.channel, row.address)
    return await found.closed_addresses.close(closing, customer_id=customer_id, note=note)


async def _only_customer(found: Stores, channel: Channel, address: str) -> str | None:
    """Whose address it is, if it is one customer's."""
    customers = await found.contacts.customers(channel, address)
    return customers[0] if len(customers) == 1 else None


def _checked(channel: Channel, address: str, reason: Reason, scope: Scope) -> ClosedRow:
    problem = problem_of(channel, address.strip())
    if problem is not None:
        raise UsageError(f"The address {problem}.")
    return ClosedRow(line=0, channel=channel, address=address.strip(), reason=reason, scope=scope)


def _instant(written: str | None) -> datetime | None:
    from app import clock
    from dunning.registration import read_instant

    if written is None:
        return None
    try:
        moment = read_instant(written)
    except ValueError as fault:
        raise UsageError(f"--expires {fault}.") from None
    if moment <= clock.now():
        raise UsageError("--expires has passed: nothing would be closed. Give a later instant.")
    return moment


def _names(given: list[str]) -> dict[str, str]:
    pairs = [name.partition("=") for name in given]
    odd = [ours for ours, _, theirs in pairs if ours not in COLUMNS or not theirs.strip()]
    if odd:
        raise UsageError(
            f"--column {odd[0]} is not understood. Write OURS=THEIRS; ours are: "
            f"{', '.join(COLUMNS)}."
        )
    return {ours: theirs for ours, _, theirs in pairs}


def _row(one: ClosedAddress) -> tuple[object, ...]:
    told = one.channel, one.reason, one.scope, one.source, one.created_at, one.expires_at
    return one.id, *told, one.digest
