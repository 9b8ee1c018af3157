"""How does a merchant's system hand over a failed payment?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Response

from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.handover import HandoverStatus
from dunning.registration import InvoiceRegistration
from store.recoveries import Recovery
from web.api.access import InvoiceWriter
from web.api.bodies import RecoveryBody
from web.api.invoices import refusal
from web.api.parameters import RequestId, problems
from web.api.problems import Fault, FaultError, FieldProblem, Kind
from web.documents import CaseSummary, RecoveryDocument
from web.recoveries import RecoveryDesk
from web.recovery_check import NotRecoverableError

_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class RecoveryDoor:
    """The call about failed payments."""

    desk: RecoveryDesk

    def add_to(self, router: APIRouter) -> None:
        """Give the call its address."""
        answers = problems(Kind.NOT_FOUND, Kind.CONFLICT)
        answers[_ACCEPTED] = {
            "model": RecoveryDocument,
            "description": "Its outcome is still to come",
        }
        router.post("/recoveries", responses=answers)(self.start)

    async def start(
        self, body: RecoveryBody, response: Response, request_id: RequestId, _: InvoiceWriter
    ) -> RecoveryDocument:
        """Register the invoice of a failed payment, and have Revtain try it.

        The card is charged at most once for each key: repeat the call with the same
        Idempotency-Key or idempotency_key to hear what has come of it.
        """
        given = body.invoice
        try:
            recovery = await self.desk.start(
                body.invoice_id, body.handover(), given, request_id=request_id
            )
        except NotRecoverableError as error:
            raise FaultError(_invalid(error)) from error
        except RegistryError as error:
            fault = refusal(error, given or InvoiceRegistration())
            raise FaultError(replace(fault, errors=_within(fault.errors))) from error
        shown = await self._document(recovery)
        response.status_code = _ACCEPTED if shown.status.open else 200
        return shown

    async def _document(self, recovery: Recovery) -> RecoveryDocument:
        known = self.desk.operations
        invoice = await known.registry.get_invoice(recovery.invoice_id)
        case = await known.cases.get(recovery.invoice_id)
        paid = invoice is not None and invoice.status is InvoiceStatus.PAID
        scheduled = recovery.status is HandoverStatus.SCHEDULED and not recovery.at_work
        return RecoveryDocument(
            invoice_id=recovery.invoice_id,
            # Whatever it was that brought the money, nothing more is to come.
            status=HandoverStatus.RECOVERED if paid and recovery.status.open else recovery.status,
            idempotency_key=recovery.key,
            transaction_id=recovery.transaction_id,
            decline_code=recovery.answered_code,
            reason=recovery.reason,
            case=None if case is None else CaseSummary.model_validate(case),
            not_before=recovery.due_at if scheduled and not paid else None,
        )


def _invalid(error: NotRecoverableError) -> Fault:
    found = FieldProblem(field=error.field, problem=error.reason)
    return Fault(kind=Kind.INVALID, detail=str(error), errors=[found])


def _within(errors: Sequence[FieldProblem]) -> list[FieldProblem]:
    return [FieldProblem(field=f"invoice.{e.field}", problem=e.problem) for e in errors]
