"""How does a reserved letter leave, and what becomes of a message that was touched before?

A message is posted once at most. What the vendor certainly did not take is released; what nobody
can tell of is looked for, and given up as unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from activities.attempt import Attempt
from activities.failures import retryable
from activities.letters import Letter, Postbox
from activities.pausing import Pausing
from dunning.channel import Channel
from dunning.directory import Contact
from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.events import DeadChannel, Deferred, NotSent, NudgeResult, Sent, Unknown
from dunning.ports import MessageTags
from dunning.states import Withheld
from dunning.suppression import Reason, Source
from store.errors import DatabaseDownError
from store.ledger import NO_ANSWER, Ledger
from store.message_records import MessageStatus
from store.reservations import Found, Reserved
from store.suppressions import Closing, Suppressions

# A record that is lost after a send turns a message that was sent, or certainly was not, into an
# unknown one: worth some patience.
_RECORD_PAUSES = (1, 2, 4, 8)
_CARRIER_PAUSES = (0.05, 0.15, 0.5, 1)
_DEAD = {
    Rejection.BAD_ADDRESS: Reason.BAD_ADDRESS,
    Rejection.OPTED_OUT: Reason.OPTED_OUT,
}
_WITHHELD = {reason.value: reason for reason in Withheld}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Posts what is reserved, and records what came of it."""

    ledger: Ledger
    postbox: Postbox
    suppressions: Suppressions
    pausing: Pausing

    async def post(
        self, letter: Letter, reserved: Reserved, contact: Contact, attempt: Attempt
    ) -> NudgeResult:
        """Hand a reserved message to its vendor."""
        if not await self.ledger.request(reserved):
            return attempt.soon("another attempt has taken this message over")
        result = await self._hand_over(letter, reserved.message_id, contact, attempt)
        if isinstance(result, Sent | DeadChannel):
            await self.pausing.accepted(letter.channel, attempt.now)
        return result

    async def _hand_over(
        self, letter: Letter, message_id: str, contact: Contact, attempt: Attempt
    ) -> NudgeResult:
        tags = MessageTags(
            message_id=message_id, case_id=attempt.case.workflow_id, step=attempt.step.id
        )
        try:
            accepted = await self.postbox.post(letter, tags)
        except ProviderMisconfiguredError as fault:
            await _patiently(lambda: self.ledger.release(message_id))
            return await self.pausing.refused(letter.channel, fault, attempt.now)
        except ProviderUnavailableError as fault:
            await _patiently(lambda: self.ledger.release(message_id))
            return attempt.again(fault)
        except ProviderRejectedError as fault:
            await self._close(fault.rejection, letter, contact)
            return await self._refused(fault, message_id, attempt)
        except OutcomeUnknownError:
            found = await self.find(attempt)
            if found is None:
                raise
            return await self._look_for(found, contact, attempt)
        return await self._sent(message_id, accepted.provider_id, attempt)

    async def known(self, found: Found, contact: Contact, attempt: Attempt) -> NudgeResult:
        """What became of a message that was touched before; it is never sent again."""
        if found.status is MessageStatus.RESERVED:
            carried = found.merged_into is not None and not found.stale
            look = self._await_carrier if carried else self._look_for
            return await look(found, contact, attempt)
        return _ended(found, found.occurred_at or attempt.now)

    async def _await_carrier(self, _: Found, contact: Contact, attempt: Attempt) -> NudgeResult:
        """Another case sends a message about this invoice too at this moment."""
        for pause in _CARRIER_PAUSES:
            await asyncio.sleep(pause)
            found = await self.find(attempt)
            if found is None or found.status is MessageStatus.PLANNED:
                return attempt.soon("a message about several invoices was not taken")
            if found.status is not MessageStatus.RESERVED:
                return await self.known(found, contact, attempt)
        return attempt.soon("a message about several invoices is under way")

    async def _look_for(self, found: Found, contact: Contact, attempt: Attempt) -> NudgeResult:
        """Ask the vendor for a message that nobody confirmed; unknown when it cannot tell."""
        message_id = found.merged_into or found.message_id
        try:
            accepted = await self.postbox.find(contact, found, attempt.step.channel)
        except ProviderError as fault:
            if not attempt.last:
                raise retryable(fault) from None
            accepted = None
        if accepted is not None:
            return await self._sent(message_id, accepted.provider_id, attempt)
        until = self.postbox.proof_until(attempt.step.channel, found.begun_at or attempt.now)
        if attempt.now < until:
            return Deferred(until=until, reason="the vendor's report on it is awaited")
        gave_up = await self.ledger.record_unknown(
            message_id, reason=NO_ANSWER, occurred_at=attempt.now
        )
        # Else the vendor's report has come in this very moment.
        known = None if gave_up else await self.find(attempt)
        return Unknown(at=attempt.now) if known is None else _ended(known, attempt.now)

    async def _sent(self, message_id: str, provider_id: str, attempt: Attempt) -> Sent:
        await _patiently(
            lambda: self.ledger.record_sent(
                message_id, provider_id=provider_id, occurred_at=attempt.now
            )
        )
        return Sent(at=attempt.now)

    async def _close(self, rejection: Rejection, letter: Letter, contact: Contact) -> None:
        """Of a customer's devices all are dead by now; a new one opens the channel again."""
        if rejection not in _DEAD:
            return
        pushed = letter.channel is Channel.PUSH
        await self.suppressions.add(
            Closing(
                channel=letter.channel,
                address=contact.customer_id if pushed else letter.recipient,
                reason=_DEAD[rejection],
                source=Source.SEND,
            )
        )

    async def _refused(
        self, fault: ProviderRejectedError, message_id: str, attempt: Attempt
    ) -> DeadChannel:
        reason = f"{fault.rejection.value} (vendor code {fault.code})"
        await _patiently(
            lambda: self.ledger.record_refused(message_id, reason=reason, occurred_at=attempt.now)
        )
        return DeadChannel(reason=reason, at=attempt.now)

    async def find(self, attempt: Attempt) -> Found | None:
        """What the ledger knows of the step over the channel of this attempt."""
        step = attempt.step
        return await self.ledger.find(attempt.case.workflow_id, step.id, step.channel)


async def _patiently(record: Callable[[], Awaitable[bool]]) -> None:
    for pause in _RECORD_PAUSES:
        try:
            await record()
        except DatabaseDownError:
            await asyncio.sleep(pause)
        else:
            return
    await record()


def _ended(found: Found, at: datetime) -> NudgeResult:
    match found.status:
        case MessageStatus.SENT:
            return Sent(at=at, together_with=found.together_with)
        case MessageStatus.REFUSED:
            return DeadChannel(reason=found.reason or "refused", at=at)
        case MessageStatus.WITHHELD if found.reason in _WITHHELD:
            return NotSent(reason=_WITHHELD[found.reason], at=at)
        case _:
            return Unknown(at=at)
