"""Which faults can an operator or a merchant's system cause?

DunningError
├── NotFoundError              nothing of that name is known
│   ├── InvoiceNotFoundError
│   ├── CaseNotFoundError
│   ├── CustomerNotFoundError
│   ├── MessageNotFoundError
│   ├── EndpointNotFoundError
│   └── OutgoingNotFoundError
├── OrderRefusedError          (workflows.errors) not possible now; the text says why
├── NoRunError                 (workflows.errors) the case has no run at this moment
└── TemporalDownError          (workflows.errors) try again later
"""

from __future__ import annotations

from dunning.errors import DunningError


class NotFoundError(DunningError):
    """Nothing of that name is known."""


class InvoiceNotFoundError(NotFoundError):
    """The invoice was never registered."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(
            f"Invoice {invoice_id} is not registered. Register it with PUT /v1/invoices/{{id}}."
        )


class CaseNotFoundError(NotFoundError):
    """The invoice never had a case."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(
            f"Invoice {invoice_id} has no case. A failed payment of the invoice opens one."
        )


class CustomerNotFoundError(NotFoundError):
    """The customer was never registered."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(
            f"Customer {customer_id} is not registered. Register an invoice of theirs first."
        )


class MessageNotFoundError(NotFoundError):
    """No message has this id."""

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"There is no message {message_id}. The case of its invoice lists its messages."
        )


class EndpointNotFoundError(NotFoundError):
    """No endpoint has this id."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(
            f"There is no endpoint {endpoint_id}. `dunning endpoint list` lists them, "
            "GET /v1/endpoints too."
        )


class OutgoingNotFoundError(NotFoundError):
    """No outgoing event has this id."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(
            f"There is no outgoing event {webhook_id}: it never was, or was delivered so long ago "
            "that it is forgotten. `dunning outgoing list` lists them, GET /v1/outgoing too."
        )
