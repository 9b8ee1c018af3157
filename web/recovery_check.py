"""Which failed payments are not tried at all, and in which words is that said?"""

from __future__ import annotations

from dataclasses import dataclass

from dunning.currencies import CURRENCIES
from dunning.directory import Invoice, InvoiceStatus
from dunning.errors import DunningError
from dunning.handover import Handover
from dunning.registration import InvoiceRegistration
from store.recoveries import Begun, Recoveries, Recovery
from store.references import References
from store.registry import Registry
from web.errors import InvoiceNotFoundError
from workflows.errors import OrderRefusedError


class NotRecoverableError(DunningError):
    """What was handed over cannot be charged as it stands; `field` says where."""

    def __init__(self, reason: str, *, field: str) -> None:
        super().__init__(f"{field} {reason}")
        self.reason = reason
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCheck:
    """Looks at what is handed over before anything is written; `able` if cards can be charged."""

    registry: Registry
    references: References
    recoveries: Recoveries
    able: bool
    test_mode: bool = False

    async def of(
        self, invoice_id: str, handed: Handover, patch: InvoiceRegistration | None
    ) -> None:
        """Raise NotRecoverableError, OrderRefusedError or InvoiceNotFoundError."""
        self._refuse_mode(handed)
        known = await self.registry.get_invoice(invoice_id)
        if known is None and patch is None:
            raise InvoiceNotFoundError(invoice_id)
        given = patch or InvoiceRegistration()
        _refuse_settled(invoice_id, known, given)
        other = await self.recoveries.under_way(invoice_id)
        if other is not None:
            raise _under_way(other)
        _refuse_amount(known, given)
        await self._refuse_without_card(invoice_id, given)

    def _refuse_mode(self, handed: Handover) -> None:
        if not self.able:
            raise OrderRefusedError(
                "No payment can be tried: REVTAIN_API_KEY is not set. Set it to the secret key of "
                "your Revtain account, and start the web process again."
            )
        if handed.simulate is not None and not self.test_mode:
            raise NotRecoverableError(
                "works in test mode only: leave it out, or set DUNNING_TEST_MODE", field="simulate"
            )

    async def _refuse_without_card(self, invoice_id: str, given: InvoiceRegistration) -> None:
        token = given.payment_method_token
        if "payment_method_token" not in given.model_fields_set:
            token = (await self.references.of(invoice_id)).payment_method_token
        if token is None:
            raise NotRecoverableError(
                "is missing: give the gateway's token of the card that failed",
                field="invoice.payment_method_token",
            )


def same(invoice_id: str, recovery: Recovery) -> Recovery:
    """What was asked for before; OrderRefusedError if that was about another invoice."""
    if recovery.invoice_id != invoice_id:
        raise OrderRefusedError(
            f"This key was used for a recovery of invoice {recovery.invoice_id}. Give each "
            "attempt a key of its own."
        )
    return recovery


def begun(invoice_id: str, found: Begun) -> Recovery:
    """The recovery; the same errors if something else came first at this very moment."""
    if found.recovery is not None:
        return same(invoice_id, found.recovery)
    if found.other is not None:
        raise _under_way(found.other)
    if found.status is None:
        raise InvoiceNotFoundError(invoice_id)
    raise _nothing_owed(invoice_id, found.status)


def _under_way(other: Recovery) -> OrderRefusedError:
    return OrderRefusedError(
        f"Recovery {other.key} of invoice {other.invoice_id} is {other.status}: a payment is tried "
        "once at a time. Wait for its outcome."
    )


def _nothing_owed(invoice_id: str, status: InvoiceStatus) -> OrderRefusedError:
    return OrderRefusedError(
        f"Invoice {invoice_id} is {status}: nothing is owed, so its payment is not tried."
    )


def _refuse_settled(invoice_id: str, known: Invoice | None, given: InvoiceRegistration) -> None:
    """A void invoice may become open again by the same call; a paid one stays paid."""
    before = InvoiceStatus.OPEN if known is None else known.status
    status = before if before is InvoiceStatus.PAID else given.status or before
    if status is not InvoiceStatus.OPEN:
        raise _nothing_owed(invoice_id, status)


def _refuse_amount(known: Invoice | None, given: InvoiceRegistration) -> None:
    amount, currency = given.amount_due, given.currency
    if known is not None:
        amount = known.amount.minor if amount is None else amount
        currency = currency or known.amount.currency
    if amount == 0:
        raise NotRecoverableError(
            "is 0: nothing is owed that could be charged", field="invoice.amount_due"
        )
    if currency is not None and currency not in CURRENCIES:
        raise NotRecoverableError(
            'is no currency of today: give an ISO 4217 code, such as "USD"',
            field="invoice.currency",
        )
