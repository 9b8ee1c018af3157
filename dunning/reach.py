"""Over which channel does each message to come go, when some of them are dead (R7)?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from dunning.channel import Channel
from dunning.notice import ESSENTIAL
from dunning.steps import Step, Steps

Writes = Callable[[str, Channel], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which channels cannot be used for a customer, each with its reason.

    `dead` are those that a vendor or the customer closed; reminders move away from them. `closed`
    are these and all that lack an address, a consent or a vendor, to which none moves. `essential`
    are the closed ones that hold back even what a customer must get, which is email and stays it
    (R13).
    """

    dead: Mapping[Channel, str] = field(default_factory=dict[Channel, str])
    closed: Mapping[Channel, str] = field(default_factory=dict[Channel, str])
    essential: Mapping[Channel, str] | None = None

    def leads_nowhere(self, steps: Steps) -> bool:
        """Whether no message can get through any more, and a dead channel is to blame."""
        messages = [step for step in steps if step.pending and not step.alert]
        return bool(self.dead and messages) and not any(self._passes(step) for step in messages)

    def _passes(self, step: Step) -> bool:
        closed = self.closed
        if step.template in ESSENTIAL and self.essential is not None:
            closed = self.essential
        return any(channel not in closed for channel in (step.channel, *step.fallback))

    def route(self, steps: Steps, writes: Writes) -> Steps:
        """Steps that are to come, each over a living channel for which its template has a form.

        One whose own channel lives again goes home; where none lives the step stays as it is.
        """
        return tuple(self._over_living(step, writes) if _movable(step) else step for step in steps)

    def _over_living(self, step: Step, writes: Writes) -> Step:
        home = step.moved_from or step.channel
        if home not in self.dead:
            return _moved(step, home, home, None)
        others = dict.fromkeys((*step.fallback, *Channel))
        for channel in others:
            if channel not in self.closed and writes(step.template, channel):
                return _moved(step, home, channel, f"{home} is closed: {self.dead[home]}")
        return step


def _movable(step: Step) -> bool:
    return step.pending and not step.alert and step.template not in ESSENTIAL


def _moved(step: Step, home: Channel, channel: Channel, reason: str | None) -> Step:
    if channel is step.channel:
        return step
    return replace(
        step,
        channel=channel,
        moved_from=None if channel is home else home,
        fallback=tuple(other for other in step.fallback if other is not channel),
        reason=reason,
        not_before=None,
        deferrals=0,
    )
