"""What can come between a case and its end?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dunning.case import Event
from dunning.channel import Channel
from dunning.objections import objection
from dunning.orders import Order, Pause, Promise
from tests.rules.builders import DAY, Answer, Charger, dead, reach_changed
from tests.rules.watched import Watched


@dataclass(frozen=True, slots=True)
class Tell:
    """An event comes, whatever is under way."""

    event: Event

    def play(self, story: Watched) -> None:
        story.feed(self.event)


@dataclass(frozen=True, slots=True)
class Ask:
    """An operator asks for something; nothing is done about what cannot be done."""

    order: Order

    def play(self, story: Watched) -> None:
        if objection(story.case, self.order, story.now) is None:
            story.feed(self.order)


@dataclass(frozen=True, slots=True)
class PauseFor:
    """An operator asks for silence, so long or without end."""

    time: timedelta | None

    def play(self, story: Watched) -> None:
        until = None if self.time is None else story.now + self.time
        Ask(Pause(until=until)).play(story)


@dataclass(frozen=True, slots=True)
class PromiseIn:
    """The customer promises to pay that many days from now."""

    days: int

    def play(self, story: Watched) -> None:
        begins_at = story.now.replace(hour=0) + self.days * DAY
        ends_at = begins_at + DAY
        order = Promise(day=begins_at.date(), begins_at=begins_at, ends_at=ends_at)
        Ask(order).play(story)


@dataclass(frozen=True, slots=True)
class Act:
    """The activity under way does its part, and its result is on the way."""

    answer: Answer

    def play(self, story: Watched) -> None:
        story.answer = self.answer
        story.act()


@dataclass(frozen=True, slots=True)
class Finish:
    """The activity under way ends, and the case hears of it."""

    answer: Answer

    def play(self, story: Watched) -> None:
        Act(self.answer).play(story)
        story.deliver()


@dataclass(frozen=True, slots=True)
class Linger:
    """An activity that was abandoned does its part all the same."""

    def play(self, story: Watched) -> None:
        if story.abandoned:
            story.carry_out(story.abandoned.pop())


@dataclass(frozen=True, slots=True)
class Live:
    """Time goes by, and everything is done when it is due."""

    time: timedelta
    answer: Answer

    def play(self, story: Watched) -> None:
        story.deliver()
        story.answer = self.answer
        story.live(story.now + self.time)


@dataclass(frozen=True, slots=True)
class Dawdle:
    """Time goes by, and work under way stays so.

    A result on its way arrives first: what the activity has shown is dated by its own clock.
    """

    time: timedelta

    def play(self, story: Watched) -> None:
        story.deliver()
        end = story.now + self.time
        while (instant := story.wakes_at) is not None and instant <= end:
            story.wake()
        story.now = max(story.now, end)


@dataclass(frozen=True, slots=True)
class Charges:
    """What comes of charges from now on."""

    charge: Charger

    def play(self, story: Watched) -> None:
        story.charge = self.charge


@dataclass(frozen=True, slots=True)
class Reaches:
    """These channels are dead from now on, and no others; the case hears of one of them."""

    dead: frozenset[Channel]
    told: Channel

    def play(self, story: Watched) -> None:
        story.known.reach = dead(*self.dead)
        story.feed(reach_changed(self.told, "bad_address" if self.told in self.dead else None))


Move = Tell | Ask | PauseFor | PromiseIn | Act | Finish | Linger | Live | Dawdle | Charges | Reaches
