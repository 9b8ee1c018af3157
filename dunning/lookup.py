"""What does a directory other than our registry say of an invoice, and can it be registered?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from dunning.errors import DirectoryError
from dunning.registration import InvoiceRegistration, RevtainRegistration, check_invoice_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pydantic_core import ErrorDetails

_PLAIN = {
    "extra_forbidden": "is not a field of an invoice",
    "string_type": "must be a text",
    "int_type": "must be a whole number, in minor units of the currency",
    "model_type": "must be an object",
}


class DirectoryName(StrEnum):
    """Where invoices may be looked up. The registry is our own tables."""

    REGISTRY = "registry"
    HTTP = "http"
    SQL = "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One invoice as a directory has it."""

    invoice_id: str
    patch: InvoiceRegistration

    def naming(self, transaction_id: str) -> Entry:
        """The same with a transaction by which it was found."""
        known = self.patch.revtain or RevtainRegistration()
        ids = tuple(dict.fromkeys((*known.transaction_ids, transaction_id)))
        revtain = known.model_copy(update={"transaction_ids": ids})
        fields = {name: getattr(self.patch, name) for name in self.patch.model_fields_set}
        return Entry(
            invoice_id=self.invoice_id,
            patch=InvoiceRegistration.model_validate({**fields, "revtain": revtain}),
        )


class DoubtKind(StrEnum):
    """Why what is registered was not confirmed."""

    NO_ANSWER = "no_answer"
    NOT_LISTED = "not_listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """No directory confirms what is registered; `since` is when the first of them fell silent."""

    kind: DoubtKind
    since: datetime


def read_body(body: bytes, invoice_id: str | None = None) -> Entry:
    """The entry of a JSON body; `DirectoryError` says what is wrong with it, never a value."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise DirectoryError("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise DirectoryError("the answer is not a JSON object")
    return read_document(cast("dict[str, Any]", document), invoice_id)


def read_document(document: Mapping[str, Any], invoice_id: str | None = None) -> Entry:
    """The entry of a document as `PUT /v1/invoices/{id}` takes it, with the invoice's `id`.

    The id may be left out where it was asked for, and must be the same.
    """
    told = document.get("id", invoice_id)
    if not isinstance(told, str):
        raise DirectoryError("id: must name the invoice, as a text")
    if invoice_id is not None and told != invoice_id:
        raise DirectoryError("id: is not that of the invoice that was asked for")
    try:
        check_invoice_id(told)
    except ValueError as fault:
        raise DirectoryError(f"id: {fault}") from None
    fields = {name: value for name, value in document.items() if name != "id"}
    try:
        return Entry(invoice_id=told, patch=InvoiceRegistration.model_validate(fields))
    except ValidationError as fault:
        raise DirectoryError(_sentence(fault)) from None


def _sentence(fault: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, error['loc']))[:80]}: {_reason(error)}"
        for error in fault.errors(include_input=False, include_url=False)[:5]
    )


def _reason(error: ErrorDetails) -> str:
    return _PLAIN.get(error["type"], error["msg"].removeprefix("Value error, "))
