"""Over which channels may a step go, and in which order are they tried?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dunning.channel import Channel
    from dunning.steps import Step


def roads(step: Step) -> tuple[Step, ...]:
    """The step as it would go over each of its channels, the first one first.

    A later one is for when those before it certainly did not reach the customer.
    """
    channels: tuple[Channel, ...] = tuple(dict.fromkeys((step.channel, *step.fallback)))
    return tuple(
        replace(step, channel=channel, fallback=channels[number:])
        for number, channel in enumerate(channels, start=1)
    )
