"""What in a valid policy will not do what its author meant?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.conditions import When
from dunning.directory import BillingPeriod
from dunning.duration import format_duration
from dunning.policy import AfterWatch
from dunning.schedule import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from dunning.campaign import Campaign, Step
    from dunning.policy import Policy

_LONGEST_BRAND = 20
# The shortest of each kind: February, the first quarter.
_SHORTEST_PERIOD = {
    BillingPeriod.WEEK: timedelta(days=7),
    BillingPeriod.MONTH: timedelta(days=28),
    BillingPeriod.QUARTER: timedelta(days=90),
    BillingPeriod.YEAR: timedelta(days=365),
}
_MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
_STARTS = tuple(_MONDAY + timedelta(hours=hours) for hours in range(0, 7 * 24, 5))
_SYSTEM_TEMPLATES = {
    "receipt": (Channel.EMAIL, "payment_received"),
    "new_card": (Channel.EMAIL, "card_update_failed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend: a code that never changes, where it is, what is wrong, what to do."""

    code: str
    path: str
    problem: str
    fix: str


def lint(policy: Policy, templates: Mapping[Channel, AbstractSet[str]]) -> tuple[Finding, ...]:
    """Everything found, in file order; `templates` are the names that exist per channel."""
    return (
        *_brand(policy),
        *_watch(policy),
        *_system_templates(policy, templates),
        *_repeated("duplicate_campaign", "campaigns", (c.name for c in policy.campaigns)),
        *(
            finding
            for number, campaign in enumerate(policy.campaigns)
            for finding in _campaign(policy, number, campaign, templates)
        ),
    )


def _brand(policy: Policy) -> Iterator[Finding]:
    texts = any(s.channel is Channel.SMS for c in policy.campaigns for s in c.steps)
    length = len(policy.brand.name)
    if texts and not 0 < length <= _LONGEST_BRAND:
        yield Finding(
            code="brand_name",
            path="brand.name",
            problem="a text must say who writes, but the brand name "
            + ("is empty" if not length else f"has {length} characters"),
            fix=f"Write a name of 1 to {_LONGEST_BRAND} characters, or remove the text steps.",
        )


def _watch(policy: Policy) -> Iterator[Finding]:
    if policy.watch.then is not AfterWatch.CAMPAIGN:
        return
    for advice in (Advice.MONITOR, Advice.RETRY_LATER):
        accepted = (c.when.advice for c in policy.campaigns)
        if not any(wanted is None or advice in wanted for wanted in accepted):
            yield Finding(
                code="watch_without_campaign",
                path="watch.then",
                problem=f"a watch is to end in a campaign, but none accepts the advice {advice}",
                fix=f"Add {advice} to the `advice` of a campaign, or write `then: review`.",
            )


def _system_templates(
    policy: Policy, templates: Mapping[Channel, AbstractSet[str]]
) -> Iterator[Finding]:
    for path, (channel, name) in _SYSTEM_TEMPLATES.items():
        if path != "receipt" or policy.receipt:
            yield from _missing(path, channel, {name}, templates)


def _campaign(
    policy: Policy, number: int, campaign: Campaign, templates: Mapping[Channel, AbstractSet[str]]
) -> Iterator[Finding]:
    path = f"campaigns[{number}]"
    yield from _too_long(path, campaign)
    yield from _unreachable(path, campaign, policy.campaigns[:number])
    yield from _repeated("duplicate_step", f"{path}.steps", (step.id for step in campaign.steps))
    yield from _never_sent(path, campaign, policy)
    for place, step in enumerate(campaign.steps):
        yield from _step_templates(f"{path}.steps[{place}]", step, templates)


def _too_long(path: str, campaign: Campaign) -> Iterator[Finding]:
    periods = (period for period in campaign.when.billing_period or () if period is not None)
    for period in periods:
        shortest = _SHORTEST_PERIOD[period]
        if campaign.length > shortest:
            yield Finding(
                code="longer_than_period",
                path=f"{path}.length",
                problem=f"{format_duration(campaign.length)} is longer than a {period}, so the "
                "next invoice falls into the campaign of this one",
                fix=f"Write {format_duration(shortest)} or less, "
                f"or give {period} a campaign of its own.",
            )


def _unreachable(path: str, campaign: Campaign, earlier: tuple[Campaign, ...]) -> Iterator[Finding]:
    when = campaign.when
    cells = product(when.advice or tuple(Advice), when.billing_period or (*BillingPeriod, None))
    taken = [_taker(when, advice, period, earlier) for advice, period in cells]
    if None not in taken:
        names = ", ".join(dict.fromkeys(name for name in taken if name is not None))
        yield Finding(
            code="unreachable",
            path=path,
            problem=f"campaign {campaign.name} is never chosen: {names} above it takes every case",
            fix=f"Move {campaign.name} up, or give the campaigns above it narrower conditions.",
        )


def _taker(
    when: When, advice: Advice, period: BillingPeriod | None, earlier: tuple[Campaign, ...]
) -> str | None:
    """The campaign that takes all cases of this one with this advice and billing period."""
    cell = when.model_copy(update={"advice": (advice,), "billing_period": (period,)})
    return next((other.name for other in earlier if other.when.covers(cell)), None)


def _never_sent(path: str, campaign: Campaign, policy: Policy) -> Iterator[Finding]:
    """Plan the campaign at its full length from hours spread over a week, in one zone."""
    zones = (policy.account.timezone,)
    plans = [
        plan(campaign, policy, start=start, next_invoice_at=None, zones=zones) for start in _STARTS
    ]
    for place, step in enumerate(campaign.steps):
        if all(step.id in one.dropped for one in plans):
            yield Finding(
                code="never_sent",
                path=f"{path}.steps[{place}]",
                problem=f"step {step.id} never finds a place: within "
                f"{format_duration(campaign.length)}, the spacing of "
                f"{format_duration(policy.spacing)} and the send windows leave no room for it",
                fix="Move the step, lengthen the campaign, or shorten `spacing`.",
            )


def _step_templates(
    path: str, step: Step, templates: Mapping[Channel, AbstractSet[str]]
) -> Iterator[Finding]:
    yield from _missing(path, step.channel, step.templates, templates)
    if step.channel is Channel.SMS:
        # A text without a common window in all zones of its recipient becomes an email.
        yield from _missing(path, Channel.EMAIL, step.templates, templates)


def _missing(
    path: str,
    channel: Channel,
    wanted: AbstractSet[str],
    templates: Mapping[Channel, AbstractSet[str]],
) -> Iterator[Finding]:
    for name in sorted(wanted - templates.get(channel, frozenset[str]())):
        yield Finding(
            code="missing_template",
            path=path,
            problem=f"there is no template {name} for {channel}",
            fix=f"Add a {channel} template {name}, or name one that exists.",
        )


def _repeated(code: str, path: str, names: Iterable[str]) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding(
                code=code,
                path=path,
                problem=f"the name {name} is used {count} times",
                fix="Give each its own name.",
            )
