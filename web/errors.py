"""Which faults can an operator or a merchant's system cause?

DunningError
├── NotFoundError              nothing of that name is known
│   ├── InvoiceNotFoundError
│   ├── CaseNotFoundError
│   └── CustomerNotFoundError
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
