"""At which instant does one step fall due? Its distance, its hour and its days, then the window."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dunning.channel import Channel
from dunning.placement import Anchor
from dunning.windows import fitting, is_open, next_open, time_left

if TYPE_CHECKING:
    from datetime import date

    from dunning.campaign import Step
    from dunning.hours import Windows
    from dunning.placement import Placed
    from dunning.whereabouts import Whereabouts

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MIDNIGHT = time(0)
# A week for `weekdays`, and as much again for windows that stay closed on some of them.
_TRIES = 14
_PARTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One message and the instant (UTC) at which it falls due.

    `fallback` are the channels left to try where `channel` cannot be used.
    """

    step: str
    channel: Channel
    template: str
    due_at: datetime
    fallback: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Until when a step may come: `end` excluded, `limit` included.

    A step moves to a payday no later than `next_wanted`, so that it pushes nothing out.
    """

    end: datetime
    limit: datetime | None = None
    next_wanted: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a step may come at this instant."""
        return at < self.end and (self.limit is None or at <= self.limit)

    def spares(self, at: datetime) -> bool:
        """Whether it may, and leaves the next step its place."""
        return self.holds(at) and (self.next_wanted is None or at <= self.next_wanted)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Everything that stays the same while the steps of one plan are placed. Instants are UTC."""

    windows: Windows
    where: Whereabouts
    start: datetime
    closes_at: datetime
    due_at: datetime | None
    next_invoice_at: datetime | None
    decline_code: str | None
    invoice_id: str | None

    @cached_property
    def home(self) -> ZoneInfo:
        """The zone whose clock the policy means by a local hour or day."""
        return ZoneInfo(self.where.zone)

    def wanted(self, step: Placed) -> datetime | None:
        """The instant that the step asks for; None when it has none, or its day is over."""
        anchor = self._anchor(step.anchor)
        if anchor is None:
            return None
        move = step.distance.before if step.backwards else step.distance.after
        found = self._at_its_hour(step, move(anchor, self.home))
        if found >= self.start:
            return found
        if step.anchor is Anchor.START:
            return self._on(self._day(found) + _DAY, step.at or _MIDNIGHT)
        return self.start if step.anchor is Anchor.CLOSE else None

    def place(self, step: Step, wanted: datetime, room: Room) -> PlannedStep | None:
        """The step in the first window from `wanted` on, if that is in its room.

        Where no channel of the step has a window, it becomes an email.
        """
        payday = self._payday(step, wanted, room)
        moved = self._open(step, payday) if payday else None
        if moved and room.spares(moved.due_at):
            return self._spread(step, moved, room)
        planned = self._open(step, wanted)
        return self._spread(step, planned, room) if planned and room.holds(planned.due_at) else None

    def suited(self, step: Placed, wanted: datetime) -> datetime:
        """The first instant from `wanted` on whose local day suits; windows aside."""
        moment = wanted
        while not step.suits(self._day(moment)):
            moment = self._on(self._day(moment) + _DAY, step.at or _MIDNIGHT)
        return moment

    def latest(self, step: Placed, wanted: datetime) -> datetime | None:
        """When a step that is counted back must have come; None for any other."""
        anchor = self._anchor(step.anchor)
        return max(anchor, wanted) if anchor and step.backwards else None

    def _anchor(self, anchor: Anchor) -> datetime | None:
        match anchor:
            case Anchor.START:
                return self.start
            case Anchor.CLOSE:
                return self.closes_at
            case Anchor.DUE:
                return self.due_at
            case Anchor.NEXT_INVOICE:
                return self.next_invoice_at

    def _at_its_hour(self, step: Placed, moment: datetime) -> datetime:
        return moment if step.at is None else self._on(self._day(moment), step.at)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.home).date()

    def _on(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.home).astimezone(UTC)

    def _payday(self, step: Step, wanted: datetime, room: Room) -> datetime | None:
        """The next payday, at the step's hour; None when there is none before the next step."""
        if step.payday is None or step.payday.holds(self._day(wanted)):
            return None
        clock = step.at or wanted.astimezone(self.home).time()
        last = min(bound for bound in (room.end, room.limit, room.next_wanted) if bound)
        day = self._day(wanted)
        while day < self._day(last):
            day += _DAY
            if step.payday.holds(day):
                return self._on(day, clock)
        return None

    def _open(self, step: Step, wanted: datetime) -> PlannedStep | None:
        roads = step.roads if Channel.EMAIL in step.roads else (*step.roads, Channel.EMAIL)
        for number, channel in enumerate(roads):
            due_at = self._open_on_its_days(step, channel, wanted)
            if due_at is not None:
                return PlannedStep(
                    step=step.id,
                    channel=channel,
                    template=step.template_for(self.decline_code),
                    due_at=due_at,
                    fallback=step.roads[number + 1 :],
                )
        return None

    def _open_on_its_days(self, step: Step, channel: Channel, wanted: datetime) -> datetime | None:
        moment = wanted
        for _ in range(_TRIES):
            opens = self._opens(channel, self.suited(step, moment))
            if opens is None or step.suits(self._day(opens)):
                return opens
            moment = opens
        return None

    def _opens(self, channel: Channel, wanted: datetime) -> datetime | None:
        found = next_open(self.windows, channel, self.where, wanted)
        if found is not None or channel is Channel.SMS:
            return found
        return self._likeliest_at(channel, wanted)

    def _likeliest_at(self, channel: Channel, wanted: datetime) -> datetime | None:
        """When a message may go out that has to fit one zone only, because the zones disagree.

        Asked again at that instant, the zones may agree soon: a clock change lies between.
        """
        moment = wanted
        for _ in range(2):
            where = fitting(self.windows, channel, self.where, moment) or self.where.likeliest
            found = next_open(self.windows, channel, where, moment)
            if found is None:
                return None
            moment = found
        return moment

    def _spread(self, step: Step, planned: PlannedStep, room: Room) -> PlannedStep:
        """Somewhat later, by a share of the jitter that is always the same for this invoice."""
        if step.jitter is None or self.invoice_id is None:
            return planned
        due_at, channel = planned.due_at, planned.channel
        where = fitting(self.windows, channel, self.where, due_at) or self.where.likeliest
        open_for = time_left(self.windows, channel, where, due_at)
        ends = [room.end - _SECOND, room.limit or room.end, due_at + step.jitter]
        ends.append(due_at + open_for - self.windows.of(channel).least_left - _SECOND)
        share = _share(self.invoice_id, step.id)
        moved = due_at + max(min(ends) - due_at, timedelta(0)) * share // _PARTS
        same_day = self._day(moved) == self._day(due_at)
        if not same_day or not is_open(self.windows, channel, where, moved):
            return planned
        return replace(planned, due_at=moved)


def _share(invoice_id: str, step: str) -> int:
    digest = hashlib.sha256(f"{invoice_id}\n{step}".encode()).digest()
    return int.from_bytes(digest[:8]) % _PARTS
