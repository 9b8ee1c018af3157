"""Which campaign fits a case, and at which instants do its messages fall due?"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dunning.campaign import Campaign, Step
from dunning.channel import Channel
from dunning.conditions import Facts
from dunning.policy import Policy
from dunning.windows import fitting_zones, next_open

_SHORTEST = timedelta(days=7)
_BEFORE_NEXT_INVOICE = timedelta(days=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The first campaign that fits, None when none does; `why` has one line per one passed over."""

    campaign: Campaign | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One message and the instant (UTC) at which it falls due."""

    step: str
    channel: Channel
    template: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign in absolute instants (UTC).

    `review_at` is never before the last step, and may be the same instant. `dropped` names the
    steps for which the time is too short.
    """

    campaign: str
    steps: tuple[PlannedStep, ...]
    review_at: datetime
    closes_at: datetime
    dropped: tuple[str, ...] = ()


def choose(policy: Policy, facts: Facts) -> Choice:
    """The first campaign, in file order, whose conditions all hold."""
    why: list[str] = []
    for campaign in policy.campaigns:
        mismatch = campaign.when.mismatch(facts, policy.account.locale)
        if mismatch is None:
            return Choice(campaign=campaign, why=tuple(why))
        why.append(f"{campaign.name}: {mismatch}")
    return Choice(campaign=None, why=tuple(why))


def close_of(campaign: Campaign, start: datetime, next_invoice_at: datetime | None) -> datetime:
    """When a campaign ends: a day before the next invoice, but after seven days at the earliest."""
    longest = start + campaign.length
    if next_invoice_at is None:
        return longest
    return min(longest, max(next_invoice_at - _BEFORE_NEXT_INVOICE, start + _SHORTEST))


def plan(
    campaign: Campaign,
    policy: Policy,
    *,
    start: datetime,
    next_invoice_at: datetime | None,
    zones: tuple[str, ...],
    decline_code: str | None = None,
) -> Plan:
    """Place every step that fits, in file order, in its window and `spacing` apart.

    Steps counted back from the close are kept first, then those counted from the start as long
    as they fit before them: what is dropped comes out of the middle.
    """
    begin = start.astimezone(UTC)
    closes_at = close_of(campaign, begin, next_invoice_at).astimezone(UTC)
    desk = _Desk(policy, begin, closes_at, zones, decline_code)
    steps = desk.arrange(campaign.steps)
    kept = {planned.step for planned in steps}
    last = steps[-1].due_at if steps else begin
    return Plan(
        campaign=campaign.name,
        steps=steps,
        review_at=max(last, closes_at - policy.review.deadline),
        closes_at=closes_at,
        dropped=tuple(step.id for step in campaign.steps if step.id not in kept),
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """Everything that stays the same while the steps of one plan are placed."""

    policy: Policy
    start: datetime
    closes_at: datetime
    zones: tuple[str, ...]
    decline_code: str | None

    def arrange(self, steps: tuple[Step, ...]) -> tuple[PlannedStep, ...]:
        opening = tuple(step for step in steps if step.before_close is None)
        closing = tuple(step for step in steps if step.before_close is not None)
        first = self._fill(opening[:1], self.start, self.closes_at)
        ending = self._ending(closing, self._after(first))
        if closing and not ending:
            ending = self._ending(closing, self.start)
        limit = ending[0].due_at - self.policy.spacing if ending else None
        return (*self._fill(opening, self.start, self.closes_at, limit), *ending)

    def _fill(
        self,
        steps: tuple[Step, ...],
        earliest: datetime,
        end: datetime,
        limit: datetime | None = None,
    ) -> tuple[PlannedStep, ...]:
        """Place the steps one after the other, leaving out those past the end or the limit."""
        placed: tuple[PlannedStep, ...] = ()
        for step in steps:
            floor = self._after(placed) if placed else earliest
            planned = self._place(step, max(self._wanted(step), floor))
            if planned and planned.due_at < end and (limit is None or planned.due_at <= limit):
                placed = (*placed, planned)
        return placed

    def _ending(self, steps: tuple[Step, ...], earliest: datetime) -> tuple[PlannedStep, ...]:
        """Place the steps before the close; the last of them is the last to be given up."""
        for left_out in range(len(steps)):
            kept = (*steps[: len(steps) - 1 - left_out], *steps[-1:])
            placed = self._fill(kept, earliest, self.closes_at)
            if len(placed) == len(kept):
                return placed
        return self._earlier(steps[-1], earliest) if steps else ()

    def _earlier(self, step: Step, earliest: datetime) -> tuple[PlannedStep, ...]:
        """Place a step in a window before the one it asks for, which opens after the close."""
        wanted = self._wanted(step)
        tries = (self._place(step, max(wanted - days * _DAY, earliest)) for days in range(1, 8))
        return tuple(found for found in tries if found and found.due_at < self.closes_at)[:1]

    def _after(self, placed: tuple[PlannedStep, ...]) -> datetime:
        return placed[-1].due_at + self.policy.spacing if placed else self.start

    def _wanted(self, step: Step) -> datetime:
        if step.before_close is not None:
            return max(self.start, self.closes_at - step.before_close)
        return self.start + (step.after or timedelta(0))

    def _place(self, step: Step, wanted: datetime) -> PlannedStep | None:
        """The step in the first window from `wanted` on; a text without one becomes an email."""
        channel = step.channel
        due_at = next_open(self.policy.windows, channel, self.zones, wanted)
        if due_at is None:
            channel, due_at = Channel.EMAIL, self._email_at(wanted)
        if due_at is None:
            return None
        template = step.template_for(self.decline_code)
        return PlannedStep(step=step.id, channel=channel, template=template, due_at=due_at)

    def _email_at(self, wanted: datetime) -> datetime | None:
        """When an email may go out that has to fit one zone only, because the zones disagree.

        Asked again at that instant, the zones may agree soon: a clock change lies between.
        """
        rules, email, moment = self.policy.windows, Channel.EMAIL, wanted
        for _ in range(2):
            zones = fitting_zones(rules, email, self.zones, moment)
            found = next_open(rules, email, zones, moment)
            if found is None:
                return None
            moment = found
        return moment
