"""What would Revtain make of a recovery request, and what does it remember of it?"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VELOCITY = timedelta(minutes=5)
_RATE_WINDOW = timedelta(minutes=1)
_RATE_LIMIT = 60
_FORCED_FAILURE_AMOUNT = 44
AMOUNTS = range(50, 100_000_001)
_QUEUED_CODES = {"insufficient_funds", "expired_card"}
_BLOCKED_CODES = {
    *("fraudulent", "lost_card", "pickup_card", "restricted_card", "fraud_suspected"),
    "authentication_required",
}
_LATER_CODES = {"insufficient_funds", "try_again_later", "do_not_honor"}
_SUCCESS = "recovery.success"
_STATUSES = {
    _SUCCESS: "succeeded",
    "recovery.failed": "failed",
    "recovery.blocked": "blocked",
}


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"
    BLOCKED = "blocked"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    """The gateway's answer was ambiguous."""

    @property
    def is_open(self) -> bool:
        """Whether a webhook tells later what came of it."""
        return self in {Outcome.QUEUED, Outcome.UNKNOWN}


class ExecuteRequest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    paymentMethodToken: str = Field(min_length=1)  # noqa: N815 - the vendor's spelling
    amount: int
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    originalDeclineCode: str | None = None  # noqa: N815 - the vendor's spelling
    idempotencyKey: str | None = Field(default=None, max_length=128)  # noqa: N815 - likewise
    customerEmail: str | None = None  # noqa: N815 - the vendor's spelling
    cardOrigin: str | None = Field(default=None, pattern="^[A-Z]{2}$")  # noqa: N815 - likewise
    binPrefix: str | None = Field(default=None, pattern="^[0-9]{6}$")  # noqa: N815 - likewise
    fallbackPaymentMethodTokens: tuple[str, ...] = Field(default=(), strict=False)  # noqa: N815 - likewise
    simulateOutcome: Literal["success", "failed", "blocked"] | None = None  # noqa: N815 - likewise

    @property
    def amount_allowed(self) -> bool:
        """44 forces a failure at the test gateway although it is below the stated minimum."""
        return self.amount == _FORCED_FAILURE_AMOUNT or self.amount in AMOUNTS


@dataclass(slots=True)
class Transaction:
    """One recovery attempt; a queued one is settled later, so this record changes."""

    id: str
    request: ExecuteRequest
    outcome: Outcome
    created_at: datetime
    recovered_at: datetime | None = None
    planned_code: str | None = None
    """What a failure says, whatever code the request came with."""

    @property
    def status(self) -> str:
        names = {Outcome.SUCCESS: "succeeded", Outcome.QUEUED: "unknown"}
        return names.get(self.outcome, self.outcome.value)

    @property
    def decline_code(self) -> str:
        default = "fraudulent" if self.outcome is Outcome.BLOCKED else "expired_card"
        return self.planned_code or self.request.originalDeclineCode or default

    @property
    def recommended_action(self) -> str:
        if self.outcome is Outcome.BLOCKED:
            return "manual_review"
        if self.outcome.is_open:
            return "monitor"
        return "retry_later" if self.decline_code in _LATER_CODES else "request_card_update"

    def settle(self, outcome: Outcome, moment: datetime) -> None:
        self.outcome = outcome
        self.recovered_at = moment if outcome is Outcome.SUCCESS else None

    def event(self) -> dict[str, JsonValue]:
        """The webhook body that tells the outcome."""
        body: dict[str, JsonValue] = {
            "event": f"recovery.{self.outcome.value}",
            "revtainTransactionId": self.id,
            "amount": self.request.amount,
            "currency": self.request.currency,
        }
        if self.outcome is Outcome.SUCCESS:
            token = f"pi_{self.id}"
            return body | {
                "gatewayTransactionToken": token,
                "message": "Succeeded!",
                "strategyUsed": "primary",
            }
        return body | {
            "declineCode": self.decline_code,
            "recommendedAction": self.recommended_action,
        }


