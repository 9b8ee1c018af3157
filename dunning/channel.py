"""Over which roads can a customer be reached?"""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """A road to the customer. Values are wire names and never change."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
