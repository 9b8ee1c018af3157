"""Which try at which step is this, and for how long is the step put off if it fails?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.failures import retryable
from dunning.channel import Channel
from dunning.errors import ProviderUnavailableError
from dunning.events import Deferred
from dunning.facts import RECEIPT, Case, of_service
from dunning.notice import ESSENTIAL
from dunning.roads import roads
from dunning.steps import Step
from workflows.contracts import NUDGE_ATTEMPTS

_SHORT_WAIT = timedelta(minutes=1)
_FIRST_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=6)
_DOUBLINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one step. `now` is the case's own time, UTC; `number` counts from 1."""

    case: Case
    step: Step
    now: datetime
    number: int

    @property
    def roads(self) -> tuple[Attempt, ...]:
        """The same try over each channel of the step, the first one first; none of an alert."""
        steps = () if self.step.alert else roads(self.step)
        return tuple(replace(self, step=step) for step in steps)

    def over(self, channel: Channel) -> Attempt:
        """The same try over another channel, be it none that the step is planned for."""
        return replace(self, step=replace(self.step, channel=channel))

    @property
    def receipt(self) -> bool:
        """Whether this is the receipt, which follows a payment."""
        return self.step.id == RECEIPT

    @property
    def parting(self) -> bool:
        """Whether a closed case may send it still: a receipt, or a notice of the service."""
        return self.receipt or of_service(self.step)

    @property
    def essential(self) -> bool:
        """Whether the customer must get it, in spite of an unsubscribe from reminders (R13)."""
        return self.parting or self.step.template in ESSENTIAL

    @property
    def last(self) -> bool:
        """Whether the activity gives up after this one."""
        return self.number >= NUDGE_ATTEMPTS

    @property
    def spaced(self) -> bool:
        """Whether it keeps its distance from what another case sent for this one (R8)."""
        return not (self.parting or self.step.ordered)

    @property
    def within_budget(self) -> bool:
        """Whether the contact budget may hold it back (R10).

        Not a receipt or a notice of the service, nor what a person ordered, nor the last notice: it
        says until when paying keeps everything as it is, and no later message says so again.
        """
        return not (self.parting or self.step.ordered or self.step.final)

    def again(self, fault: ProviderUnavailableError) -> Deferred:
        """Try again in the activity while the wait is short, else let the case wait."""
        wait = fault.retry_after
        if not self.last and (wait is None or wait <= _SHORT_WAIT):
            raise retryable(fault, delay=wait) from None
        pause = self._pause(_FIRST_PAUSE)
        return Deferred(until=self.now + max(pause, wait or pause), reason=fault.reason)

    def soon(self, reason: str) -> Deferred:
        """Milliseconds would do as a rule; days when what is awaited never comes."""
        return Deferred(until=self.now + self._pause(_SHORT_WAIT), reason=reason)

    def _pause(self, first: timedelta) -> timedelta:
        """Twice as long each time the step is put off."""
        return min(first * (1 << min(self.step.deferrals, _DOUBLINGS)), _LONGEST_PAUSE)
