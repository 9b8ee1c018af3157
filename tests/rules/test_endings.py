"""What does the end of a case mean to the service, and when is the customer told?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dunning.advice import Advice
from dunning.case import Event
from dunning.errors import PolicyError
from dunning.events import Deferred, NotSent, NudgeResult, Reopened, Sent, Settled, Terms
from dunning.facts import SERVICE_ENDING, of_service
from dunning.orders import Decide, Decision, Extend, Skip, Stop
from dunning.service import Service, ServiceStatus, ServiceTerms
from dunning.states import Outcome, State, StepStatus, Withheld
from dunning.steps import Step
from tests.rules.builders import (
    DAY,
    HOUR,
    TERMS,
    Answer,
    Story,
    amount_differs,
    at,
    failed,
    nothing_fits,
    recovered,
    voided,
)
from tests.rules.policies import policy

NONE = timedelta(0)


def terms(
    service: Service = Service.CANCEL,
    *,
    notice: timedelta = 5 * DAY,
    grace: timedelta = NONE,
    then: Outcome = Outcome.WRITTEN_OFF,
    rounds: int = 2,
) -> Terms:
    end = ServiceTerms(service=service, notice=notice, grace=grace)
    return replace(TERMS, end=end, review_then=then, review_rounds=rounds)


def over(given: Terms | None = None) -> Story:
    """A campaign whose three messages were sent by day 9, and whose review opens on day 10."""
    return Story(terms=given or terms()).happens(failed())


def said(story: Story) -> list[tuple[float, str]]:
    """Notices of the service: days after the start, and which."""
    return [(day, step) for day, step in story.nudges if step.startswith("service")]


def stands(story: Story) -> tuple[ServiceStatus | None, datetime | None]:
    return story.case.service_status, story.case.service_ends_at


# --- nobody decides


def test_the_customer_is_told_five_days_before_a_review_ends_by_itself() -> None:
    story = over().to_the_end()
    assert story.case.outcome is Outcome.WRITTEN_OFF
    assert story.case.closed_at == at(20)
    assert said(story) == [(15, "service-ending"), (20, "service-ended")]
    assert stands(story) == (ServiceStatus.ENDED, at(20))


def test_the_grace_begins_when_the_case_has_ended() -> None:
    story = over(terms(grace=7 * DAY)).until(20)
    assert story.case.state is State.CLOSED
    assert stands(story) == (ServiceStatus.ENDING, at(27))
    assert not story.over
    assert said(story.to_the_end()) == [(15, "service-ending"), (27, "service-ended")]


def test_a_notice_longer_than_the_review_keeps_the_service_that_long() -> None:
    story = over(terms(notice=9 * DAY, rounds=1)).to_the_end()
    assert story.case.closed_at == at(15)
    assert said(story) == [(10, "service-ending"), (19, "service-ended")]


@pytest.mark.parametrize("service", [Service.CANCEL, Service.PAUSE])
def test_each_service_has_words_of_its_own(service: Service) -> None:
    story = over(terms(service)).to_the_end()
    words = [step.template for step in story.case.steps if of_service(step)]
    pausing = ["service_pausing", "service_paused"]
    assert words == (pausing if service is Service.PAUSE else ["service_ending", "service_ended"])
    assert story.case.service is service


def test_a_case_that_began_before_the_policy_spoke_of_services_ends_as_it_did() -> None:
    story = Story().happens(failed()).to_the_end()
    assert story.case.outcome is Outcome.WRITTEN_OFF
    assert (said(story), stands(story)) == ([], (None, None))


def test_a_review_that_ends_in_a_stop_says_nothing() -> None:
    story = over(terms(then=Outcome.STOPPED)).to_the_end()
    assert story.case.outcome is Outcome.STOPPED
    assert (said(story), stands(story)) == ([], (None, None))


def test_a_debt_that_is_handed_over_ends_the_service_as_well() -> None:
    story = over(terms(then=Outcome.HANDED_OVER)).to_the_end()
    assert said(story) == [(15, "service-ending"), (20, "service-ended")]


@pytest.mark.parametrize("advice", [Advice.BLOCKED, Advice.MANUAL_REVIEW])
def test_of_what_asks_for_a_person_only_the_merchant_is_told(advice: Advice) -> None:
    story = Story(terms=terms(grace=9 * DAY)).happens(failed(advice)).until(10)
    assert story.case.outcome is Outcome.WRITTEN_OFF
    assert stands(story) == (ServiceStatus.ENDING, at(19))
    story.to_the_end()
    assert (story.nudges, stands(story)) == ([], (ServiceStatus.ENDED, at(19)))


def test_a_word_that_asks_for_a_person_takes_the_notice_back() -> None:
    story = over().until(11).happens(failed(Advice.BLOCKED)).to_the_end()
    assert story.case.outcome is Outcome.WRITTEN_OFF
    assert said(story) == []
    assert stands(story) == (ServiceStatus.ENDED, at(26))


def test_who_paid_another_amount_is_not_told_of_a_payment_that_failed() -> None:
    story = over().until(16).happens(amount_differs())
    story.happens(Decide(decision=Decision.WRITE_OFF)).to_the_end()
    assert said(story) == [(15, "service-ending")]


def test_a_letter_that_cannot_leave_holds_the_end_off() -> None:
    """A service ends `notice` after the customer was told, however long that took."""
    story = over().until(14)
    story.answer = _until(at(17))
    assert stands(story.until(19)) == (None, None)
    story.to_the_end()
    assert said(story)[-2:] == [(17, "service-ending"), (22, "service-ended")]


def test_a_customer_who_cannot_be_told_keeps_the_service_as_long() -> None:
    story = over()
    story.answer = _unreachable
    story.to_the_end()
    withheld = {s.id: s.status for s in story.case.steps if of_service(s)}
    assert set(withheld.values()) == {StepStatus.WITHHELD}
    assert (story.case.closed_at, stands(story)) == (at(20), (ServiceStatus.ENDED, at(20)))


# --- somebody decides, or gives more time


@pytest.mark.parametrize("decision", [Decision.WRITE_OFF, Decision.HAND_OVER])
@pytest.mark.parametrize("grace", [NONE, 9 * DAY])
def test_a_decision_tells_the_customer_at_the_close(decision: Decision, grace: timedelta) -> None:
    story = over(terms(grace=grace)).until(12).orders(Decide(decision=decision))
    assert said(story) == [(12, "service-ending")]
    assert stands(story) == (ServiceStatus.ENDING, at(12) + max(5 * DAY, grace))
    story.to_the_end()
    assert said(story)[1:] == [(12 + max(5, grace / DAY), "service-ended")]


def test_a_person_who_gives_up_what_was_blocked_lets_the_customer_know() -> None:
    story = Story(terms=terms()).happens(failed(Advice.BLOCKED)).until(1)
    story.orders(Decide(decision=Decision.WRITE_OFF)).to_the_end()
    assert said(story) == [(1, "service-ending"), (6, "service-ended")]


def test_a_date_that_was_told_stands_when_somebody_decides_earlier() -> None:
    story = over(terms(grace=7 * DAY)).until(16).orders(Decide(decision=Decision.WRITE_OFF))
    assert stands(story) == (ServiceStatus.ENDING, at(27))
    assert said(story.to_the_end()) == [(15, "service-ending"), (27, "service-ended")]


@pytest.mark.parametrize("left", [False, True])
def test_a_date_that_a_letter_on_its_way_may_name_stands(left: bool) -> None:  # noqa: FBT001
    """Somebody decides in the moment in which the customer is told; nobody knows if it left."""
    story = over(terms(grace=7 * DAY)).until(14.9)
    story.wake()
    assert (story.now, story.running is not None) == (at(15), True)
    story.tell(Decide(decision=Decision.WRITE_OFF))
    if not left:
        story.answer = _until(at(16))
    story.play().to_the_end()
    assert said(story)[-1] == (27, "service-ended")
    assert story.step(SERVICE_ENDING).status is StepStatus.SENT
    assert stands(story) == (ServiceStatus.ENDED, at(27))


@pytest.mark.parametrize("event", [Stop(), Decide(decision=Decision.STOP)])
def test_a_stop_is_silent_and_keeps_the_service(event: Event) -> None:
    story = over().until(16).happens(event).to_the_end()
    assert story.case.outcome is Outcome.STOPPED
    assert (said(story), stands(story)) == ([(15, "service-ending")], (None, None))


def test_more_time_takes_an_untold_end_along() -> None:
    story = over(terms(notice=2 * DAY)).until(16).orders(Decide(decision=Decision.EXTEND))
    assert story.case.state is State.WAITING
    assert not any(of_service(step) for step in story.case.steps)
    assert said(story.to_the_end()) == [(29, "service-ending"), (31, "service-ended")]


def test_a_later_date_is_told_once_more() -> None:
    story = over().until(16).orders(Decide(decision=Decision.EXTEND)).to_the_end()
    assert said(story) == [
        (15, "service-ending"),
        (26, "service-ending-2"),
        (31, "service-ended"),
    ]


def test_days_given_to_the_review_itself_move_the_notice() -> None:
    story = Story(terms=terms(), plan=nothing_fits).happens(failed()).until(4.9)
    story.happens(Extend(days=3)).to_the_end()
    assert said(story) == [(8, "service-ending"), (13, "service-ended")]


def test_days_given_after_the_notice_are_told_again() -> None:
    story = Story(terms=terms(), plan=nothing_fits).happens(failed()).until(6)
    story.happens(Extend(days=3)).to_the_end()
    assert said(story) == [(5, "service-ending"), (8, "service-ending-2"), (13, "service-ended")]


def test_an_operator_may_skip_the_notice() -> None:
    story = over(terms(notice=2 * DAY)).until(16).orders(Skip(step=SERVICE_ENDING)).to_the_end()
    assert said(story) == [(20, "service-ended")]


# --- after the close


@pytest.mark.parametrize("event", [recovered(), voided(), Reopened(id="cycle 2")])
def test_what_settles_the_debt_in_between_keeps_the_service(event: Event) -> None:
    story = over(terms(grace=7 * DAY)).until(22).happens(event)
    assert (story.case.outcome, story.case.state) == (Outcome.WRITTEN_OFF, State.CLOSED)
    assert stands(story) == (ServiceStatus.KEPT, None)
    assert story.over
    assert said(story) == [(15, "service-ending")]


def test_a_payment_that_only_the_store_knows_of_keeps_the_service() -> None:
    story = over(terms(grace=7 * DAY)).until(22)
    story.known.paid = Settled(outcome=Outcome.RECOVERED)
    story.to_the_end()
    assert (said(story), stands(story)) == ([(15, "service-ending")], (ServiceStatus.KEPT, None))


def test_a_payment_after_the_end_takes_back_only_what_is_not_said_yet() -> None:
    story = over().until(19.9)
    story.answer = _until(at(23))
    story.until(21)
    assert stands(story) == (ServiceStatus.ENDED, at(20))
    story.happens(recovered()).to_the_end()
    assert stands(story) == (ServiceStatus.ENDED, at(20))
    assert {s.id for s in story.case.steps if of_service(s)} == {"service-ending"}


def test_a_notice_that_finds_the_debt_paid_is_the_last_look() -> None:
    story = over().until(12)
    story.answer = _paid
    story.orders(Decide(decision=Decision.WRITE_OFF)).to_the_end()
    assert stands(story) == (ServiceStatus.KEPT, None)
    assert said(story) == [(12, "service-ending")]


def test_a_notice_that_never_leaves_is_given_up_and_the_service_ends() -> None:
    story = over().until(12)
    story.answer = _never
    story.orders(Decide(decision=Decision.WRITE_OFF)).to_the_end()
    assert stands(story)[0] is ServiceStatus.ENDED
    assert story.step(SERVICE_ENDING).status is StepStatus.WITHHELD


def _until(moment: datetime) -> Answer:
    """A vendor that is away until then."""

    def answer(_step: Step, now: datetime) -> NudgeResult:
        return Deferred(until=moment, reason="vendor away") if now < moment else Sent(at=now)

    return answer


def _unreachable(_step: Step, now: datetime) -> NudgeResult:
    return NotSent(reason=Withheld.BAD_ADDRESS, at=now)


def _paid(_step: Step, _now: datetime) -> NudgeResult:
    return Settled(outcome=Outcome.RECOVERED)


def _never(_step: Step, now: datetime) -> NudgeResult:
    return Deferred(until=now + 6 * HOUR, reason="vendor busy")


# --- the policy


def test_a_policy_that_says_nothing_keeps_the_service() -> None:
    assert policy().end.terms is None
    assert policy(end={"service": "pause", "grace": "2d"}).end.terms == ServiceTerms(
        service=Service.PAUSE, notice=5 * DAY, grace=2 * DAY
    )


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ({"notice": "60d", "grace": "31d"}, "more than 90d together"),
        ({"notice": "0d"}, "must be longer than nothing"),
        ({"service": "cancle"}, "is not one of the choices"),
    ],
)
def test_an_end_that_cannot_be_meant_is_refused(end: dict[str, str], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        policy(end=end)
