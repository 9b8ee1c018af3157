"""When does a step take its next channel, and what is the result of all that were tried?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from activities.attempt import Attempt
from dunning.events import DeadChannel, NotSent, NudgeResult, Sent, Unknown
from dunning.states import Withheld

# Another channel would not change these: they are about the customer, not about the road.
_FOR_GOOD = frozenset({Withheld.EXCLUDED, Withheld.OVER_BUDGET})


def leads_on(result: NudgeResult) -> bool:
    """Whether the customer certainly did not get the message, and another channel may be tried.

    A closed window or a busy vendor is waited for: the step keeps its channel.
    """
    match result:
        case NotSent(reason=reason):
            return reason not in _FOR_GOOD
        case DeadChannel():
            return True
        case _:
            return False


def over_road(result: NudgeResult, road: Attempt, attempt: Attempt) -> NudgeResult:
    """The result, which names its channel if that is not the one the step was planned for."""
    changed = road.step.channel is not attempt.step.channel
    if changed and isinstance(result, Sent | DeadChannel | Unknown):
        return replace(result, channel=road.step.channel)
    return result


def conclusion(results: Sequence[NudgeResult]) -> NudgeResult:
    """The result that stands for all of them: the last one tried, if anything came of it.

    Of channels that were all closed, the first one's reason is told: the step was meant for it.
    """
    last = results[-1]
    if not leads_on(last):
        return last
    refused = (result for result in results if isinstance(result, DeadChannel))
    return next(refused, results[0])
