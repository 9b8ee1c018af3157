"""How does a test tell the story of a case? Events with the fewest fields, the workflow's part.

`Story` does what the workflow does, without Temporal: it keeps a case and a virtual now, feeds
events, plays the work that is given out, and wakes the case when it asks for it. It also keeps
what the database would show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from dunning.advice import Advice
from dunning.case import Event, apply
from dunning.channel import Channel
from dunning.charge import ChargeResult, Pending
from dunning.events import (
    AmountDiffers,
    CardReplaced,
    Charged,
    Closed,
    Failed,
    MessageSettled,
    NudgeEnded,
    NudgeResult,
    Opened,
    Projected,
    ReachChanged,
    Recovered,
    Sent,
    Settled,
    Terms,
    Voided,
    Woke,
)
from dunning.facts import Case
from dunning.objections import objection
from dunning.orders import Order, Pause, Promise, Stop
from dunning.promise import PromiseTerms
from dunning.reach import Reach
from dunning.service import ServiceStatus
from dunning.states import Cause, Outcome, State
from dunning.steps import Step
from dunning.view import CaseView
from dunning.work import Charge, Close, Nudge, Open, Project, Work
from tests.rules.chronicle import Chronicle, Running

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RCU = Advice.REQUEST_CARD_UPDATE
TERMS = Terms(
    spacing=timedelta(hours=24),
    watch=timedelta(days=45),
    watch_then_campaign=False,
    retry=timedelta(days=3),
    review=timedelta(days=5),
    review_rounds=2,
    review_then=Outcome.WRITTEN_OFF,
    receipt=True,
    extend_keeps_review=True,
    promise=PromiseTerms(
        longest=timedelta(days=14), most=1, grace=timedelta(days=2), confirm=False, remind=False
    ),
)
# Advice -> (step, channel, hours after the anchor); a review follows ten days after it.
PLANS: dict[Advice, tuple[tuple[str, Channel, int], ...]] = {
    Advice.REQUEST_CARD_UPDATE: (
        ("first", Channel.EMAIL, 2),
        ("text", Channel.SMS, 4 * 24),
        ("final", Channel.EMAIL, 9 * 24),
    ),
    Advice.AUTHENTICATE: (
        ("confirm", Channel.EMAIL, 2),
        ("confirm-final", Channel.EMAIL, 9 * 24),
    ),
}
_REVIEW_AFTER = timedelta(days=10)
_PATIENCE = 1000


def at(days: float) -> datetime:
    """So many days after the start of the story."""
    return START + timedelta(days=days)


def failed(
    advice: Advice = RCU,
    code: str | None = None,
    *,
    transaction: str | None = "t1",
    card: str | None = None,
) -> Failed:
    """The same fields are the same event."""
    return Failed(
        id=f"failed {advice} {code} {transaction} {card}",
        advice=advice,
        decline_code=code,
        transaction_id=transaction,
        card=card,
    )


def recovered(cause: Cause = Cause.REVTAIN_RETRY) -> Recovered:
    """The money arrived."""
    return Recovered(id=f"recovered {cause}", cause=cause)


def amount_differs() -> AmountDiffers:
    """Other money than the money owed arrived."""
    return AmountDiffers(id="amount differs")


def card_replaced(card: str = "new") -> CardReplaced:
    """The customer gave a new card."""
    return CardReplaced(id=f"card {card}", card=card)


def reach_changed(channel: Channel, reason: str | None = "bad_address") -> ReachChanged:
    """A channel is dead for a reason, or lives again."""
    return ReachChanged(id=f"reach {channel} {reason}", channel=channel, reason=reason)


def settled_message(step: str, *, sent: bool) -> MessageSettled:
    """What became of an unknown message is known."""
    return MessageSettled(id=f"settled {step} {sent}", step=step, sent=sent)


def dead(*channels: Channel) -> Reach:
    """Only email and text exist, and these of them are dead."""
    reasons = dict.fromkeys(channels, "bad_address")
    return Reach(dead=reasons, closed={**reasons, Channel.PUSH: "no_address"})


def voided() -> Voided:
    """Nothing is owed any more."""
    return Voided(id="voided")


def promise(day: int) -> Promise:
    """The customer will pay on that day of the story, which is one of UTC."""
    begins_at = datetime.combine(at(day).date(), time(), UTC)
    return Promise(day=begins_at.date(), begins_at=begins_at, ends_at=begins_at + DAY)


@dataclass(slots=True)
class Known:
    """What the store knows when the case is opened; `paid` when its service is about to end."""

    settled: Settled | None = None
    paid: Settled | None = None
    amount_differs: bool = False
    card: str | None = None
    reach: Reach = field(default_factory=Reach)


def opened(work: Open, terms: Terms = TERMS, known: Known | None = None) -> Opened:
    """The plan for this advice, if it is one that writes."""
    known = known or Known()
    plan = PLANS.get(work.advice)
    return Opened(
        policy_digest="policy-1",
        terms=terms,
        advice=work.advice,
        decline_code=work.decline_code,
        campaign=work.advice.value if plan else None,
        reason="first that fits" if plan else None,
        steps=tuple(planned(*step, anchor=work.anchor) for step in plan or ()),
        review_at=work.anchor + _REVIEW_AFTER if plan else None,
        settled=known.settled,
        amount_differs=known.amount_differs,
        card=known.card,
    )


def planned(name: str, channel: Channel, hours: int, *, anchor: datetime) -> Step:
    """One step of a plan."""
    return Step(id=name, channel=channel, template=name, due_at=anchor + timedelta(hours=hours))


class Ending(NamedTuple):
    """Where a story stands: state, outcome, steps that are no longer planned, work given out."""

    state: State
    outcome: Outcome | None
    steps: str
    work: list[str]


Answer = Callable[[Step, datetime], NudgeResult]


def always_sent(_step: Step, now: datetime) -> NudgeResult:
    """A vendor that takes everything."""
    return Sent(at=now)


Charger = Callable[[Charge, Case, datetime], ChargeResult]


def always_queued(_charge: Charge, case: Case, _now: datetime) -> ChargeResult:
    """A recovery service that tries later, under a transaction of its own for each charge."""
    card = case.new_cards[0] if case.new_cards else "old"
    return Pending(transaction_id=f"c{case.charging.number}", card=card)


def nothing_fits(work: Open, terms: Terms, known: Known) -> Opened:
    """An opening that finds no campaign for the case."""
    plan = opened(work, terms, known)
    return replace(plan, campaign=None, reason="no campaign fits", steps=(), review_at=None)


@dataclass(slots=True)
class Story(Chronicle):
    """One case in calendar form."""

    terms: Terms = TERMS
    known: Known = field(default_factory=Known)
    answer: Answer = always_sent
    charge: Charger = always_queued
    plan: Callable[[Open, Terms, Known], Opened] = opened
    now: datetime = START
    case: Case = field(default_factory=lambda: Case(workflow_id="case-1", started_at=START))
    running: Running | None = None
    result: Event | None = None
    abandoned: list[Running] = field(default_factory=list[Running])
    shown: CaseView | None = None

    # --- what happens

    def tell(self, *events: Event) -> Story:
        """Feed events, and leave the work that follows under way."""
        for event in events:
            self.feed(event)
        return self

    def happens(self, *events: Event) -> Story:
        """Feed events one by one, each with all the work that follows."""
        for event in events:
            self.feed(event)
            self.play()
        return self

    def orders(self, order: Order) -> Story:
        """An operator's order that nothing speaks against."""
        assert objection(self.case, order, self.now) is None
        return self.happens(order)

    def feed(self, event: Event) -> Work | None:
        """One event; work that a close leaves behind is abandoned."""
        self.case, work = apply(self.case, event, self.now)
        if work is not None:
            if self.running is not None:
                self.abandoned.append(self.running)
            self.running, self.result = Running(work, self.case), None
            self.note(work)
        return work

    # --- what the activities do

    def play(self) -> Story:
        """Carry work out until none is left."""
        for _ in range(_PATIENCE):
            if self.running is None:
                return self
            self.act()
            self.deliver()
        msg = "the case gives out work without end"
        raise AssertionError(msg)

    def act(self) -> None:
        """The activity under way does its part in the world and shows it in the database."""
        if self.running is not None and self.result is None:
            self.result = self.carry_out(self.running)

    def deliver(self) -> None:
        """Its result reaches the case."""
        result = self.result
        if result is not None:
            self.running = self.result = None
            self.feed(result)

    def carry_out(self, running: Running) -> Event:
        """The result of work, after the database was told of it."""
        event = self._result(running)
        if isinstance(running.work, Close):
            self._show(running.case)
        told = isinstance(event, Projected) and event.settled is None
        self._show(running.case if told else apply(running.case, event, self.now)[0])
        return event

    def _result(self, running: Running) -> Event:
        match running.work:
            case Open():
                return self._planned(running.work, running.case)
            case Nudge(step=step):
                return NudgeEnded(step=step.id, result=self.answer(step, self.now))
            case Charge():
                return Charged(result=self.charge(running.work, running.case, self.now))
            case Project():
                return Projected(settled=self._at_end(running.case))
            case Close():
                receipt = running.case.receipt
                return Closed(receipt=self.answer(receipt, self.now) if receipt else None)

    def _at_end(self, case: Case) -> Settled | None:
        """Why the service goes on, when its end is about to be told."""
        return self.known.paid if case.service_status is ServiceStatus.ENDED else None

    def _planned(self, work: Open, case: Case) -> Opened:
        plan = self.plan(work, self.terms, self.known)
        plan = replace(plan, policy_digest=case.policy_digest or plan.policy_digest)
        if work.reroute:
            left = tuple(step for step in case.steps if step.pending)
            plan = replace(plan, campaign=case.campaign, steps=left, rerouted=True)
        reach = self.known.reach
        steps = reach.route(plan.steps, lambda _template, _channel: True)
        return replace(plan, steps=steps, unreachable=reach.leads_nowhere(steps))

    def _show(self, case: Case) -> None:
        view = case.view(self.now)
        if self.shown is None or view.version > self.shown.version:
            self.shown = view

    # --- time

    @property
    def over(self) -> bool:
        """Whether the workflow would have returned."""
        return self.case.finished and self.running is None and self.wakes_at is None

    @property
    def wakes_at(self) -> datetime | None:
        """When the case asks to be woken; never while work is under way."""
        return None if self.running else self.case.next(self.now)[1]

    def wake(self) -> None:
        """Go to the instant that the case asks for; it must not ask for the same one again."""
        instant = self.wakes_at
        assert instant is not None
        self.now = max(self.now, instant)
        before = self.case
        work = self.feed(Woke())
        later = self.wakes_at is None or self.wakes_at > self.now
        assert work is not None or self.case != before or later, f"woken without end: {before}"

    def until(self, day: float) -> Story:
        """Live on until that day after the start."""
        return self.live(at(day))

    def to_the_end(self) -> Story:
        """Live on until the case waits for nothing but an event."""
        return self.live(None)

    def live(self, end: datetime | None) -> Story:
        """Wake the case whenever it asks for it, and play all work."""
        for _ in range(_PATIENCE):
            self.play()
            instant = self.wakes_at
            if instant is None or (end is not None and instant > end):
                self.now = max(self.now, end or self.now)
                return self
            self.wake()
        msg = f"the case never rests: {self.case}"
        raise AssertionError(msg)

    # --- what came of it

    def ending(self, *, since: int = 0) -> Ending:
        """Where the story stands, with the work given out since then."""
        return Ending(self.case.state, self.case.outcome, self.steps, self.given[since:])


_WAYS: dict[State, tuple[Event, ...]] = {
    State.WAITING: (failed(),),
    State.WATCHING: (failed(Advice.MONITOR),),
    State.RETRYING: (failed(), card_replaced()),
    State.PROMISED: (failed(), promise(5)),
    State.PAUSED: (failed(), Pause()),
    State.REVIEW: (failed(Advice.BLOCKED),),
    State.CLOSED: (failed(), Stop()),
}


def in_state(state: State) -> Story:
    """A story that has just reached this state; nobody was written to yet."""
    if state is State.OPENING:
        return Story().tell(failed())
    return Story().happens(*_WAYS[state])


def campaign_over() -> Story:
    """A case in review because its campaign is over: all three messages were sent."""
    return Story().happens(failed()).until(10)
