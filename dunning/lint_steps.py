"""Can each step go over its channels, and does it keep what the policy hides?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.finding import Code, Finding
from dunning.policy import DeclineReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.campaign import Step
    from dunning.policy import Policy
    from dunning.surroundings import Surroundings

# Of the templates that ship, those whose words hint at the bank's reason.
_TELLING = frozenset({"card_expired", "insufficient_funds"})
_VENDORS = {
    Channel.SMS: "a text needs Twilio's settings, as in .env.example",
    Channel.PUSH: "a notification needs FCM_SERVICE_ACCOUNT_FILE",
}


def steps(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    """The channels of every step, and its words while reasons are hidden."""
    hidden = policy.words.decline_reason is DeclineReason.HIDE
    telling = _telling(policy) if hidden else frozenset[str]()
    for number, campaign in enumerate(policy.campaigns):
        path = f"campaigns[{number}].steps"
        if all(step.roads == (Channel.PUSH,) for step in campaign.steps):
            yield Finding(
                code=Code.PUSH_ALONE,
                path=path,
                problem="all messages are notifications, which reach nobody without the app",
                fix="Add an email, or give a notification the fallback `email`.",
            )
        for place, step in enumerate(campaign.steps):
            yield from _fallback(f"{path}[{place}]", step, around)
            if step.template in telling:
                yield _told(f"{path}[{place}].template", step)


def _fallback(path: str, step: Step, around: Surroundings) -> Iterator[Finding]:
    for place, channel in enumerate(step.fallback):
        if channel not in around.channels:
            yield Finding(
                code=Code.FALLBACK_WITHOUT_VENDOR,
                path=f"{path}.fallback[{place}]",
                problem=f"step {step.id} falls back to {channel}, which this installation cannot "
                f"send: {_VENDORS.get(channel, 'no vendor is set up for it')}",
                fix=f"Set it up, or take {channel} out of `fallback`.",
            )


def _telling(policy: Policy) -> frozenset[str]:
    """Templates for single reasons: those known, and those that only `by_decline` asks for."""
    every = [step for campaign in policy.campaigns for step in campaign.steps if step.by_decline]
    special = {name for step in every for name in step.by_decline.values()}
    return _TELLING | (special - {step.template for step in every})


def _told(path: str, step: Step) -> Finding:
    return Finding(
        code=Code.DECLINE_REASON_TOLD,
        path=path,
        problem=f"step {step.id} uses the template {step.template}, which tells the bank's reason "
        "although `words.decline_reason` hides it",
        fix="Use a neutral template such as card_declined, or write `decline_reason: show`.",
    )
