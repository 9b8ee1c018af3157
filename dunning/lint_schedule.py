"""Does every step of a campaign find its place in time, within the contact budget?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.duration import format_duration
from dunning.finding import Code, Finding
from dunning.lint_windows import fits
from dunning.placement import Anchor
from dunning.schedule import Known, plan
from dunning.whereabouts import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dunning.campaign import Campaign, Step
    from dunning.conditions import OnlyIf
    from dunning.placement import Placed
    from dunning.placing import PlannedStep
    from dunning.policy import Policy
    from dunning.schedule import Plan

_MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
_WEEK = tuple(_MONDAY + timedelta(hours=hours) for hours in range(0, 7 * 24, 5))
# Every day of a quarter: each payday has been in the way of each step by then.
_QUARTER = tuple(_MONDAY + timedelta(days=days, hours=12) for days in range(92))
# Instants that a campaign has of itself; the others come from the invoice.
_OWN = (Anchor.START, Anchor.CLOSE)
_MOMENT = timedelta(minutes=1)


def schedule(policy: Policy) -> Iterator[Finding]:
    """The campaigns, rehearsed at their full length from hours spread over a week."""
    for number, campaign in enumerate(policy.campaigns):
        path = f"campaigns[{number}]"
        for only_if in _conditions(campaign):
            yield from _Rehearsal(path, campaign, policy, only_if).findings()
        for place, step in enumerate(campaign.steps):
            yield from _payday(f"{path}.steps[{place}].payday", step, campaign, policy)


def _conditions(campaign: Campaign) -> list[OnlyIf | None]:
    found: list[OnlyIf | None] = [None]
    for step in (*campaign.steps, *campaign.alerts):
        if step.only_if not in found:
            found.append(step.only_if)
    return found


class _Rehearsal:
    """A campaign as those cases meet it that fulfil one `only_if`, with what is for all cases."""

    def __init__(
        self, path: str, campaign: Campaign, policy: Policy, only_if: OnlyIf | None
    ) -> None:
        self._path = path
        self._whole = campaign
        self._policy = policy
        self._only_if = only_if
        self._campaign = campaign.model_copy(
            update={
                "steps": tuple(s for s in campaign.steps if self._meets(s)),
                "alerts": tuple(a for a in campaign.alerts if self._meets(a)),
            }
        )

    def _meets(self, step: Placed) -> bool:
        return step.only_if is None or step.only_if == self._only_if

    def findings(self) -> Iterator[Finding]:
        for place, step in enumerate(self._whole.steps):
            if step.only_if == self._only_if and self._never(step) and self._has_hours(step):
                yield self._dropped(f"{self._path}.steps[{place}]", step)
        for place, alert in enumerate(self._whole.alerts):
            if alert.only_if == self._only_if and self._never(alert):
                yield self._untold(f"{self._path}.alerts[{place}]", alert)
        yield from self._apart()
        yield from self._over_budget()

    @cached_property
    def _usual(self) -> list[Plan]:
        return _rehearsed(self._campaign, self._policy)

    def _never(self, step: Placed) -> bool:
        plans = self._usual
        if step.anchor not in _OWN:
            plans = _rehearsed(self._campaign, self._policy, step)
        return all(step.id in one.dropped for one in plans)

    def _has_hours(self, step: Step) -> bool:
        """Whether it is not for want of a window that it is never sent."""
        roads = {*step.roads, Channel.EMAIL}
        return any(fits(step, road, self._campaign, self._policy, "") for road in roads)

    def _dropped(self, path: str, step: Step) -> Finding:
        other = next((o for o in self._campaign.steps if self._makes_room(o, step)), None)
        if other is not None:
            return _too_close(path, step, other, self._policy)
        return Finding(
            code=Code.NEVER_SENT,
            path=path,
            problem=f"step {step.id} never finds a place: within "
            f"{format_duration(self._campaign.length)}, the spacing of "
            f"{format_duration(self._policy.spacing)} and the send windows leave no room for it",
            fix="Move the step, lengthen the campaign, or shorten `spacing`.",
        )

    def _makes_room(self, other: Step, step: Step) -> bool:
        """Whether the step is sent once the other one is gone."""
        left = tuple(one for one in self._campaign.steps if one != other)
        if other == step:
            return False
        without = self._campaign.model_copy(update={"steps": left})
        plans = _rehearsed(without, self._policy, step)
        return any(step.id not in one.dropped for one in plans)

    def _untold(self, path: str, alert: Placed) -> Finding:
        hurried = self._policy.review.model_copy(update={"deadline": _MOMENT})
        later = self._policy.model_copy(update={"review": hurried})
        plans = _rehearsed(self._campaign, later, alert)
        if any(alert.id not in one.dropped for one in plans):
            return Finding(
                code=Code.LATE_ALERT,
                path=path,
                problem=f"alert {alert.id} comes after the review has begun, which itself tells "
                "the team, so it is left out",
                fix="Let it come earlier, or shorten `review.deadline`.",
            )
        return Finding(
            code=Code.NEVER_SENT,
            path=path,
            problem=f"alert {alert.id} never finds a place within "
            f"{format_duration(self._campaign.length)}",
            fix="Move the alert, or lengthen the campaign.",
        )

    def _apart(self) -> Iterator[Finding]:
        """Steps of which each is sent at times, but never both in one case."""
        sent = [{step.step for step in one.steps} for one in self._usual]
        every = [s for s in self._campaign.steps if any(s.id in one for one in sent)]
        for first, second in combinations(every, 2):
            told = self._only_if in (first.only_if, second.only_if)
            both = {first.id, second.id}
            if told and first.id != second.id and not any(both <= one for one in sent):
                place = self._whole.steps.index(second)
                yield _too_close(f"{self._path}.steps[{place}]", second, first, self._policy)

    def _over_budget(self) -> Iterator[Finding]:
        """The first step of each channel that the contact budget holds back in some case."""
        exempt = {s.id for s in self._campaign.steps if s.anchor is Anchor.CLOSE}
        for channel in Channel:
            held = [
                step
                for one in self._usual
                for step in _withheld(one.steps, channel, exempt, self._policy)
            ]
            ids = [s.id for s in self._whole.steps if s.only_if == self._only_if]
            found = min((ids.index(name) for name in held if name in ids), default=None)
            if found is not None:
                yield self._held_back(ids[found], channel)

    def _held_back(self, name: str, channel: Channel) -> Finding:
        limit = self._policy.budget.of(channel)
        told = f"{limit.most} in {format_duration(limit.per)}" if limit else "none"
        place = [step.id for step in self._whole.steps].index(name)
        return Finding(
            code=Code.OVER_BUDGET,
            path=f"{self._path}.steps[{place}]",
            problem=f"step {name} is withheld even if the customer has no other case: the budget "
            f"of {channel} is {told}, and campaign {self._campaign.name} alone exceeds it",
            fix=f"Leave a step out, spread them, or raise `budget.{channel}`.",
        )


def _withheld(
    steps: Iterable[PlannedStep], channel: Channel, exempt: set[str], policy: Policy
) -> Iterator[str]:
    """Steps before which the channel has had all its messages; those that are held back count not.

    The last notices count, and are never held back themselves.
    """
    limit = policy.budget.of(channel)
    sent: list[datetime] = []
    for step in steps:
        if limit is None or step.channel is not channel:
            continue
        recent = [at for at in sent if step.due_at - at < limit.per]
        if len(recent) >= limit.most and step.step not in exempt:
            yield step.step
        else:
            sent.append(step.due_at)


def _too_close(path: str, step: Step, other: Step, policy: Policy) -> Finding:
    return Finding(
        code=Code.TOO_CLOSE,
        path=path,
        problem=f"steps {other.id} and {step.id} are never both sent: with a spacing of "
        f"{format_duration(policy.spacing)} there is room for one of them only",
        fix="Move one of them, leave it out, or shorten `spacing`.",
    )


def _payday(path: str, step: Step, campaign: Campaign, policy: Policy) -> Iterator[Finding]:
    if step.payday is None:
        return
    plain = step.model_copy(update={"payday": None})
    steps = tuple(plain if one == step else one for one in campaign.steps)
    without = campaign.model_copy(update={"steps": steps})
    pairs = (
        (_planned(campaign, policy, start, step), _planned(without, policy, start, step))
        for start in _QUARTER
    )
    if all(moved.steps == left.steps for moved, left in pairs):
        yield Finding(
            code=Code.IDLE_PAYDAY,
            path=path,
            problem=f"step {step.id} never moves to a payday: none comes between it and the next "
            "step, or the end of the campaign",
            fix="Leave more room after the step, or leave `payday` out.",
        )


def _rehearsed(campaign: Campaign, policy: Policy, step: Placed | None = None) -> list[Plan]:
    return [_planned(campaign, policy, start, step) for start in _WEEK]


def _planned(campaign: Campaign, policy: Policy, start: datetime, step: Placed | None) -> Plan:
    """A plan for one zone. The date that the step is counted from leads to the middle."""
    ahead = campaign.length / 2 - (step.position if step else timedelta(0))
    anchor = step.anchor if step else None
    return plan(
        campaign,
        policy,
        start=start,
        next_invoice_at=start + ahead if anchor is Anchor.NEXT_INVOICE else None,
        where=Whereabouts((policy.account.timezone,)),
        known=Known(due_at=start + ahead if anchor is Anchor.DUE else None),
    )
