"""What do several calls of the interface have in common? Ids, keys of repetition, pages."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from pydantic import AfterValidator

from dunning.registration import check_invoice_id
from store.keys import KeyInfo
from web.api.problems import MEDIA_TYPE, Kind, Problem

InvoiceId = Annotated[
    str,
    AfterValidator(check_invoice_id),
    Path(
        description="The merchant's own id of the invoice, 1 to 200 characters, percent-encoded.",
        examples=["INV-1"],
    ),
]
CustomerId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="The merchant's own id of the customer, percent-encoded.",
        examples=["cus_1"],
    ),
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the last page.")]


async def _repetition(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="The same key on the same address counts once. Calls that take no such "
            "key may be repeated as they are.",
        ),
    ] = None,
) -> str | None:
    """Its digest with the caller and the address, so that callers cannot meet each other's."""
    if key is None:
        return None
    caller: KeyInfo = request.state.caller
    parts = f"{caller.name}\x00{request.method}\x00{request.url.path}\x00{key}"
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()


RequestId = Annotated[str | None, Depends(_repetition)]


def author(caller: KeyInfo) -> str:
    """How a note or a decision names a program."""
    return f"api:{caller.name}"


def problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The answers from 400 on, for the description of the interface."""
    always = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.INVALID, Kind.DATABASE_DOWN)
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        kind.status: {"description": kind.value[2], "content": {MEDIA_TYPE: {"schema": schema}}}
        for kind in sorted({*kinds, *always}, key=lambda kind: kind.status)
    }
