"""What is sent to have a card charged, and what does each answer mean?

200 with `success`    recovered, or failed for good
202                   queued; with the status `unknown` nobody knows yet
403 blocked           blocked, or the customer has to authenticate
409                   a duplicate: of which of two kinds only the status by our key can tell
400, other 4xx        refused; 401 and other 403 are ours to mend
429                   too often
5xx, unreadable       nobody knows whether it was taken
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from dunning.charge import ChargeAnswer, ChargeRequest, ChargeStatus
from dunning.errors import ProviderError
from dunning.money import Money
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from providers.revtain.fields import Fields
from providers.revtain.refusal import Call, document, fault, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from providers.transit import Answer

PATH = "/api/recovery/execute"
# It names the customer's part; nothing about it is wrong with the account.
AUTHENTICATION = "authentication_required"

_CALL = Call(
    no_right="Revtain does not let this key charge cards: check REVTAIN_API_KEY",
    refused=(
        "Revtain refuses this charge: amounts are from 50 to 100000000 in minor units, and the "
        "card must be a token of your gateway, in the form that Revtain wants it"
    ),
    unreadable="Revtain answered a charge with something that cannot be read",
    lasting=True,
)
_CODE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_CODES = ("declineCode", "lastDeclineCode")
_STANDINGS = {
    RecoveryStatus.SUCCEEDED: ChargeStatus.RECOVERED,
    RecoveryStatus.FAILED: ChargeStatus.FAILED,
    RecoveryStatus.BLOCKED: ChargeStatus.BLOCKED,
    RecoveryStatus.UNKNOWN: ChargeStatus.UNKNOWN,
}


def document_of(request: ChargeRequest) -> dict[str, object]:
    """The body of the request; what is not known is left out."""
    known: dict[str, object | None] = {
        "paymentMethodToken": request.token,
        "amount": request.money.minor,
        "currency": request.money.currency,
        "originalDeclineCode": request.decline_code,
        "idempotencyKey": request.idempotency_key,
        "customerEmail": request.customer_email,
        "cardOrigin": request.card_country,
        "binPrefix": request.card_prefix,
        "fallbackPaymentMethodTokens": list(request.fallback_tokens) or None,
        "simulateOutcome": request.simulate,
    }
    return {name: value for name, value in known.items() if value is not None}


def is_duplicate(answer: Answer) -> bool:
    """Whether an attempt with this key, or on this card with this amount, went before."""
    return answer.status == HTTPStatus.CONFLICT


def read_charge(answer: Answer, *, now: datetime) -> ChargeAnswer | ProviderError:
    """What an answer means that is no duplicate."""
    body = document(answer)
    match answer.status:
        case HTTPStatus.OK if body is not None and isinstance(body.get("success"), bool):
            return _done(body)
        case HTTPStatus.ACCEPTED if body is not None:
            unclear = body.get("status") == RecoveryStatus.UNKNOWN
            return _answer(ChargeStatus.UNKNOWN if unclear else ChargeStatus.QUEUED, body)
        case HTTPStatus.OK | HTTPStatus.ACCEPTED:
            return unreadable(answer, _CALL)
        case HTTPStatus.FORBIDDEN if body is not None and _is_blocked(body):
            return _answer(ChargeStatus.BLOCKED, body)
        case _:
            return fault(answer, _CALL, now=now)


def earlier(standing: RecoveryAnswer | None) -> ChargeAnswer:
    """What a duplicate means, by how the attempt with our own key stands.

    Without one it is another invoice's charge that ours collides with; its transaction is not ours.
    """
    if standing is None:
        return ChargeAnswer(status=ChargeStatus.COLLIDES)
    body: dict[str, object] = json.loads(standing.body) if standing.body else {}
    status = _STANDINGS[standing.status]
    # The last code of a success is that of a failure before it.
    code = None if status is ChargeStatus.RECOVERED else _code(body, *_CODES)
    return ChargeAnswer(
        status=status,
        transaction_id=standing.transaction_id,
        decline_code=code,
        recommended_action=standing.recommended_action,
        earlier=True,
        money=_money(body) if status is ChargeStatus.RECOVERED else None,
    )


def _money(body: Mapping[str, object]) -> Money | None:
    """What a success collected, which need not be what was asked for now."""
    amount, currency = Fields(body).amount("amount", least=1), Fields(body).currency("currency")
    return None if amount is None or currency is None else Money(minor=amount, currency=currency)


def _done(body: Mapping[str, object]) -> ChargeAnswer:
    if body["success"]:
        return ChargeAnswer(status=ChargeStatus.RECOVERED, transaction_id=_transaction(body))
    return _answer(ChargeStatus.FAILED, body)


def _is_blocked(body: Mapping[str, object]) -> bool:
    return body.get("action") == "blocked" or body.get("declineCode") == AUTHENTICATION


def _answer(status: ChargeStatus, body: Mapping[str, object]) -> ChargeAnswer:
    # Only of a failure is `error` the code; elsewhere it is a sentence.
    names = (*_CODES, "error") if status is ChargeStatus.FAILED else _CODES
    return ChargeAnswer(
        status=status,
        transaction_id=_transaction(body),
        decline_code=_code(body, *names),
        recommended_action=Fields(body).text("recommendedAction"),
    )


def _transaction(body: Mapping[str, object]) -> str | None:
    return Fields(body).text("transactionId", "revtainTransactionId")


def _code(body: Mapping[str, object], *names: str) -> str | None:
    """The first that looks like a code: free text may stand there too."""
    told = (body.get(name) for name in names)
    return next((code for code in told if isinstance(code, str) and _CODE.fullmatch(code)), None)
