"""What can become of one request to a vendor: an answer, certainly nothing, or nobody knows?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class NotConnectedError(Exception):
    """No connection was made, so the vendor certainly saw nothing."""


class LostAnswerError(Exception):
    """The request may have left, and no answer says what became of it.

    `fault` is the class name of what broke; its text may quote the message.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vendor answered, whatever its status; header names in any case."""

    status: int
    body: bytes
    headers: Mapping[str, str]
