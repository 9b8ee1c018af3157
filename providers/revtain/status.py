"""What does Revtain's answer to the question for a transaction mean?"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from dunning.errors import (
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.inbound import InboundKind
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from providers.retry_after import retry_delay
from providers.revtain.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from providers.transit import Answer

# What Revtain's pages name, for answers that do not say how long.
RATE_PAUSE = timedelta(seconds=60)
MENDING = timedelta(minutes=15)

REFUSED_KEY = "Revtain refuses the API key: check that REVTAIN_API_KEY is live and of this account"
NO_RIGHT = "Revtain does not let this key ask for transactions: check REVTAIN_API_KEY"
NOT_REVTAIN = "there is no Revtain at this address: check REVTAIN_BASE_URL"
UNREADABLE = "Revtain answered with something that is no standing of a transaction"

_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,6})", re.ASCII)
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
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
    body = _object(answer.body)
    match answer.status:
        case HTTPStatus.OK | HTTPStatus.ACCEPTED if body is not None:
            queued = answer.status == HTTPStatus.ACCEPTED
            return _standing(body, asked, queued=queued) or _unavailable(UNREADABLE, answer)
        case HTTPStatus.NOT_FOUND if body is not None:
            return None
        case HTTPStatus.FORBIDDEN if asked and body and body.get("action") == "blocked":
            return _answer(asked, RecoveryStatus.BLOCKED, body)
        case HTTPStatus.CONFLICT if asked and body and body.get("existingTransactionId") == asked:
            return _answer(asked, _status(body.get("existingStatus")), body)
        case _:
            return _fault(answer, body, now)


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


def _fault(answer: Answer, body: Mapping[str, object] | None, now: datetime) -> ProviderError:
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        asked = retry_delay(answer.headers.get("Retry-After"), now=now) or _seconds(body)
        return _unavailable("Revtain asks us to ask less often", answer, asked)
    if status == HTTPStatus.UNAUTHORIZED:
        return _misconfigured(REFUSED_KEY, answer)
    if status == HTTPStatus.FORBIDDEN:
        return _misconfigured(NO_RIGHT, answer)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) or _moved(status):
        return _misconfigured(NOT_REVTAIN, answer)
    if status in _LATER or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        later = retry_delay(answer.headers.get("Retry-After"), now=now)
        reason = UNREADABLE if status < HTTPStatus.BAD_REQUEST else "Revtain is not available"
        return _unavailable(reason, answer, later)
    return ProviderRejectedError(
        "Revtain refuses the question for this transaction",
        rejection=Rejection.INVALID,
        code=str(status),
    )


def _moved(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


def _unavailable(
    reason: str, answer: Answer, retry_after: timedelta | None = None
) -> ProviderUnavailableError:
    return ProviderUnavailableError(f"{reason} (HTTP {answer.status})", retry_after=retry_after)


def _misconfigured(reason: str, answer: Answer) -> ProviderMisconfiguredError:
    return ProviderMisconfiguredError(f"{reason} (HTTP {answer.status})", retry_after=MENDING)


def _seconds(body: Mapping[str, object] | None) -> timedelta:
    """`retryAfter` is a text with a unit: "60 seconds"."""
    told = (body or {}).get("retryAfter")
    found = _LEADING_NUMBER.match(str(told)) if isinstance(told, str | int) else None
    return timedelta(seconds=int(found[1])) if found else RATE_PAUSE


def _object(body: bytes) -> dict[str, object] | None:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", document) if isinstance(document, dict) else None
