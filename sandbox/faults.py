"""Which fault, if any, meets this request?"""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FIRST_ERROR = 400


class Vendor(StrEnum):
    SENDGRID = "sendgrid"
    TWILIO = "twilio"
    REVTAIN = "revtain"
    FCM = "fcm"


class Operation(StrEnum):
    """`send` is a mail, a text, a push or an execute; `read` is a fetch, a list or a status.

    A look-up is a `read` too. `link` asks for a page for a new card, `pulse` tells of a payment.
    """

    SEND = "send"
    LINK = "link"
    PULSE = "pulse"
    READ = "read"
    ANY = "any"


class FaultKind(StrEnum):
    DELAY = "delay"
    STATUS = "status"
    DROP = "drop"
    HTML = "html"
    BAD_JSON = "bad_json"
    TRUNCATED = "truncated"
    """The whole length is promised, half of it comes, and the connection ends."""


class Moment(StrEnum):
    """Does the fault strike before the request is taken, or after the vendor has acted on it?"""

    BEFORE = "before"
    AFTER = "after"


class FaultMode(StrEnum):
    ONCE = "once"
    STICKY = "sticky"
    RANDOM = "random"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Strict):
    kind: FaultKind
    when: Moment = Moment.BEFORE
    delay_s: float = Field(default=0.0, ge=0)
    """Waits this long first, whatever the kind."""
    status: int = Field(default=500, ge=200, le=599)
    """Below 400 only with a page or broken JSON, as a gateway in between may answer."""
    headers: dict[str, str] = Field(default_factory=dict)
    reset: bool = False
    """A dropped connection ends with a TCP reset instead of an orderly close."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Used in mode `random` only; what is left of 1 is the share of calls without a fault."""

    @model_validator(mode="after")
    def _status_is_an_error(self) -> Self:
        if self.kind in {FaultKind.STATUS, FaultKind.TRUNCATED} and self.status < _FIRST_ERROR:
            raise ValueError("a fault with a status below 400 is a page or broken JSON")
        return self


class FaultPlan(_Strict):
    vendor: Vendor
    faults: tuple[Fault, ...] = Field(min_length=1)
    mode: FaultMode = FaultMode.ONCE
    """`once`: one fault per call, in order. `sticky`: in a circle. `random`: drawn with `seed`."""
    operation: Operation = Operation.SEND
    to: str | None = None
    """Only calls for this recipient (address, number or card token)."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    vendor: Vendor
    operation: Operation
    recipients: tuple[str, ...] = ()


@dataclass(slots=True)
class _RunningPlan:
    plan: FaultPlan
    calls: int = 0

    @property
    def exhausted(self) -> bool:
        return self.plan.mode is FaultMode.ONCE and self.calls >= len(self.plan.faults)

    def covers(self, call: Call) -> bool:
        plan = self.plan
        return (
            plan.vendor is call.vendor
            and plan.operation in {call.operation, Operation.ANY}
            and (plan.to is None or plan.to in call.recipients)
        )

    def next_fault(self) -> Fault | None:
        number, faults = self.calls, self.plan.faults
        self.calls += 1
        if self.plan.mode is not FaultMode.RANDOM:
            return faults[number % len(faults)]
        drawn, reached = _draw(self.plan.seed, number), 0.0
        for fault in faults:
            reached += fault.probability
            if drawn < reached:
                return fault
        return None


@dataclass(slots=True)
class Faults:
    """All plans in force; the first one that covers a call decides."""

    _running: list[_RunningPlan] = field(default_factory=list[_RunningPlan])

    def add(self, plan: FaultPlan) -> None:
        self._running.append(_RunningPlan(plan))

    def plan(
        self,
        vendor: Vendor,
        *faults: Fault,
        mode: FaultMode = FaultMode.ONCE,
        operation: Operation = Operation.SEND,
        to: str | None = None,
        seed: int = 0,
    ) -> None:
        self.add(
            FaultPlan(
                vendor=vendor, faults=faults, mode=mode, operation=operation, to=to, seed=seed
            )
        )

    def plans(self) -> list[FaultPlan]:
        return [running.plan for running in self._running]

    def clear(self) -> None:
        self._running.clear()

    def take(self, call: Call) -> Fault | None:
        running = next((plan for plan in self._running if plan.covers(call)), None)
        if running is None:
            return None
        fault = running.next_fault()
        self._running = [plan for plan in self._running if not plan.exhausted]
        return fault


def _draw(seed: int, number: int) -> float:
    """A number in [0, 1) that depends on nothing but seed and position."""
    digest = sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
