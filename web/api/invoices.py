"""What may the merchant's systems say and ask of invoices and customers?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Response

from dunning.errors import RegistryError
from dunning.registration import InvoiceRegistration
from web import lookup
from web.api.access import CaseWriter, InvoiceReader, InvoiceWriter
from web.api.bodies import CardBody, PaidBody
from web.api.parameters import CustomerId, InvoiceId, RequestId, problems
from web.api.problems import Fault, FaultError, Kind, of_field
from web.documents import InvoiceDocument
from web.operations import Operations

_EXAMPLE = {
    "amount_due": 4900,
    "currency": "USD",
    "description": "Pro plan, March",
    "due_at": "2026-11-20T00:00:00Z",
    "billing_period": "month",
    "plan": "pro",
    "payment_url": "https://shop.example/pay/INV-1",
    "payment_method_token": "pm_1",
    "customer": {
        "id": "cus_1",
        "name": "Ada",
        "email": "ada@example.com",
        "phone": "+12125550123",
        "locale": "en-US",
        "timezone": "America/New_York",
        "country": "US",
        "sms_consent_at": "2026-01-05T10:00:00Z",
    },
    "revtain": {
        "transaction_ids": ["01KKZ14FEZK152ZBXEM2XK1B0C"],
        "idempotency_keys": ["INV-1_retry_1"],
    },
}
_Registration = Annotated[
    InvoiceRegistration, Body(openapi_examples={"invoice": {"value": _EXAMPLE}})
]
_CREATED = 201


@dataclass(frozen=True, slots=True)
class InvoiceDoor:
    """Calls about invoices. All may be repeated as they are."""

    operations: Operations

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address. Ids may hold slashes, so the longer addresses go first."""
        one = "/invoices/{invoice_id:path}"
        asked, changed = problems(Kind.NOT_FOUND), problems(Kind.NOT_FOUND, Kind.CONFLICT)
        router.post(f"{one}/paid", responses=changed)(self.mark_paid)
        router.post(f"{one}/void", responses=changed)(self.mark_void)
        router.post(f"{one}/card", responses=changed)(self.replace_card)
        put = problems(Kind.CONFLICT)
        put[_CREATED] = {"model": InvoiceDocument, "description": "Registered as new"}
        router.put(one, responses=put)(self.put_invoice)
        router.get(one, responses=asked)(self.get_invoice)
        exclusion = "/customers/{customer_id:path}/exclusion"
        router.put(exclusion, status_code=204, responses=asked)(self.exclude_customer)
        router.delete(exclusion, status_code=204, responses=asked)(self.include_customer)

    async def put_invoice(
        self,
        invoice_id: InvoiceId,
        registration: _Registration,
        response: Response,
        _: InvoiceWriter,
    ) -> InvoiceDocument:
        """Register an invoice, or change it.

        Fields that are present overwrite, absent ones stay, null clears. Transaction ids and
        idempotency keys only grow; a paid invoice stays paid. A new invoice needs amount_due,
        currency and customer.id. To hand over a fresh card use /card: a token registered here
        does not hold messages back.
        """
        try:
            result = await self.operations.put(invoice_id, registration)
        except RegistryError as error:
            raise FaultError(refusal(error, registration)) from error
        response.status_code = _CREATED if result.created else 200
        return await lookup.invoice(self.operations, invoice_id)

    async def get_invoice(self, invoice_id: InvoiceId, _: InvoiceReader) -> InvoiceDocument:
        """An invoice with its latest case and the messages of that case."""
        return await lookup.invoice(self.operations, invoice_id)

    async def mark_paid(
        self,
        invoice_id: InvoiceId,
        _: InvoiceWriter,
        request_id: RequestId,
        body: PaidBody | None = None,
    ) -> InvoiceDocument:
        """The money came by another way.

        Without a body all of it: that is final, and the case closes as recovered. With less than
        what is owed the case goes on with the rest; with more it closes, and your team is told.
        """
        given = body or PaidBody()
        repeated = None if request_id is None else f"request {request_id}"
        await self.operations.paid(invoice_id, given.money, reference=given.reference or repeated)
        return await lookup.invoice(self.operations, invoice_id)

    async def mark_void(self, invoice_id: InvoiceId, _: InvoiceWriter) -> InvoiceDocument:
        """Nothing is owed any more; the case closes as cancelled."""
        await self.operations.void(invoice_id)
        return await lookup.invoice(self.operations, invoice_id)

    async def replace_card(
        self, invoice_id: InvoiceId, body: CardBody, _: InvoiceWriter
    ) -> InvoiceDocument:
        """The customer gave a new card: messages stop until its charge has an outcome."""
        await self.operations.new_card(invoice_id, body.payment_method_token)
        return await lookup.invoice(self.operations, invoice_id)

    async def exclude_customer(self, customer_id: CustomerId, _: CaseWriter) -> None:
        """Leave a customer out of all dunning, in all their cases."""
        await self.operations.exclude(customer_id, excluded=True)

    async def include_customer(self, customer_id: CustomerId, _: CaseWriter) -> None:
        """End the exclusion of a customer."""
        await self.operations.exclude(customer_id, excluded=False)


def refusal(error: RegistryError, registration: InvoiceRegistration) -> Fault:
    """A field that was given contradicts what is known; one that was not given is missing."""
    given: object = registration
    for name in (error.field or "").split("."):
        given = getattr(given, name, None)
    kind = Kind.INVALID if given is None else Kind.CONFLICT
    return Fault(kind=kind, detail=error.reason, errors=of_field(error))
