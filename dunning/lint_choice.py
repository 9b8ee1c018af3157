"""Does every case find its campaign, and every campaign its cases?"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

from dunning.advice import Advice, DeclineClass, class_of
from dunning.directory import BillingPeriod
from dunning.duration import format_duration
from dunning.finding import Code, Finding
from dunning.policy import AfterWatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dunning.campaign import Campaign
    from dunning.conditions import AmountRange, OnlyIf, When
    from dunning.policy import Policy

# The shortest of each kind: February, the first quarter.
_SHORTEST_PERIOD = {
    BillingPeriod.WEEK: timedelta(days=7),
    BillingPeriod.MONTH: timedelta(days=28),
    BillingPeriod.QUARTER: timedelta(days=90),
    BillingPeriod.YEAR: timedelta(days=365),
}
# Campaigns are chosen by these alone: after a watch, and when a person starts one, the case asks
# for a card as well.
_WRITING = tuple(advice for advice in Advice if advice.writes)
_FORCED = Advice.REQUEST_CARD_UPDATE


def choice(policy: Policy) -> Iterator[Finding]:
    """The conditions of campaigns and steps, and what no campaign accepts."""
    names = (campaign.name for campaign in policy.campaigns)
    yield from _repeated(Code.DUPLICATE_CAMPAIGN, "campaigns", names)
    yield from _without_campaign(policy)
    for number, campaign in enumerate(policy.campaigns):
        path, earlier = f"campaigns[{number}]", policy.campaigns[:number]
        yield from _unreachable(path, campaign, earlier)
        yield from _too_long(path, campaign, earlier)
        yield from _only_ifs(path, campaign)


def _without_campaign(policy: Policy) -> Iterator[Finding]:
    accepted = [campaign.when.advice for campaign in policy.campaigns]
    for advice in _WRITING:
        if any(wanted is None or advice in wanted for wanted in accepted):
            continue
        watched = advice is _FORCED and policy.watch.then is AfterWatch.CAMPAIGN
        yield Finding(
            code=Code.WATCH_WITHOUT_CAMPAIGN if watched else Code.NO_CAMPAIGN,
            path="watch.then" if watched else "campaigns",
            problem=f"a watch is to end in a campaign, but none accepts the advice {advice}"
            if watched
            else f"no campaign accepts the advice {advice}, so all such cases wait for a person",
            fix=f"Add {advice} to the `advice` of a campaign"
            + (", or write `then: review`." if watched else "."),
        )


def _unreachable(path: str, campaign: Campaign, earlier: tuple[Campaign, ...]) -> Iterator[Finding]:
    cells = list(_cells(campaign.when))
    taken = [_taker(cell, earlier) for cell in cells]
    if not cells:
        yield Finding(
            code=Code.UNREACHABLE,
            path=path,
            problem=f"campaign {campaign.name} is never chosen: no case meets its conditions",
            fix=f"Let `advice` name one of {', '.join(_WRITING)}, and let decline codes and "
            "classes agree.",
        )
    elif None not in taken:
        names = ", ".join(dict.fromkeys(name for name in taken if name is not None))
        yield Finding(
            code=Code.UNREACHABLE,
            path=path,
            problem=f"campaign {campaign.name} is never chosen: {names} above it takes every case",
            fix=f"Move {campaign.name} up, or give the campaigns above it narrower conditions.",
        )


def _cells(when: When) -> Iterator[When]:
    """The conditions, taken apart into single kinds of cases that can occur."""
    advices = [advice for advice in when.advice or _WRITING if advice.writes]
    kinds = set(when.decline_class or DeclineClass)
    if when.decline_codes is not None:
        kinds &= {class_of(code) for code in when.decline_codes}
    periods = when.billing_period or (*BillingPeriod, None)
    for advice, kind, period in product(advices, sorted(kinds), periods):
        yield when.model_copy(
            update={"advice": (advice,), "decline_class": (kind,), "billing_period": (period,)}
        )


def _taker(cell: When, earlier: tuple[Campaign, ...]) -> str | None:
    """The campaign that takes all cases of this kind before this one can."""
    return next((other.name for other in earlier if other.when.covers(cell)), None)


def _too_long(path: str, campaign: Campaign, earlier: tuple[Campaign, ...]) -> Iterator[Finding]:
    """A campaign that names no period is held against a month: who bills by the week says so."""
    periods = campaign.when.billing_period or (BillingPeriod.MONTH,)
    for period in (period for period in periods if period is not None):
        shortest = _SHORTEST_PERIOD[period]
        of_period = campaign.when.model_copy(update={"billing_period": (period,)})
        left = any(_taker(cell, earlier) is None for cell in _cells(of_period))
        if campaign.length > shortest and left:
            yield Finding(
                code=Code.LONGER_THAN_PERIOD,
                path=f"{path}.length",
                problem=f"{format_duration(campaign.length)} is longer than a {period}, so the "
                "next invoice falls into the campaign of this one",
                fix=f"Write {format_duration(shortest)} or less, "
                f"or give {period} a campaign of its own.",
            )


def _only_ifs(path: str, campaign: Campaign) -> Iterator[Finding]:
    for kind, every in (("steps", campaign.steps), ("alerts", campaign.alerts)):
        for place, step in enumerate(every):
            if step.only_if is not None and not _meets(campaign.when, step.only_if):
                yield Finding(
                    code=Code.ONLY_IF_NEVER,
                    path=f"{path}.{kind}[{place}].only_if",
                    problem=f"no case of campaign {campaign.name} meets the conditions of step "
                    f"{step.id}",
                    fix="Let `only_if` and the `when` of the campaign have something in common.",
                )


def _meets(when: When, only_if: OnlyIf) -> bool:
    tiers = set(when.value_tier or ()), set(only_if.value_tier or ())
    apart = all(tiers) and tiers[0].isdisjoint(tiers[1])
    return not apart and _amounts_meet(when.amount, only_if.amount)


def _amounts_meet(
    mine: Mapping[str, AmountRange] | None, theirs: Mapping[str, AmountRange] | None
) -> bool:
    if mine is None or theirs is None:
        return True
    return any(_overlap(mine[code], theirs[code]) for code in mine.keys() & theirs.keys())


def _overlap(one: AmountRange, other: AmountRange) -> bool:
    return one.holds(max(one.at_least, other.at_least)) and other.holds(
        max(one.at_least, other.at_least)
    )


def _repeated(code: Code, path: str, names: Iterable[str]) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding(
                code=code,
                path=path,
                problem=f"the name {name} is used {count} times",
                fix="Give each its own name.",
            )
