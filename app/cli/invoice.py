"""How do invoices come in from a terminal, and what is known of one?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from app.cli import ending, importing
from app.cli.output import (
    Json,
    figure,
    paid_parts,
    print_facts,
    print_json,
    print_line,
    talk,
)
from app.cli.session import Session, current, operations
from app.invoice_file import (
    COLUMNS,
    BadRow,
    GoodRow,
    Problem,
    Row,
    column,
    read_invoices,
    reason,
)
from dunning.errors import DunningError, RegistryError
from dunning.registration import InvoiceRegistration

if TYPE_CHECKING:
    from web.documents import InvoiceDocument
    from web.operations import Operations

group = typer.Typer(name="invoice", help="What customers owe.", no_args_is_help=True)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The merchant's invoice id.")]
_IMPORT_HELP = f"""Register the invoices of a CSV file, or of stdin with `-`.

Columns, in any order, named on the first line; only id is needed on every row, and amount_due,
currency and customer_id for an invoice that is new: {", ".join(COLUMNS)}.

amount_due counts minor units: 4900 for 49.00. Instants carry a zone: 2026-11-20T00:00:00Z.
transaction_ids, idempotency_keys and customer_tags hold several values separated by spaces. An
empty cell leaves what is known as it is. UTF-8; separated by commas, semicolons or tabs.

Every bad row is reported with line, field and reason; the good ones are kept, and a file may be
imported again. Exit code 1 when rows were bad.
"""


class InvalidInvoiceError(DunningError):
    """What was given is not an invoice."""


@dataclass(slots=True)
class _Tally:
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def bad_rows(self) -> int:
        return len({problem.line for problem in self.problems})

    @property
    def words(self) -> str:
        counts = (
            (self.created, "created"),
            (self.changed, "changed"),
            (self.unchanged, "unchanged"),
            (self.bad_rows, "bad"),
        )
        return ", ".join(f"{number} {what}" for number, what in counts)


@group.command()
def put(
    invoice_id: _Id,
    *,
    file: Annotated[
        Path, typer.Option(help="JSON, as the HTTP interface takes it.")
    ] = importing.STDIN,
    as_json: Json = False,
) -> None:
    """Register or change one invoice. Reads JSON from stdin without --file.

    Fields that are present overwrite, absent ones stay, null clears. For example:
    {"amount_due": 4900, "currency": "USD", "customer": {"id": "cus_1", "email": "ada@example.com"},
    "revtain": {"transaction_ids": ["…"]}}
    """
    patch = _patch(importing.content(file))
    result = ending.run(_put(current(), invoice_id, patch))
    done = "created" if result["created"] else "changed" if result["changed"] else "unchanged"
    if as_json:
        print_json({"invoice_id": invoice_id, "result": done})
    else:
        print_line(f"{invoice_id}: {done}")


@group.command("import", help=_IMPORT_HELP)
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")], *, as_json: Json = False
) -> None:
    """Register the invoices of a CSV file."""
    rows = read_invoices(importing.content(file))
    tally = _Tally()
    importing.carry_out(_import(current(), rows, tally), tally, as_json=as_json)


@group.command()
def show(invoice_id: _Id, *, as_json: Json = False) -> None:
    """One invoice with its customer, and how its case stands. Holds personal data."""
    invoice = ending.run(_get(current(), invoice_id))
    if as_json:
        print_json(invoice)
    else:
        print_facts(_facts(invoice))


async def _put(session: Session, invoice_id: str, patch: InvoiceRegistration) -> dict[str, bool]:
    async with operations(session) as able:
        result = await able.put(invoice_id, patch)
    return {"created": result.created, "changed": result.changed}


async def _import(session: Session, rows: list[Row], tally: _Tally) -> None:
    from app.embedded.progress import shown_on

    with shown_on(talk()) as progress:
        progress.begin("Importing invoices", len(rows))
        async with operations(session) as able:
            for row in rows:
                await _import_row(able, row, tally)
                progress.advance()


async def _import_row(able: Operations, row: Row, tally: _Tally) -> None:
    if isinstance(row, BadRow):
        tally.problems.extend(row.problems)
        return
    try:
        result = await able.put(row.invoice_id, row.patch)
    except RegistryError as fault:
        tally.problems.append(_problem(row, fault))
        return
    tally.created += result.created
    tally.changed += result.changed and not result.created
    tally.unchanged += not result.changed and not result.created


def _problem(row: GoodRow, fault: RegistryError) -> Problem:
    place = column((fault.field or "").split("."))
    return Problem(line=row.line, field=place, reason=fault.reason)


async def _get(session: Session, invoice_id: str) -> InvoiceDocument:
    from web import lookup

    async with operations(session) as able:
        return await lookup.invoice(able, invoice_id)


def _patch(content: bytes) -> InvoiceRegistration:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise InvalidInvoiceError(f"This is not JSON: {fault}. Correct it.") from None
    if not isinstance(values, dict):
        raise InvalidInvoiceError("An invoice is a JSON object, in braces.")
    try:
        return InvoiceRegistration.model_validate_json(content)
    except ValidationError as fault:
        raise InvalidInvoiceError(_sentences(fault)) from None


def _sentences(fault: ValidationError) -> str:
    return "\n".join(
        f"{'.'.join(map(str, error['loc']))}: {reason(error)}."
        for error in fault.errors(include_input=False)
    )


def _rest(invoice: InvoiceDocument) -> str | None:
    """What is left, where that is not the whole amount."""
    if invoice.owed.amount == invoice.amount_due:
        return None
    return figure(invoice.owed.amount, invoice.owed.currency)


def _facts(invoice: InvoiceDocument) -> dict[str, object]:
    customer, case = invoice.customer, invoice.case
    received = invoice.received
    return {
        "invoice": invoice.id,
        "amount": figure(invoice.amount_due, invoice.currency),
        "owed": _rest(invoice),
        "received": received and figure(received.amount, received.currency),
        "payments": paid_parts(invoice.payments),
        "status": invoice.status,
        "description": invoice.description,
        "due": invoice.due_at,
        "billing period": invoice.billing_period,
        "next invoice": invoice.next_invoice_at,
        "plan": invoice.plan,
        "payment page": invoice.payment_url,
        "transactions": " ".join(invoice.revtain.transaction_ids),
        "idempotency keys": " ".join(invoice.revtain.idempotency_keys),
        "customer": customer.id,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "text consent": customer.sms_consent_at,
        "locale": customer.locale,
        "time zone": customer.timezone,
        "country": customer.country,
        "tags": " ".join(customer.tags),
        "value tier": customer.value_tier,
        "excluded": "yes" if customer.excluded else None,
        "case": case and f"{case.state}{f', {case.outcome}' if case.outcome else ''}",
    }
