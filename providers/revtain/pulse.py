"""Does Revtain know of a payment that succeeded without its help?"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from providers.revtain.fields import Fields
from providers.revtain.refusal import Call, document, fault, rejected, unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.errors import ProviderError
    from dunning.money import Money
    from providers.transit import Answer

PATH = "/api/recovery/pulse"

_CALL = Call(
    no_right="Revtain does not let this key log payments: check REVTAIN_API_KEY",
    refused="Revtain does not log this payment: amounts are from 50 to 100000000 in minor units",
    unreadable="Revtain answered a logged payment with something that cannot be read",
    lasting=True,
)


def document_of(money: Money, reference: str | None) -> dict[str, object]:
    """The body of the request; without a reference Revtain makes an id of its own."""
    body: dict[str, object] = {"amount": money.minor, "currency": money.currency}
    return body if reference is None else {**body, "transactionId": reference}


def read_pulse(answer: Answer, *, reference: str | None, now: datetime) -> str | ProviderError:
    """The id under which the payment was logged. It need not be the one that was sent."""
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        return fault(answer, _CALL, now=now)
    body = document(answer) or {}
    if body.get("success") is False:
        return rejected(_CALL.refused, answer)
    logged = Fields(body).text("transactionId") or reference
    return logged if body.get("success") is True and logged else unreadable(answer, _CALL)
