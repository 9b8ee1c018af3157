"""How does one notification reach all devices of a customer, and which of them are dead?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.ports import Accepted, PushMessage, PushSender
from store.errors import DatabaseDownError
from store.push_tokens import PushTokens

# What decides when no device took the notification: that one may have it, before that a further
# attempt may help, before that it was refused.
_WEIGHT = (OutcomeUnknownError, ProviderUnavailableError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Sends to every device; one that takes it is enough."""

    sender: PushSender
    tokens: PushTokens

    async def notify(self, messages: tuple[PushMessage, ...]) -> Accepted:
        """One message for each device, of which there must be one.

        Raise the weightiest `ProviderError` if none took it. Dead devices are forgotten; a bad
        address means that no living one is left.
        """
        outcomes = await asyncio.gather(*(self._one(message) for message in messages))
        taken = next((found for found in outcomes if isinstance(found, Accepted)), None)
        if taken is not None:
            return taken
        faults = [fault for fault in outcomes if isinstance(fault, ProviderError)]
        raise min(faults, key=_weight)

    async def _one(self, message: PushMessage) -> Accepted | ProviderError:
        try:
            return await self.sender.send(message)
        except ProviderRejectedError as fault:
            if fault.rejection is Rejection.BAD_ADDRESS:
                await self._forget(message.token)
            return fault
        except ProviderError as fault:
            return fault

    async def _forget(self, token: str) -> None:
        try:
            await self.tokens.drop(token)
        except DatabaseDownError:
            # What another device answered matters more; the next notification finds it dead again.
            return


def _weight(fault: ProviderError) -> int:
    for place, kind in enumerate(_WEIGHT):
        if isinstance(fault, kind):
            return place
    dead = isinstance(fault, ProviderRejectedError) and fault.rejection is Rejection.BAD_ADDRESS
    return len(_WEIGHT) + dead
