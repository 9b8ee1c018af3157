"""What must hold for every case, after every event?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dunning.case import Event
from dunning.charge import ChargeResult, Declined, NotCharged, Pending, PutOff
from dunning.events import Charged
from dunning.facts import RECEIPT, SERVICE_ENDED, SERVICE_ENDING, Case, of_service
from dunning.promise import PromiseStatus
from dunning.service import ServiceStatus
from dunning.states import Outcome, State
from dunning.steps import Step, pending
from dunning.view import CaseView
from dunning.work import Charge, Close, Nudge, Work
from tests.rules.builders import Story
from tests.rules.chronicle import Running

KEPT = ServiceStatus.KEPT


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
