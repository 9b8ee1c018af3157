"""With which queries are invoices looked up in the merchant's own database?"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import text

from dunning.errors import DunningError
from dunning.registration import CustomerRegistration, InvoiceRegistration, RevtainRegistration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ID = "id"
_CUSTOMER = "customer_"
_LISTS = frozenset({"tags", "push_tokens"})
_OWN = set(InvoiceRegistration.model_fields) - {"customer", "revtain"}
_OF_CUSTOMER = {f"{_CUSTOMER}{name}" for name in CustomerRegistration.model_fields}
_OF_REVTAIN = set(RevtainRegistration.model_fields)

COLUMNS = (_ID, *sorted(_OWN), *sorted(_OF_CUSTOMER), *sorted(_OF_REVTAIN))
LISTS = frozenset({f"{_CUSTOMER}{name}" for name in _LISTS} | _OF_REVTAIN)
# Without these a query would be of no use: what it is asked for, or what a new invoice needs.
NEEDED = {
    "invoice": ("status",),
    "transaction": (_ID, "amount_due", "currency", "customer_id"),
}
PARAMETERS = {"invoice": "invoice_id", "transaction": "transaction_id"}


class QueriesError(DunningError):
    """A query cannot be used; each line names it and says what to do."""


def _one_statement(query: str) -> str:
    clean = query.strip().removesuffix(";").strip()
    if not re.match(r"(select|with)\b", clean, re.IGNORECASE):
        raise ValueError("must begin with SELECT or WITH")
    return clean


_Query = Annotated[str, StringConstraints(min_length=1), AfterValidator(_one_statement)]


class Queries(BaseModel):
    """The queries by what they look up. Without `transaction`, none is looked up by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    invoice: _Query
    transaction: _Query | None = None

    @property
    def named(self) -> Mapping[str, str]:
        """Those that there are."""
        found = {"invoice": self.invoice, "transaction": self.transaction}
        return {name: query for name, query in found.items() if query is not None}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    queries: Queries


def read_queries(document: object) -> Queries:
    """The queries of a loaded file: `{queries: {invoice: …, transaction: …}}`."""
    try:
        queries = _File.model_validate(document).queries
    except ValidationError as fault:
        raise QueriesError(_sentences(fault)) from None
    for name, query in queries.named.items():
        _check_parameters(name, query)
    return queries


def check_columns(query: str, columns: tuple[str, ...]) -> None:
    """`QueriesError` names every column that is unknown, given twice or missing."""
    known = ", ".join(COLUMNS)
    problems = [
        f"Query `{query}` has a column `{name}`, which is no field of an invoice. "
        f"Name it with AS, or leave it out. Known are: {known}."
        for name in columns
        if name not in COLUMNS
    ]
    problems += [
        f"Query `{query}` has the column `{name}` twice. Keep one of them."
        for name in sorted({name for name in columns if columns.count(name) > 1})
    ]
    problems += [
        f"Query `{query}` has no column `{name}`. Add it, named with AS if need be."
        for name in NEEDED[query]
        if name not in columns
    ]
    if problems:
        raise QueriesError("\n".join(problems))


def document(row: Mapping[str, object]) -> dict[str, object]:
    """The document that a row stands for, as `PUT /v1/invoices/{id}` takes it."""
    values = {name: _value(name, value) for name, value in row.items()}
    found = {name: value for name, value in values.items() if name in _OWN or name == _ID}
    customer = {
        name.removeprefix(_CUSTOMER): value
        for name, value in values.items()
        if name in _OF_CUSTOMER
    }
    revtain = {n: v for n, v in values.items() if n in _OF_REVTAIN and v is not None}
    found |= {"customer": customer} if customer else {}
    return found | ({"revtain": revtain} if revtain else {})


def _value(name: str, value: object) -> object:
    """Lists are arrays, or texts with blanks in between; ids may be numbers or UUIDs."""
    if name in LISTS:
        return _parts(value)
    if name == "amount_due":
        whole = isinstance(value, Decimal) and value == value.to_integral_value()
        return int(value) if isinstance(value, Decimal) and whole else value
    return value if value is None or isinstance(value, datetime) else str(value)


def _parts(value: object) -> object:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in cast("Sequence[object]", value))
    return value


def _check_parameters(name: str, query: str) -> None:
    given, needed = set(text(query).compile().params), {PARAMETERS[name]}
    if given != needed:
        raise QueriesError(
            f"Query `{name}` must use the parameter :{PARAMETERS[name]} and no other; it uses "
            f"{', '.join(f':{one}' for one in sorted(given)) or 'none'}."
        )


def _sentences(fault: ValidationError) -> str:
    return "\n".join(
        f"{'.'.join(map(str, error['loc'])) or 'The file'}: "
        f"{error['msg'].removeprefix('Value error, ')}. Correct it."
        for error in fault.errors(include_input=False, include_url=False)
    )
