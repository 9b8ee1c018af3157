"""What does Revtain's answer to the question for a transaction mean?"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from dunning.errors import ProviderError
from dunning.inbound import InboundKind
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from providers.revtain.fields import Fields
from providers.revtain.refusal import Call, document, fault, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from providers.transit import Answer

_CALL = Call(
    no_right="Revtain does not let this key ask for transactions: check REVTAIN_API_KEY",
    refused="Revtain refuses the question for this transaction",
    unreadable="Revtain answered with something that is no standing of a transaction",
)

_STATUSES: dict[str, RecoveryStatus] = {status.value: status for status in RecoveryStatus}
_EVENTS = {
    RecoveryStatus.SUCCEEDED: InboundKind.SUCCESS,
    RecoveryStatus.FAILED: InboundKind.FAILED,
    RecoveryStatus.BLOCKED: InboundKind.BLOCKED,
}
_TRANSACTION = ("transactionId", "revtainTransactionId")
_ACTION = ("recommendedAction", "recommended_action")
# What the reader of events reads too, and what is the same however often it is asked for.
_TOLD = ("amount", "currency", "declineCode", "lastDeclineCode", *_ACTION, "isSimulated")


def read_answer(
    answer: Answer, *, asked: str | None, now: datetime
) -> RecoveryAnswer | ProviderError | None:
    """How the transaction stands; None when Revtain knows none. `asked` is its id, if known.

    Nothing of the vendor's own words goes into the texts of faults.
    """
    body = document(answer)
    match answer.status:
        case HTTPStatus.OK | HTTPStatus.ACCEPTED if body is not None:
            queued = answer.status == HTTPStatus.ACCEPTED
            return _standing(body, asked, queued=queued) or unreadable(answer, _CALL)
        case HTTPStatus.NOT_FOUND if body is not None:
            return None
        case HTTPStatus.FORBIDDEN if asked and body and body.get("action") == "blocked":
            return _answer(asked, RecoveryStatus.BLOCKED, body)
        case HTTPStatus.CONFLICT if asked and body and body.get("existingTransactionId") == asked:
            return _answer(asked, _status(body.get("existingStatus")), body)
        case _:
            return fault(answer, _CALL, now=now)


def _standing(
    body: Mapping[str, object], asked: str | None, *, queued: bool
) -> RecoveryAnswer | None:
    transaction_id = Fields(body).text(*_TRANSACTION) or (asked if queued else None)
    told = body.get("status")
    known = queued or isinstance(told, str) or isinstance(body.get("recovered"), bool)
    # An answer about another transaction proves nothing about this one.
    if transaction_id is None or not known or (asked and transaction_id != asked):
        return None
    if queued:
        return _answer(transaction_id, RecoveryStatus.UNKNOWN, body)
    recovered = body.get("recovered") is True and not isinstance(told, str)
    return _answer(transaction_id, RecoveryStatus.SUCCEEDED if recovered else _status(told), body)


def _status(told: object) -> RecoveryStatus:
    """A word that we do not know means that nothing is final."""
    known = _STATUSES.get(told) if isinstance(told, str) else None
    return known or RecoveryStatus.UNKNOWN


def _answer(
    transaction_id: str, status: RecoveryStatus, body: Mapping[str, object]
) -> RecoveryAnswer:
    """With the event that would have told it, whose values the reader of events judges."""
    kind = _EVENTS.get(status)
    if kind is None:
        return RecoveryAnswer(transaction_id=transaction_id, status=status)
    told = {"event": kind.value, "revtainTransactionId": transaction_id}
    given = {name: body[name] for name in _TOLD if body.get(name) is not None}
    fields = Fields(body)
    return RecoveryAnswer(
        transaction_id=transaction_id,
        status=status,
        recommended_action=fields.text(*_ACTION) if kind is not InboundKind.SUCCESS else None,
        name=kind.value,
        body=json.dumps({**told, **given}, separators=(",", ":")).encode(),
    )
