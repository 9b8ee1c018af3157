"""Is what was kept of each case still whole, and what does it say?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.audit_heads import read_heads, write_heads
from app.cli import ending
from app.cli.case import InvoiceId
from app.cli.faults import WRONG
from app.cli.output import Json, print_json, print_line, print_rows, say, shown
from app.cli.session import current, stores
from web.errors import CaseNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.audit import AuditEntry
    from store.audit_chain import Fault, Head

group = typer.Typer(
    name="audit",
    help="The append-only trail of each case: read it, prove that it is whole.",
    no_args_is_help=True,
)


@group.command()
def verify(
    *,
    invoice: Annotated[str | None, typer.Option(help="Only the cases of this invoice.")] = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare with the ends of all trails in this file, then renew them there. Keep "
            "it on another machine: it finds trails that were cut or written anew.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Work every hash out again. Exit code 1 names each case and entry that is broken."""
    kept = read_heads(heads) if heads is not None and heads.exists() else {}
    count, found, faults = ending.run(_check(invoice, kept.values()))
    if invoice is not None and not found and not faults:
        raise CaseNotFoundError(invoice)
    if heads is not None and not faults:
        write_heads(heads, {**kept, **found})
    if as_json:
        print_json({**count, "whole": not faults, "faults": faults})
    else:
        _print(count, faults)
    if faults:
        raise typer.Exit(WRONG)


@group.command("list")
def list_entries(invoice_id: InvoiceId, *, as_json: Json = False) -> None:
    """All entries of the cases of an invoice, as they were written."""
    entries = ending.run(_entries(invoice_id))
    if not entries:
        raise CaseNotFoundError(invoice_id)
    if as_json:
        print_json(entries)
        return
    headings = ("CYCLE", "ENTRY", "UTC", "KIND", "DETAIL", "HASH")
    print_rows(headings, map(_row, entries))


async def _check(
    invoice_id: str | None, kept: Iterable[Head]
) -> tuple[dict[str, int], dict[int, Head], list[Fault]]:
    count = Counter({"cases": 0, "entries": 0})
    heads: dict[int, Head] = {}
    faults: list[Fault] = []
    async with stores(current()) as found:
        async for checked in found.audit.verify(invoice_id, kept):
            count.update(cases=1, entries=checked.entries)
            if checked.fault is not None:
                faults.append(checked.fault)
            if checked.head is not None:
                heads[checked.head.case_id] = checked.head
    return dict(count), heads, faults


async def _entries(invoice_id: str) -> list[AuditEntry]:
    async with stores(current()) as found:
        return await found.audit.of_invoice(invoice_id)


def _print(count: dict[str, int], faults: list[Fault]) -> None:
    for fault in faults:
        case = f"{shown(fault.invoice_id)}, cycle {fault.cycle} (case {fault.case_id})"
        print_line(f"{case}: {fault.problem}")
    checked = f"{count['entries']} entries of {count['cases']} cases"
    if faults:
        say(f"{len(faults)} trails are broken, of {checked}. Compare them with a backup.")
    else:
        say(f"{checked} are whole.")


def _row(entry: AuditEntry) -> tuple[object, ...]:
    detail = ", ".join(f"{name} {value}" for name, value in sorted(entry.detail.items()))
    return entry.cycle, entry.seq, entry.at, entry.kind, detail, entry.hash[:12]
