"""What becomes of a notification for several devices, of which each answers for itself?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from activities.devices import Devices
from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.ports import Accepted, MessageTags, PushMessage
from store.errors import DatabaseDownError
from store.push_tokens import PushTokens

DEAD = ProviderRejectedError("gone", rejection=Rejection.BAD_ADDRESS, code="UNREGISTERED")
REFUSED = ProviderRejectedError("no", rejection=Rejection.INVALID, code="INVALID_ARGUMENT")
LATER = ProviderUnavailableError("later")
LOST = OutcomeUnknownError("lost")
TAKEN = Accepted(provider_id="1")


@dataclass
class Vendor:
    answers: dict[str, Accepted | ProviderError]
    sent: list[str] = field(default_factory=list[str])

    async def send(self, message: PushMessage) -> Accepted:
        self.sent.append(message.token)
        answer = self.answers[message.token]
        if isinstance(answer, ProviderError):
            raise answer
        return answer


@dataclass
class Kept:
    down: bool = False
    dropped: list[str] = field(default_factory=list[str])

    async def drop(self, token: str) -> bool:
        if self.down:
            raise DatabaseDownError("gone")
        self.dropped.append(token)
        return True


async def notify(
    *answers: Accepted | ProviderError, down: bool = False
) -> tuple[Accepted | ProviderError, list[str]]:
    """What came of it, and which devices were forgotten; every device is tried once."""
    vendor = Vendor({f"device-{number}": answer for number, answer in enumerate(answers)})
    kept = Kept(down=down)
    devices = Devices(sender=vendor, tokens=cast("PushTokens", kept))
    messages = tuple(_message(token) for token in vendor.answers)
    outcome: Accepted | ProviderError
    try:
        outcome = await devices.notify(messages)
    except ProviderError as fault:
        outcome = fault
    assert vendor.sent == list(vendor.answers)
    return outcome, kept.dropped


def _message(token: str) -> PushMessage:
    return PushMessage(
        token=token,
        title="Shop",
        body="Pay",
        link="https://shop.example",
        valid_for=timedelta(hours=1),
        tags=MessageTags(message_id="1", case_id="2", step="3"),
    )


@pytest.mark.parametrize(
    ("answers", "outcome", "dropped"),
    [
        ([TAKEN], TAKEN, []),
        ([DEAD, TAKEN, LATER, LOST], TAKEN, ["device-0"]),
        ([DEAD, LATER, LOST], LOST, ["device-0"]),
        ([REFUSED, DEAD, LATER], LATER, ["device-1"]),
        ([DEAD, REFUSED], REFUSED, ["device-0"]),
        ([DEAD, DEAD], DEAD, ["device-0", "device-1"]),
    ],
)
async def test_one_device_that_took_it_is_enough(
    answers: list[Any], outcome: Accepted | ProviderError, dropped: list[str]
) -> None:
    assert await notify(*answers) == (outcome, dropped)


async def test_a_database_that_is_away_does_not_hide_that_it_was_sent() -> None:
    assert await notify(DEAD, TAKEN, down=True) == (TAKEN, [])
