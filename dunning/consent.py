"""What did a customer agree to, or take back, when, and how is that known?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.channel import Channel

LONGEST_PROOF = 500


class ConsentKind(StrEnum):
    """What happened. Values are wire names and never change."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


class ConsentRule(StrEnum):
    """Whether a channel may be used only with a recorded consent."""

    REQUIRED = "required"
    NOT_REQUIRED = "not_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One entry of the proof; entries are only ever added. Instants are UTC.

    `source` is `registration` or a source of suppressions, `proof` the words of who recorded it.
    """

    channel: Channel
    kind: ConsentKind
    at: datetime
    source: str
    proof: str | None
    recorded_at: datetime
