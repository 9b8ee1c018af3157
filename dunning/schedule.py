"""At which instants do the messages of a campaign fall due?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from dunning.placement import Anchor
from dunning.placing import Desk, PlannedStep, Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dunning.campaign import Alert, Campaign, Step
    from dunning.directory import Invoice
    from dunning.placement import Placed
    from dunning.policy import Policy
    from dunning.whereabouts import Whereabouts

_SHORTEST = timedelta(days=7)
_BEFORE_NEXT_INVOICE = timedelta(days=1)
_DAY = timedelta(days=1)

P = TypeVar("P", bound="Placed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the debt. `open_cases` are those of its customer, this one included.

    Without an invoice every `only_if` holds, nothing is spread by `jitter`, and `due_at` stands
    for the due date of the invoice.
    """

    invoice: Invoice | None = None
    open_cases: int = 1
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAlert:
    """An instant (UTC) at which the team is told of the case."""

    step: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign in absolute instants (UTC).

    `review_at` is never before the last step, and may be the same instant. `dropped` names the
    steps and alerts that have no time or for which it is too short; `unmet` those whose `only_if`
    does not hold, as "text: amount is ...".
    """

    campaign: str
    steps: tuple[PlannedStep, ...]
    review_at: datetime
    closes_at: datetime
    alerts: tuple[PlannedAlert, ...] = ()
    dropped: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


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
    where: Whereabouts,
    decline_code: str | None = None,
    known: Known | None = None,
) -> Plan:
    """Place every step that fits, in order, in its window and `spacing` apart.

    Steps counted back from the close are kept first, then the others as long as they fit before
    them: what is dropped comes out of the middle.
    """
    known = known or Known()
    begin = start.astimezone(UTC)
    closes_at = close_of(campaign, begin, next_invoice_at).astimezone(UTC)
    desk = Desk(
        windows=policy.windows,
        where=where,
        start=begin,
        closes_at=closes_at,
        due_at=known.invoice.due_at if known.invoice else known.due_at,
        next_invoice_at=next_invoice_at,
        decline_code=policy.words.told(decline_code),
        invoice_id=known.invoice.id if known.invoice else None,
    )
    steps, unmet = _for(campaign.steps, known)
    alerts, unmet_alerts = _for(campaign.alerts, known)
    placed = _Timetable(desk, policy.spacing).of(steps)
    last = placed[-1].due_at if placed else begin
    review_at = max(last, closes_at - policy.review.deadline)
    told = _alerts(desk, alerts, review_at)
    kept = {one.step for one in placed} | {one.step for one in told}
    return Plan(
        campaign=campaign.name,
        steps=placed,
        review_at=review_at,
        closes_at=closes_at,
        alerts=told,
        dropped=tuple(one.id for one in (*steps, *alerts) if one.id not in kept),
        unmet=(*unmet, *unmet_alerts),
    )


def _for(every: Iterable[P], known: Known) -> tuple[tuple[P, ...], tuple[str, ...]]:
    """Those that are for this invoice, and why the others are not."""
    fitting: list[P] = []
    unmet: list[str] = []
    for one in every:
        told = None
        if one.only_if is not None and known.invoice is not None:
            told = one.only_if.mismatch(known.invoice, known.open_cases)
        if told is None:
            fitting.append(one)
        else:
            unmet.append(f"{one.id}: {told}")
    return tuple(fitting), tuple(unmet)


def _alerts(desk: Desk, alerts: Iterable[Alert], end: datetime) -> tuple[PlannedAlert, ...]:
    """Until the review; what comes later the review itself tells."""
    wanted = ((alert, desk.wanted(alert)) for alert in alerts)
    found = ((alert, desk.suited(alert, at)) for alert, at in wanted if at is not None)
    placed = (PlannedAlert(step=alert.id, due_at=at) for alert, at in found if at <= end)
    return tuple(sorted(placed, key=lambda one: one.due_at))


@dataclass(frozen=True, slots=True)
class _Timetable:
    """Steps in the order of their instants, `spacing` apart."""

    desk: Desk
    spacing: timedelta

    def of(self, steps: tuple[Step, ...]) -> tuple[PlannedStep, ...]:
        opening = self._in_order([s for s in steps if s.anchor is not Anchor.CLOSE])
        closing = self._in_order([s for s in steps if s.anchor is Anchor.CLOSE])
        start, closes_at = self.desk.start, self.desk.closes_at
        first = self._fill(opening[:1], start, closes_at)
        ending = self._ending(closing, self._after(first))
        if closing and not ending:
            ending = self._ending(closing, start)
        limit = ending[0].due_at - self.spacing if ending else None
        return (*self._fill(opening, start, closes_at, limit), *ending)

    def _in_order(self, steps: Sequence[Step]) -> list[tuple[Step, datetime]]:
        """Steps that have an instant, by it; those of one anchor stay in file order."""
        latest: dict[Anchor, datetime] = {}
        found: list[tuple[Step, datetime]] = []
        for step in steps:
            wanted = self.desk.wanted(step)
            if wanted is not None:
                at = max(wanted, latest.get(step.anchor, wanted))
                latest[step.anchor] = at
                found.append((step, at))
        return sorted(found, key=lambda pair: pair[1])

    def _fill(
        self,
        steps: Sequence[tuple[Step, datetime]],
        earliest: datetime,
        end: datetime,
        limit: datetime | None = None,
    ) -> tuple[PlannedStep, ...]:
        """Place the steps one after the other, leaving out those past the end or the limit."""
        placed: tuple[PlannedStep, ...] = ()
        for number, (step, wanted) in enumerate(steps):
            floor = self._after(placed) if placed else earliest
            following = steps[number + 1][1] - self.spacing if number + 1 < len(steps) else None
            bounds = [b for b in (limit, self.desk.latest(step, wanted)) if b is not None]
            room = Room(end=end, limit=min(bounds, default=None), next_wanted=following)
            planned = self.desk.place(step, max(wanted, floor), room)
            if planned is not None:
                placed = (*placed, planned)
        return placed

    def _ending(
        self, steps: Sequence[tuple[Step, datetime]], earliest: datetime
    ) -> tuple[PlannedStep, ...]:
        """Place the steps before the close; the last of them is the last to be given up."""
        for left_out in range(len(steps)):
            kept = (*steps[: len(steps) - 1 - left_out], *steps[-1:])
            placed = self._fill(kept, earliest, self.desk.closes_at)
            if len(placed) == len(kept):
                return placed
        return self._earlier(*steps[-1], earliest) if steps else ()

    def _earlier(self, step: Step, wanted: datetime, earliest: datetime) -> tuple[PlannedStep, ...]:
        """Place a step in a window before the one it asks for, which opens after the close."""
        room = Room(end=self.desk.closes_at)
        for days in range(1, 8):
            found = self.desk.place(step, max(wanted - days * _DAY, earliest), room)
            if found is not None:
                return (found,)
        return ()

    def _after(self, placed: tuple[PlannedStep, ...]) -> datetime:
        return placed[-1].due_at + self.spacing if placed else self.desk.start
