"""What can an operator order a case to do? Free text never comes here: only the note's id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal


class Decision(StrEnum):
    """What a reviewer decides."""

    EXTEND = "extend"
    RESUME = "resume"
    RETRY_NOW = "retry_now"
    WRITE_OFF = "write_off"
    STOP = "stop"
    HAND_OVER = "hand_over"
    MARK_PAID = "mark_paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Write to nobody until then (UTC), or until resumed."""

    until: datetime | None = None
    note_id: int | None = None
    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """End a pause."""

    note_id: int | None = None
    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Do not send this step."""

    step: str
    note_id: int | None = None
    kind: Literal["skip"] = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNow:
    """Send this step as soon as its window allows, whatever the spacing."""

    step: str
    note_id: int | None = None
    kind: Literal["send-now"] = "send-now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Close the case; it stays closed whatever arrives later."""

    note_id: int | None = None
    kind: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend:
    """Give the customer this many days more."""

    days: int
    note_id: int | None = None
    kind: Literal["extend"] = "extend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replan:
    """Plan what is left again from what is known now, under the same policy."""

    note_id: int | None = None
    kind: Literal["replan"] = "replan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Go on under another version of the policy, named by its digest (R9)."""

    policy: str
    note_id: int | None = None
    kind: Literal["move"] = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The customer will pay on that day of theirs, which begins and ends at these instants."""

    day: date
    begins_at: datetime
    ends_at: datetime
    note_id: int | None = None
    kind: Literal["promise"] = "promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """End a review."""

    decision: Decision
    note_id: int | None = None
    kind: Literal["decide"] = "decide"


Order = Pause | Resume | Skip | SendNow | Stop | Extend | Replan | Move | Promise | Decide
