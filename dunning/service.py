"""What becomes of a service that is not paid for, and what does the pinned policy say of it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Service(StrEnum):
    """What the merchant does to the service of a debt that is given up."""

    KEEP = "keep"
    CANCEL = "cancel"
    PAUSE = "pause"


class ServiceStatus(StrEnum):
    """Where the service of a closed case stands. `kept`: it goes on in spite of the close."""

    ENDING = "ending"
    ENDED = "ended"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTerms:
    """`notice` is told how long before the end, `grace` is access after the case has closed."""

    service: Service
    notice: timedelta
    grace: timedelta
