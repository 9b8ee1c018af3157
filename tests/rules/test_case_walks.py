"""What never happens to a case, whatever events, orders, results and time come in between?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dunning.advice import Advice
from dunning.case import Event
from dunning.channel import Channel
from dunning.charge import (
    ChargeResult,
    Collected,
    Declined,
    NotCharged,
    Pending,
    PutOff,
)
from dunning.events import (
    Charged,
    DeadChannel,
    Deferred,
    Failed,
    NotSent,
    NudgeResult,
    Reopened,
    RunCancelled,
    Sent,
    Settled,
    Terms,
    Unknown,
)
from dunning.facts import RECEIPT, SERVICE_ENDED, SERVICE_ENDING, Case, of_service
from dunning.objections import objection
from dunning.orders import (
    Decide,
    Decision,
    Extend,
    Order,
    Pause,
    Promise,
    Replan,
    Resume,
    SendNow,
    Skip,
    Stop,
)
from dunning.orders import (
    Move as MoveTo,
)
from dunning.promise import PromiseStatus, PromiseTerms
from dunning.service import Service, ServiceStatus, ServiceTerms
from dunning.states import Cause, Outcome, State, Withheld
from dunning.steps import Step, pending
from dunning.view import CaseView
from dunning.work import Charge, Close, Nudge, Work
from tests.rules.builders import (
    DAY,
    HOUR,
    RCU,
    Answer,
    Charger,
    Known,
    Running,
    Story,
    amount_differs,
    card_replaced,
    dead,
    failed,
    reach_changed,
    recovered,
    settled_message,
    voided,
)
from tests.rules.effort import effort


@dataclass(slots=True)
class Watched(Story):
    """A story that checks after every event what must hold for every case."""

    reached: dict[str, datetime] = field(default_factory=dict[str, datetime])
    settled: dict[str, ChargeResult] = field(default_factory=dict[str, ChargeResult])

    @property
    def told_of_service(self) -> datetime:
        """The first instant at which the service may end, by the notice that reached somebody."""
        told = [at for step, at in self.reached.items() if step.startswith(SERVICE_ENDING)]
        notice = self.case.terms.end.notice if self.case.terms and self.case.terms.end else None
        return max(told) + notice if told and notice else self.now.min.replace(tzinfo=UTC)

    def feed(self, event: Event) -> Work | None:
        before, running = self.case, self.running
        # Named, since a dataclass with slots is another class than the one `super()` knows.
        work = Story.feed(self, event)
        check_versions(before, self.case, self.now)
        check_end(before, self.case)
        check_projection(self)
        check_promises(before, self.case, self.now)
        if work is not None:
            assert running is None or closes(work, running)
        check_service(self, before)
        if isinstance(event, Charged) and running is not None:
            note_charge(self, running, event.result)
        if isinstance(work, Charge):
            check_charge(self, work)
        if isinstance(work, Nudge):
            check_nudge(self, work.step)
        for step in self.case.steps:
            if step.reached and step.at is not None:
                self.reached.setdefault(step.id, step.at)
        return work


def closes(work: Work, running: Running) -> bool:
    """Only a close is given while something is under way, and only once."""
    return isinstance(work, Close) and not isinstance(running.work, Close)


def check_versions(before: Case, after: Case, now: datetime) -> None:
    assert after.version >= before.version
    if before.view(now, version=0) != after.view(now, version=0):
        assert after.version > before.version


def check_end(before: Case, after: Case) -> None:
    """A closed case stays as it was closed."""
    if before.state is State.CLOSED:
        assert (after.state, after.outcome, after.cause, after.closed_at) == (
            before.state,
            before.outcome,
            before.cause,
            before.closed_at,
        )


def check_promises(before: Case, after: Case, now: datetime) -> None:
    """What became of a promise stays so, and none stands in a case that writes or is closed."""
    kept = [one for one in before.promises if one.status is not PromiseStatus.OPEN]
    assert list(after.promises[: len(kept)]) == kept
    if after.open_promise is not None:
        assert after.state not in (State.WAITING, State.WATCHING, State.CLOSED)
    if after.promises_broken > before.promises_broken:
        assert after.promises[-1].until <= now
    if after.promises_kept > before.promises_kept:
        assert after.outcome is Outcome.RECOVERED


def check_projection(story: Story) -> None:
    """What is not shown yet is shown by the work under way."""
    case = story.case
    assert (case.busy is None) is (story.running is None)
    if case.advice is not None and story.running is None:
        assert case.projected == case.version
        assert seen(story.shown) == seen(case.view(story.now))


def seen(view: CaseView | None) -> CaseView | None:
    """The view without what depends on when it is looked at."""
    return view and replace(view, version=0, next_at=None, next_step=None)


def check_service(story: Watched, before: Case) -> None:
    """It ends once, after a debt was given up, as announced, and never when it was paid for."""
    case, terms = story.case, story.terms.end
    if case.service_status is None:
        return
    assert case.state is State.CLOSED
    assert case.outcome in (Outcome.WRITTEN_OFF, Outcome.HANDED_OVER)
    assert before.service_status is not ServiceStatus.KEPT or case.service_status is KEPT
    if case.service_status is not ServiceStatus.ENDED:
        return
    assert before.service_status in (ServiceStatus.ENDING, ServiceStatus.ENDED)
    assert case.closed_at is not None
    if case.service_ends_at is not None and not case.moved and terms is not None:
        assert story.now >= case.service_ends_at >= story.told_of_service


def check_service_notice(story: Watched, step: Step) -> None:
    """Before: in a review that nothing was said to, or at the close. Then at the end itself."""
    case = story.case
    if step.id == SERVICE_ENDED:
        assert case.service_status is ServiceStatus.ENDED
        return
    assert step.id not in story.reached
    assert case.service_status is not KEPT
    if case.state is State.REVIEW:
        assert case.review_reason is not None
        assert case.review_reason.timed_out
        assert not case.amount_differs
    else:
        assert case.service_status is ServiceStatus.ENDING
        assert not case.amount_differs


def check_nudge(story: Watched, step: Step) -> None:
    """Only while a campaign runs, each step once, spaced, the latest of those overdue (R8)."""
    assert step.id not in story.reached
    if of_service(step):
        check_service_notice(story, step)
        return
    if step.id == RECEIPT:
        assert story.case.state is State.CLOSED
        return
    promised = story.case.state is State.PROMISED
    assert story.case.state is State.WAITING or promised
    if promised:
        assert step.id.startswith(("promise-confirmed-", "promise-reminder-", "card-failed-"))
    assert max(step.due_at, step.not_before or step.due_at) <= story.now
    if step.ordered:
        return
    assert all(
        s.due_at <= step.due_at or s.due_at > story.now for s in pending(story.case.speakable)
    )
    assert all(story.now - sent >= story.terms.spacing for sent in story.reached.values())


def note_charge(story: Watched, running: Running, result: ChargeResult) -> None:
    """What a charge came to; one that was put off came to nothing yet."""
    if isinstance(running.work, Charge) and not isinstance(result, PutOff):
        story.settled[running.work.key] = result


def check_charge(story: Watched, work: Charge) -> None:
    """Only while a card is awaited under terms that say so, and never one that has its result.

    Nothing is charged while the recovery service tries something itself.
    """
    case = story.case
    assert case.terms is not None
    assert case.terms.charges
    assert case.state is State.RETRYING
    assert not case.charging.pending
    assert not case.amount_differs
    assert work.key not in story.settled
    assert all(isinstance(one, Declined | Pending | NotCharged) for one in story.settled.values())


def sent(_step: Step, now: datetime) -> NudgeResult:
    return Sent(at=now)


def withheld(_step: Step, now: datetime) -> NudgeResult:
    return NotSent(reason=Withheld.NO_ADDRESS, at=now)


def refused(_step: Step, now: datetime) -> NudgeResult:
    return DeadChannel(reason="bad_address (vendor code 30003)", at=now)


def unknown(_step: Step, now: datetime) -> NudgeResult:
    return Unknown(at=now)


def put_off(_step: Step, now: datetime) -> NudgeResult:
    return Deferred(until=now + 11 * HOUR, reason="outside the recipient's hours")


def paid_elsewhere(_step: Step, _now: datetime) -> NudgeResult:
    return Settled(outcome=Outcome.RECOVERED, cause=Cause.PAID_ELSEWHERE)


def collected(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Collected(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def declined(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def declined_namelessly(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=None, advice=Advice.RETRY_LATER)


def blocked(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id=None, advice=Advice.BLOCKED, card=charged_card(case))


def to_confirm(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Declined(transaction_id="t2", advice=Advice.AUTHENTICATE, card=charged_card(case))


def queued(_work: Charge, case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id=f"c{case.charging.number}", card=charged_card(case))


def queued_namelessly(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id=None)


def queued_before(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return Pending(transaction_id="t3", card="z")


def too_soon(_work: Charge, _case: Case, now: datetime) -> ChargeResult:
    return PutOff(until=now + timedelta(minutes=5), reason="too soon")


def not_made(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return NotCharged(reason="no card is known")


def nothing_owed(_work: Charge, _case: Case, _now: datetime) -> ChargeResult:
    return NotCharged(reason="nothing is owed any more", nothing_owed=True)


def charged_card(case: Case) -> str:
    """The last one, as the store would have it."""
    return case.new_cards[-1] if case.new_cards else "old"


KEPT = ServiceStatus.KEPT
CHARGERS = st.sampled_from(
    (
        *(declined, declined, declined_namelessly, blocked, to_confirm, queued),
        *(queued_namelessly, queued_before, too_soon, not_made),
    )
)
ANSWERS = st.sampled_from((sent, sent, withheld, refused, unknown, put_off))
MOMENTS = st.sampled_from((HOUR, 3 * HOUR, DAY, 3 * DAY, 12 * DAY, 60 * DAY))
STEPS = st.sampled_from(("first", "text", "final", "confirm", "confirm-final", "card-failed-a"))
CARDS = st.sampled_from(("a", "b"))


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

FACTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        failed,
        st.sampled_from((RCU, RCU, RCU, *Advice)),
        st.sampled_from((None, "expired", "stolen")),
        transaction=st.sampled_from((None, "t1", "t2", "t3", "c1")),
        card=st.one_of(st.none(), CARDS),
    ),
    st.builds(card_replaced, CARDS),
    st.just(amount_differs()),
    st.builds(settled_message, STEPS, sent=st.just(value=True)),
)
ORDERS: st.SearchStrategy[Order] = st.one_of(
    st.just(Resume()),
    st.builds(Skip, step=STEPS),
    st.builds(SendNow, step=STEPS),
    st.builds(Extend, days=st.integers(1, 9)),
    st.just(Replan()),
    st.sampled_from(["policy-1", "policy-2"]).map(lambda name: MoveTo(policy=name)),
    st.builds(
        Decide, decision=st.sampled_from((Decision.EXTEND, Decision.RESUME, Decision.RETRY_NOW))
    ),
)
ROADS = st.sampled_from((Channel.EMAIL, Channel.SMS))
LIVE = st.builds(Live, MOMENTS, ANSWERS)
MOVES: st.SearchStrategy[Move] = st.one_of(
    *(LIVE, LIVE, LIVE),
    st.builds(Dawdle, MOMENTS),
    st.builds(Finish, ANSWERS),
    st.builds(Finish, ANSWERS),
    st.builds(Act, ANSWERS),
    st.builds(Charges, CHARGERS),
    st.builds(Tell, FACTS),
    st.builds(Ask, ORDERS),
    st.builds(Reaches, st.frozensets(ROADS), ROADS),
    st.builds(PauseFor, st.one_of(st.none(), MOMENTS)),
    st.builds(PromiseIn, st.integers(0, 14)),
)
ENDS: tuple[Event, ...] = (
    *(recovered(), voided(), Reopened(id="again"), RunCancelled(), Stop()),
    *(Decide(decision=d) for d in Decision),
)
LAST_MOVES: st.SearchStrategy[Move] = st.one_of(
    st.sampled_from(ENDS).map(Tell),
    st.just(Finish(paid_elsewhere)),
    st.sampled_from((collected, nothing_owed)).map(Charges),
    st.just(Linger()),
    MOVES,
)
PROMISES = st.builds(
    PromiseTerms,
    longest=st.just(14 * DAY),
    most=st.integers(1, 3),
    grace=st.sampled_from((timedelta(0), 2 * DAY)),
    confirm=st.booleans(),
    remind=st.booleans(),
)
ENDS_OF_SERVICE = st.builds(
    ServiceTerms,
    service=st.sampled_from((Service.CANCEL, Service.PAUSE)),
    notice=st.sampled_from((HOUR, 5 * DAY, 9 * DAY)),
    grace=st.sampled_from((timedelta(0), timedelta(0), 7 * DAY)),
)
POLICIES = st.builds(
    Terms,
    spacing=st.sampled_from((DAY, HOUR, 6 * DAY)),
    watch=st.sampled_from((45 * DAY, timedelta(0))),
    watch_then_campaign=st.booleans(),
    retry=st.sampled_from((3 * DAY, timedelta(0))),
    review=st.sampled_from((5 * DAY, 5 * DAY, timedelta(0))),
    review_rounds=st.integers(0, 2),
    review_then=st.sampled_from((Outcome.WRITTEN_OFF, Outcome.STOPPED, Outcome.HANDED_OVER)),
    receipt=st.booleans(),
    promise=st.one_of(st.none(), PROMISES, PROMISES),
    end=st.one_of(st.none(), ENDS_OF_SERVICE, ENDS_OF_SERVICE),
    charges=st.booleans(),
    queued=st.sampled_from((45 * DAY, DAY)),
)
STORES = st.builds(
    Known,
    amount_differs=st.sampled_from((False, False, False, True)),
    card=st.sampled_from((None, None, "a", "b")),
    paid=st.sampled_from((None, None, Settled(outcome=Outcome.RECOVERED))),
)
FIRST = st.builds(
    failed,
    st.sampled_from((RCU, RCU, RCU, *Advice)),
    card=st.sampled_from((None, "a", "b")),
)


@dataclass(frozen=True, slots=True)
class Walk:
    """A story of many moves, checked at every one."""

    terms: Terms
    known: Known
    first: Failed
    moves: list[Move]
    last_moves: list[Move]

    def story(self) -> Watched:
        story = Watched(terms=self.terms, known=self.known)
        story.feed(self.first)
        for move in [*self.moves, *self.last_moves]:
            move.play(story)
        return story


WALKS = st.builds(
    Walk,
    POLICIES,
    STORES,
    FIRST,
    st.lists(MOVES, min_size=3, max_size=20),
    st.lists(LAST_MOVES, max_size=6),
)


@effort(300)
@given(WALKS)
def test_no_walk_breaks_what_holds_for_every_case(walk: Walk) -> None:
    """Spacing, once each, never unasked, never two at a time, and the end is the end."""
    assert walk.story().case.advice is not None


@effort(200)
@given(WALKS, ANSWERS)
def test_a_case_left_alone_closes_and_the_database_shows_its_end(
    walk: Walk, answer: Answer
) -> None:
    story = walk.story()
    story.answer = answer
    story.play()
    if story.case.state is State.PAUSED and story.case.until is None:
        story.feed(Resume())

    story.to_the_end()

    assert story.over
    assert story.case.outcome is not None
    for left in story.abandoned:
        story.carry_out(left)
    assert seen(story.shown) == seen(story.case.view(story.now))


@effort(100)
@given(WALKS, st.lists(LAST_MOVES, max_size=15))
def test_a_stop_holds_whatever_arrives_later(walk: Walk, later: list[Move]) -> None:
    story = walk.story()
    story.feed(Stop())
    outcome, said = story.case.outcome, len(story.nudges)

    for move in [*later, Finish(sent), Finish(sent)]:
        move.play(story)

    assert story.case.outcome is outcome
    goes_on = outcome is Outcome.RECOVERED or story.case.service is not None
    assert len(story.nudges) == said or goes_on
