"""Why may an address not be written to, how far does that reach, and who said so?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.channel import Channel


class Scope(StrEnum):
    """What a suppression forbids. Essential notices pass one of reminders (R13)."""

    REMINDERS = "reminders"
    EVERYTHING = "everything"


class Reason(StrEnum):
    """Why the address is closed. Values are wire names and never change."""

    OPTED_OUT = "opted_out"
    COMPLAINED = "complained"
    BAD_ADDRESS = "bad_address"
    FILTERED = "filtered"  # a carrier throws our messages away; for a while

    @property
    def chosen(self) -> bool:
        """Whether the customer decided it, and may decide otherwise; the others are facts."""
        return self is Reason.OPTED_OUT


class Source(StrEnum):
    """How we learned it."""

    SEND = "send"  # the vendor refused a message of ours
    REPORT = "report"  # the vendor reported on a message it had taken
    REPLY = "reply"  # the customer answered a text
    PAGE = "page"  # the customer's own page of preferences
    ONE_CLICK = "one_click"  # the mail program's button (RFC 8058)
    API = "api"
    OPERATOR = "operator"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One reason why an address is closed, in force until lifted or expired. Instants are UTC."""

    id: int
    channel: Channel
    reason: Reason
    scope: Scope
    source: Source
    created_at: datetime
    expires_at: datetime | None = None


def forbids(suppression: Suppression, *, essential: bool) -> bool:
    """Whether it holds a message back; `essential` is for notices that a customer must get."""
    return not (essential and suppression.scope is Scope.REMINDERS)
