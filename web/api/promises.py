"""How does a merchant's system say that a customer will pay on some day?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from web.api.access import CaseWriter
from web.api.bodies import Noted
from web.api.cases import OrderedDocument, ordered
from web.api.parameters import InvoiceId, RequestId, author, problems
from web.api.problems import Kind
from web.promises import PromiseDesk


def _written(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return value
    raise ValueError('must be a day such as "2026-12-01"')


class PromiseBody(Noted):
    """The day on which the customer will pay, on the customer's own calendar."""

    day: Annotated[date, BeforeValidator(_written), Field(strict=False)] = Field(
        examples=["2026-12-01"]
    )


@dataclass(frozen=True, slots=True)
class PromiseDoor:
    """The call about promises to pay."""

    desk: PromiseDesk

    def add_to(self, router: APIRouter) -> None:
        """Give the call its address. Ids may hold slashes."""
        answers = problems(Kind.NOT_FOUND, Kind.REFUSED, Kind.TEMPORAL_DOWN)
        router.post("/cases/{invoice_id:path}/promise", responses=answers)(self.promise)

    async def promise(
        self, invoice_id: InvoiceId, body: PromiseBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """Remind the customer of nothing until the day and its grace are over."""
        snapshot = await self.desk.make(
            invoice_id, body.day, author=author(caller), note=body.note, request_id=request_id
        )
        return ordered(invoice_id, snapshot)
