"""What does the recovery service answer when it is asked, and is that news to a case?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dunning.advice import Advice
from dunning.states import State

# Whose events in the inbox are answers, in the words of the service's own events.
ASKED_SOURCE = "revtain-asked"

# After these the service may still try again by itself.
_MAY_GO_ON = frozenset({Advice.RETRY_LATER.value, Advice.MONITOR.value})


class RecoveryStatus(StrEnum):
    """How a recovery stands; `unknown` also while it is queued."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class LastAnswer(StrEnum):
    """What came of the last question: a status, or none because it is unknown or was refused."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    MISSING = "missing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryAnswer:
    """How a transaction stands at the recovery service.

    `name` and `body` are those of the event that would have told it; empty while there is nothing
    to tell. The same standing is the same bytes.
    """

    transaction_id: str
    status: RecoveryStatus
    recommended_action: str | None = None
    name: str = ""
    body: bytes = b""


def is_news(answer: RecoveryAnswer, *, state: State | None, told: bool, last: bool) -> bool:
    """Whether an answer goes to the case as if the service had told it by itself.

    `state` is that of the invoice's latest case, `told` whether an event has told a failure of
    this transaction before, `last` whether nobody asks again before the case gives up waiting.
    """
    if answer.status is RecoveryStatus.UNKNOWN:
        return False
    if answer.status is RecoveryStatus.SUCCEEDED or state is None:
        return True
    if state is State.CLOSED or (state is State.RETRYING and told):
        return False
    if answer.status is RecoveryStatus.BLOCKED:
        return True
    # The case knows of a failure; one without an action must not make a person look sooner.
    if answer.recommended_action is None:
        return False
    # A queued charge may be shown as failed: while it is awaited, that is no outcome yet.
    waits = state is State.RETRYING and not last
    return not (waits and answer.recommended_action in _MAY_GO_ON)
