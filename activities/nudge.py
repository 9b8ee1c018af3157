"""How is one step carried out, so that it is never sent twice and never sent in vain?

Truth, window, letter, ledger, send, record: in this order. Nothing is sent unless the ledger row
was reserved in the same breath in which the store said that the debt is open; what happened is
recorded before anything else may happen.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.failures import retryable
from activities.letters import Letter, Postbox, Writer
from activities.policies import Policies
from activities.truth import Truth, settled
from activities.zones import candidates
from dunning.channel import Channel
from dunning.directory import Contact, Invoice
from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.events import (
    DeadChannel,
    Deferred,
    NotSent,
    NudgeResult,
    Sent,
    Unknown,
)
from dunning.facts import RECEIPT, Case
from dunning.policy import Policy
from dunning.ports import MessageTags
from dunning.states import Withheld
from dunning.steps import Step
from dunning.windows import fitting_zones, next_open, time_left
from store.errors import DatabaseDownError
from store.ledger import Found, Ledger, MessageStatus, Reserved, Settled, SuccessPending
from store.standing import Standing
from workflows.contracts import NUDGE_ATTEMPTS

_SHORT_WAIT = timedelta(minutes=1)
_FIRST_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=6)
_DOUBLINGS = 10
# A record that is lost after a send turns a sent message into an unknown one: worth some patience.
_RECORD_PAUSES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one step. `now` is the case's own time, UTC; `number` counts from 1."""

    case: Case
    step: Step
    now: datetime
    number: int

    @property
    def receipt(self) -> bool:
        """Whether this is the receipt, which follows a payment."""
        return self.step.id == RECEIPT

    @property
    def last(self) -> bool:
        """Whether the activity gives up after this one."""
        return self.number >= NUDGE_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudger:
    """Carries steps out."""

    truth: Truth
    policies: Policies
    ledger: Ledger
    writer: Writer
    postbox: Postbox

    async def send(self, invoice_id: str, attempt: Attempt) -> NudgeResult:
        """Carry one step out. Raise a retryable fault when the vendor may take it in a moment."""
        standing = await self.truth.of(invoice_id, attempt.now)
        found = await self.ledger.find(
            attempt.case.workflow_id, attempt.step.id, attempt.step.channel
        )
        if found is not None and found.status is not MessageStatus.PLANNED:
            return await self._known(found, standing, attempt)
        end = settled(standing)
        if end is not None and not attempt.receipt:
            return end
        if standing.amount_differs and not attempt.receipt:
            return _soon(attempt, "a success with another amount is about to stop the case")
        _, policy = await self.policies.pin(attempt.case.policy_digest)
        prepared = await self._prepare(standing, policy, attempt)
        if isinstance(prepared, Letter):
            return await self._deliver(prepared, standing, attempt)
        return prepared

    async def _prepare(
        self, standing: Standing, policy: Policy, attempt: Attempt
    ) -> Letter | NotSent | Deferred:
        invoice, channel = standing.invoice, attempt.step.channel
        reason = await self._forbidden(invoice.contact, channel)
        if reason is not None:
            return NotSent(reason=reason, at=attempt.now)
        zones = candidates(invoice.contact, policy.account.timezone)
        fitting = fitting_zones(policy.windows, channel, zones, attempt.now)
        if not fitting:
            return NotSent(reason=Withheld.NO_WINDOW, at=attempt.now)
        opens = next_open(policy.windows, channel, fitting, attempt.now)
        if opens is None:
            return NotSent(reason=Withheld.NO_WINDOW, at=attempt.now)
        if opens > attempt.now:
            return Deferred(until=opens, reason="outside the recipient's hours")
        return self._write(invoice, policy, attempt, fitting)

    def _write(
        self, invoice: Invoice, policy: Policy, attempt: Attempt, zones: tuple[str, ...]
    ) -> Letter:
        return self.writer.write(
            step=attempt.step,
            case=attempt.case,
            invoice=invoice,
            policy=policy,
            zone=zones[0],
            valid_for=time_left(policy.windows, attempt.step.channel, zones, attempt.now),
        )

    async def _forbidden(self, contact: Contact, channel: Channel) -> Withheld | None:
        address = contact.phone if channel is Channel.SMS else contact.email
        if not self.postbox.has(channel):
            return Withheld.NO_VENDOR
        if contact.excluded:
            return Withheld.EXCLUDED
        if address is None:
            return Withheld.NO_ADDRESS
        if channel is Channel.SMS and contact.sms_consent_at is None:
            return Withheld.NO_CONSENT
        return _SUPPRESSED.get(await self.ledger.suppressed(channel, address) or "")

    async def _deliver(self, letter: Letter, standing: Standing, attempt: Attempt) -> NudgeResult:
        step = attempt.step
        held = await self.ledger.reserve(
            attempt.case.workflow_id,
            step=step.id,
            channel=step.channel,
            template=step.template,
            due_at=step.due_at,
            body_digest=letter.digest,
            after_payment=attempt.receipt,
        )
        match held:
            case Reserved(message_id=message_id):
                return await self._post(letter, message_id, standing, attempt)
            case Found():
                return await self._known(held, standing, attempt)
            case SuccessPending():
                return _soon(attempt, "a success was received that is not settled yet")
            case Settled():
                # Paid or closed within the last milliseconds: the next look sees it.
                return _soon(attempt, "the debt was settled in this very moment")

    async def _post(
        self, letter: Letter, message_id: str, standing: Standing, attempt: Attempt
    ) -> NudgeResult:
        tags = MessageTags(
            message_id=message_id, case_id=attempt.case.workflow_id, step=attempt.step.id
        )
        try:
            accepted = await self.postbox.post(letter, tags)
        except ProviderUnavailableError as fault:
            await self.ledger.release(message_id)
            return _again(fault, attempt)
        except ProviderRejectedError as fault:
            return await self._refused(fault, letter, message_id, attempt)
        except OutcomeUnknownError:
            found = await self.ledger.find(
                attempt.case.workflow_id, attempt.step.id, attempt.step.channel
            )
            if found is None:
                raise
            return await self._look_for(found, standing, attempt)
        return await self._sent(message_id, accepted.provider_id, attempt.now)

    async def _known(self, found: Found, standing: Standing, attempt: Attempt) -> NudgeResult:
        """A row that an earlier attempt touched is never sent again."""
        at = found.occurred_at or attempt.now
        match found.status:
            case MessageStatus.SENT:
                return Sent(at=at)
            case MessageStatus.UNKNOWN:
                return Unknown(at=at)
            case MessageStatus.REFUSED:
                return DeadChannel(reason=found.reason or "refused", at=at)
            case _:
                return await self._look_for(found, standing, attempt)

    async def _look_for(self, found: Found, standing: Standing, attempt: Attempt) -> NudgeResult:
        """Ask the vendor for a message that nobody confirmed; unknown when it cannot tell."""
        try:
            contact, channel = standing.invoice.contact, attempt.step.channel
            accepted = await self.postbox.find(contact, found, channel)
        except ProviderError as fault:
            if not attempt.last:
                raise retryable(fault) from None
            accepted = None
        if accepted is not None:
            return await self._sent(found.message_id, accepted.provider_id, attempt.now)
        await self.ledger.record_unknown(
            found.message_id, reason="no answer from the vendor", occurred_at=attempt.now
        )
        return Unknown(at=attempt.now)

    async def _sent(self, message_id: str, provider_id: str, now: datetime) -> Sent:
        for pause in (*_RECORD_PAUSES, None):
            try:
                await self.ledger.record_sent(message_id, provider_id=provider_id, occurred_at=now)
                break
            except DatabaseDownError as fault:
                if pause is None:
                    raise retryable(fault) from None
                await asyncio.sleep(pause)
        return Sent(at=now)

    async def _refused(
        self, fault: ProviderRejectedError, letter: Letter, message_id: str, attempt: Attempt
    ) -> DeadChannel:
        if fault.rejection in _DEAD:
            await self.ledger.suppress(letter.channel, letter.recipient, fault.rejection.value)
        reason = f"{fault.rejection.value} (vendor code {fault.code})"
        await self.ledger.record_refused(message_id, reason=reason, occurred_at=attempt.now)
        return DeadChannel(reason=reason, at=attempt.now)


_DEAD = frozenset({Rejection.BAD_ADDRESS, Rejection.OPTED_OUT})
_SUPPRESSED = {
    Rejection.BAD_ADDRESS.value: Withheld.BAD_ADDRESS,
    Rejection.OPTED_OUT.value: Withheld.OPTED_OUT,
}


def _again(fault: ProviderUnavailableError, attempt: Attempt) -> Deferred:
    """Try again in the activity while the wait is short, else let the case wait."""
    wait = fault.retry_after
    if not attempt.last and (wait is None or wait <= _SHORT_WAIT):
        raise retryable(fault, delay=wait) from None
    pause = _pause(_FIRST_PAUSE, attempt)
    return Deferred(until=attempt.now + max(pause, wait or pause), reason=fault.reason)


def _soon(attempt: Attempt, reason: str) -> Deferred:
    """Milliseconds as a rule; days when the success is one that nobody can read."""
    return Deferred(until=attempt.now + _pause(_SHORT_WAIT, attempt), reason=reason)


def _pause(first: timedelta, attempt: Attempt) -> timedelta:
    """Twice as long each time the step is put off."""
    return min(first * (1 << min(attempt.step.deferrals, _DOUBLINGS)), _LONGEST_PAUSE)
