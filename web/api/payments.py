"""How does a merchant's system tell of payments that needed no recovery?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from dunning.errors import (
    OutcomeUnknownError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from dunning.money import Money
from web.api.access import InvoiceWriter
from web.api.bodies import PaymentBody
from web.api.parameters import problems
from web.api.problems import Fault, FaultError, Kind
from web.payment_log import PaymentDesk

_SOON = timedelta(seconds=5)
_CREATED = 201


class LoggedDocument(BaseModel):
    """A payment that Revtain knows of."""

    model_config = ConfigDict(frozen=True)

    transaction_id: str = Field(description="Revtain's id of it, which need not be the reference.")


@dataclass(frozen=True, slots=True)
class PaymentDoor:
    """The call about payments."""

    desk: PaymentDesk

    def add_to(self, router: APIRouter) -> None:
        """Give the call its address."""
        answers = problems(Kind.REVTAIN_DOUBT)
        router.post("/payments", status_code=_CREATED, responses=answers)(self.log)

    async def log(self, body: PaymentBody, _: InvoiceWriter) -> LoggedDocument:
        """Tell Revtain of a payment that succeeded at the first try, for its Lift figure.

        No invoice and no case is touched: for those use /v1/invoices/{id}/paid. Revtain counts each
        call; after a 503 nothing was counted, after a 502 it may have been.
        """
        try:
            logged = await self.desk.succeeded(
                Money(minor=body.amount, currency=body.currency), body.reference
            )
        except ProviderUnavailableError as fault:
            raise FaultError(_later(fault)) from fault
        except OutcomeUnknownError as fault:
            detail = f"{fault.reason}. The payment may have been logged; another call counts again."
            raise FaultError(Fault(kind=Kind.REVTAIN_DOUBT, detail=detail)) from fault
        except ProviderRejectedError as fault:
            raise FaultError(Fault(kind=Kind.INVALID, detail=fault.reason)) from fault
        return LoggedDocument(transaction_id=logged)


def _later(fault: ProviderUnavailableError) -> Fault:
    wait = fault.retry_after or _SOON
    headers = {"Retry-After": str(max(1, math.ceil(wait.total_seconds())))}
    return Fault(kind=Kind.REVTAIN_DOWN, detail=fault.reason, headers=headers)