class RevtainLedger:
    def __init__(self) -> None:
        self._by_id: dict[str, Transaction] = {}
        self._calls: dict[str, deque[datetime]] = {}
        self._told: dict[str, Mapping[str, JsonValue]] = {}
        self.outcomes: dict[str, Outcome] = {}
        """Payment method token, and the outcome that every attempt with it shall have."""
        self.decline_codes: dict[str, str] = {}
        """Payment method token, and the code that its failures carry."""
        self.pulses: list[dict[str, JsonValue]] = []
        """Payments that succeeded without any recovery, as they were told."""

    def over_limit(self, api_key: str, now: datetime) -> bool:
        calls = self._calls.setdefault(api_key, deque())
        while calls and now - calls[0] >= _RATE_WINDOW:
            calls.popleft()
        calls.append(now)
        return len(calls) > _RATE_LIMIT

    def get(self, transaction_id: str) -> Transaction | None:
        return self._by_id.get(transaction_id)

    @property
    def transactions(self) -> list[Transaction]:
        """Every attempt that was taken, the oldest first."""
        return list(self._by_id.values())

    def by_key(self, idempotency_key: str) -> Transaction | None:
        return next(
            (
                each
                for each in self._by_id.values()
                if each.request.idempotencyKey == idempotency_key
            ),
            None,
        )

    def note(self, event: Mapping[str, JsonValue]) -> None:
        """An event that a person made up is true from then on; a success stays one."""
        identifier = event.get("revtainTransactionId")
        if not isinstance(identifier, str) or event.get("event") not in _STATUSES:
            return
        before = self._told.get(identifier, {})
        if before.get("event") != _SUCCESS or event.get("event") == _SUCCESS:
            self._told[identifier] = dict(event)

    def told(self, identifier: str) -> dict[str, JsonValue] | None:
        """How a made-up transaction stands, by its id or its idempotency key."""
        found = self._told.get(identifier) or next(
            (e for e in self._told.values() if identifier == e.get("idempotencyKey")), None
        )
        return None if found is None else _standing(found)

    def same_charge(self, request: ExecuteRequest, now: datetime) -> Transaction | None:
        """An attempt on the same card and amount within five minutes."""
        return next(
            (
                each
                for each in self._by_id.values()
                if each.request.paymentMethodToken == request.paymentMethodToken
                and each.request.amount == request.amount
                and now - each.created_at < _VELOCITY
            ),
            None,
        )

    def open(self, request: ExecuteRequest, now: datetime) -> Transaction:
        transaction = Transaction(_new_id(), request, self._outcome_of(request), now)
        transaction.planned_code = self.decline_codes.get(request.paymentMethodToken)
        transaction.settle(transaction.outcome, now)
        self._by_id[transaction.id] = transaction
        return transaction

    def _outcome_of(self, request: ExecuteRequest) -> Outcome:
        if request.simulateOutcome:
            return Outcome(request.simulateOutcome)
        if request.paymentMethodToken in self.outcomes:
            return self.outcomes[request.paymentMethodToken]
        if request.amount == _FORCED_FAILURE_AMOUNT:
            return Outcome.FAILED
        if request.originalDeclineCode in _BLOCKED_CODES:
            return Outcome.BLOCKED
        return Outcome.QUEUED if request.originalDeclineCode in _QUEUED_CODES else Outcome.SUCCESS

    def clear(self) -> None:
        self._by_id.clear()
        self._calls.clear()
        self._told.clear()
        self.outcomes.clear()
        self.decline_codes.clear()
        self.pulses.clear()


def _standing(event: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    recovered = event.get("event") == _SUCCESS
    body: dict[str, JsonValue] = {
        "transactionId": event["revtainTransactionId"],
        "status": _STATUSES[str(event["event"])],
        "recovered": recovered,
        "amount": event.get("amount"),
        "currency": event.get("currency"),
        "recoveredAt": None,
        "strategyUsed": "primary",
        "attemptCount": 1,
        "lastDeclineCode": event.get("declineCode"),
    }
    return body if recovered else body | {"recommendedAction": event.get("recommendedAction")}


def _new_id() -> str:
    return "01" + "".join(secrets.choice(_ULID_LETTERS) for _ in range(24))
