"""Is there a template for every message that the policy asks for?"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.finding import Code, Finding
from dunning.placement import Anchor
from dunning.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dunning.campaign import Campaign, Step
    from dunning.policy import Policy

_SEVERAL = "several"
_OF_THE_SERVICE = {"receipt": "payment_received", "new_card": "card_update_failed"}
_OF_ENDS = {
    Service.KEEP: (),
    Service.CANCEL: ("service_ending", "service_ended"),
    Service.PAUSE: ("service_pausing", "service_paused"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A template that is asked for at some place of the policy."""

    path: str
    channel: Channel
    name: str


def wanted(policy: Policy) -> Iterator[Wanted]:
    """Every template that a customer may get, in file order."""
    for path, name in _OF_THE_SERVICE.items():
        if path != "receipt" or policy.receipt:
            yield Wanted(path, Channel.EMAIL, name)
    yield from _of_promises(policy)
    yield from (Wanted("end", Channel.EMAIL, name) for name in _OF_ENDS[policy.end.service])
    if policy.merge_within:
        channels = {c for one in policy.campaigns for c in _merging(one)}
        yield from (Wanted("merge_within", c, _SEVERAL) for c in sorted(channels))
    for number, campaign in enumerate(policy.campaigns):
        for place, step in enumerate(campaign.steps):
            yield from _of(f"campaigns[{number}].steps[{place}]", step)


def _of_promises(policy: Policy) -> Iterator[Wanted]:
    said = policy.promise
    if said is not None:
        for name, sent in (
            ("promise_broken", True),
            ("promise_confirmed", said.confirm),
            ("reminder", said.remind),
        ):
            if sent:
                yield Wanted("promise", Channel.EMAIL, name)


def words(policy: Policy, templates: Mapping[Channel, AbstractSet[str]]) -> Iterator[Finding]:
    """What is asked for and not there."""
    for one in dict.fromkeys(wanted(policy)):
        there = templates.get(one.channel, frozenset[str]())
        if one.name not in there:
            close = get_close_matches(one.name, sorted(there), n=1)
            yield Finding(
                code=Code.MISSING_TEMPLATE,
                path=one.path,
                problem=f"there is no template {one.name} for {one.channel}",
                fix=f"Did you mean {close[0]}?"
                if close
                else f"Add the template {one.name} for {one.channel}, or name one that exists.",
            )


def _of(path: str, step: Step) -> Iterator[Wanted]:
    for number, channel in enumerate(_channels(step)):
        fallback = channel in step.fallback
        for name in sorted(step.templates):
            yield Wanted(f"{path}.fallback[{number - 1}]" if fallback else path, channel, name)


def _channels(step: Step) -> tuple[Channel, ...]:
    """A text that has no window in all zones of its recipient becomes an email."""
    email = (Channel.EMAIL,) if Channel.SMS in step.roads else ()
    return tuple(dict.fromkeys((*step.roads, *email)))


def _merging(campaign: Campaign) -> Iterator[Channel]:
    """The channels of messages that may speak of several invoices: plain reminders only."""
    advice = campaign.when.advice
    if advice is None or any(one is not Advice.AUTHENTICATE for one in advice):
        plain = (step for step in campaign.steps if step.anchor is not Anchor.CLOSE)
        yield from (channel for step in plain for channel in _channels(step))
