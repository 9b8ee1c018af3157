"""R4: what does a new card change, when we are the ones who charge it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dunning import ids
from dunning.advice import Advice
from dunning.charge import (
    ChargeResult,
    Collected,
    Declined,
    NotCharged,
    Pending,
    Purpose,
    PutOff,
)
from dunning.events import Charged
from dunning.facts import Case
from dunning.orders import Decide, Decision, Pause, Resume, Stop
from dunning.states import Cause, Outcome, ReviewReason, State
from dunning.summary import details
from dunning.work import Charge
from tests.rules.builders import (
    HOUR,
    TERMS,
    Charger,
    Story,
    at,
    card_replaced,
    failed,
    recovered,
    voided,
)

OURS = replace(TERMS, charges=True)
BLOCKED, AUTH = Advice.BLOCKED, Advice.AUTHENTICATE


def answering(*results: ChargeResult) -> Charger:
    """These results, one after the other; the last one for ever."""
    left = list(results)

    def answer(_charge: Charge, _case: Case, _now: datetime) -> ChargeResult:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def declined(advice: Advice | None = None, card: str = "new", transaction: str = "c1") -> Declined:
    return Declined(transaction_id=transaction, advice=advice, decline_code="limit", card=card)


def with_card(*results: ChargeResult, before: Advice = Advice.REQUEST_CARD_UPDATE) -> Story:
    """Day 3 of a campaign, and a new card that is charged with these results."""
    story = Story(terms=OURS, charge=answering(*results)).happens(failed(before)).until(3)
    return story.happens(card_replaced())


def test_a_new_card_is_charged_at_once_and_its_success_is_the_end() -> None:
    story = with_card(Collected(transaction_id="c1", card="new"))

    assert story.charges == [(3, "1")]
    case = story.until(30).case
    assert (case.outcome, case.cause) == (Outcome.RECOVERED, Cause.CARD_UPDATE)
    assert story.steps.endswith("receipt sent")


def test_the_store_says_by_what_the_money_came() -> None:
    story = with_card(Collected(transaction_id=None, cause=Cause.PAID_ELSEWHERE))

    assert story.case.cause is Cause.PAID_ELSEWHERE


def test_whoever_lets_the_merchant_charge_sees_no_charge_of_ours() -> None:
    story = Story().happens(failed(), card_replaced()).to_the_end()

    assert story.charges == []


def test_a_declined_card_is_said_once_and_the_campaign_goes_on_spaced() -> None:
    story = with_card(declined()).until(3.5)
    heard = failed(Advice.REQUEST_CARD_UPDATE, transaction="c1", card="new")

    story.happens(heard, card_replaced()).until(30)

    assert story.nudges == [(2 / 24, "first"), (3, "card-failed-new"), (4, "text"), (9, "final")]
    assert story.charges == [(3, "1")]


def test_advice_that_is_missing_changes_nothing() -> None:
    story = with_card(declined())

    assert story.case.advice is Advice.REQUEST_CARD_UPDATE
    assert story.case.decline_code is None


@pytest.mark.parametrize(
    ("advice", "state", "reason"),
    [
        (BLOCKED, State.REVIEW, ReviewReason.BLOCKED),
        (Advice.MANUAL_REVIEW, State.REVIEW, ReviewReason.MANUAL_REVIEW),
        (AUTH, State.WAITING, None),
        (Advice.RETRY_LATER, State.WAITING, None),
    ],
)
def test_a_declined_card_counts_like_any_failure(
    advice: Advice, state: State, reason: ReviewReason | None
) -> None:
    case = with_card(declined(advice)).case

    assert (case.state, case.review_reason) == (state, reason)


@pytest.mark.parametrize("advice", [BLOCKED, AUTH])
@pytest.mark.parametrize("heard_first", [True, False])
def test_nobody_is_told_that_a_card_failed_that_was_blocked_or_has_to_be_confirmed(
    advice: Advice, *, heard_first: bool
) -> None:
    heard = failed(advice, transaction="c1", card="new")
    story = Story(terms=OURS, charge=answering(declined(advice))).happens(failed()).until(3)
    if heard_first:
        story.tell(card_replaced(), heard).play()
    else:
        story.happens(card_replaced(), heard)

    story.until(8).happens(card_replaced()).until(9.5)

    assert not [step for _, step in story.nudges if step.startswith("card-failed")]


def test_a_card_that_is_blocked_after_another_was_let_through_goes_to_a_person() -> None:
    story = Story(terms=OURS, charge=answering(declined(BLOCKED))).happens(failed(BLOCKED))
    story.orders(Decide(decision=Decision.RESUME)).until(1)

    story.happens(card_replaced())

    assert (story.case.state, story.case.review_reason) == (State.REVIEW, ReviewReason.BLOCKED)


def test_a_queued_charge_is_awaited_for_long_and_then_a_person_is_asked() -> None:
    story = with_card(Pending(transaction_id="c1", card="new"))
    assert story.wakes_at == at(48)

    story.until(48)

    assert (story.case.state, story.case.review_reason) == (State.REVIEW, ReviewReason.RETRY_OVER)
    assert story.charges == [(3, "1")]
    assert [step for _, step in story.nudges] == ["first"]


def test_what_is_queued_shorter_than_a_new_card_is_awaited_waits_for_that() -> None:
    terms = replace(OURS, queued=HOUR)
    story = Story(terms=terms).happens(failed(), card_replaced())

    assert story.wakes_at == at(3)


@pytest.mark.parametrize("transaction", ["c1", None])
def test_a_queued_charge_that_fails_is_said_once(transaction: str | None) -> None:
    story = with_card(Pending(transaction_id=transaction, card="new"), declined())

    story.until(5).happens(failed(transaction="c1", card="new")).until(8)

    assert [step for _, step in story.nudges] == ["first", "card-failed-new"]
    assert story.charges == [(3, "1")]


def test_another_card_waits_until_the_queued_charge_has_failed() -> None:
    story = with_card(
        Pending(transaction_id="c1", card="new"), Collected(transaction_id="c2", card="newer")
    )
    story.until(4).happens(card_replaced("newer"), failed(transaction="t7")).until(5)
    assert story.charges == [(3, "1")]

    story.happens(failed(transaction="c1", card="new"))

    assert story.charges == [(3, "1"), (5, "2")]
    assert story.case.outcome is Outcome.RECOVERED


def test_a_charge_of_before_that_is_still_queued_is_awaited_first() -> None:
    """The activity found that an earlier one, of another card, has no outcome yet."""
    story = with_card(Pending(transaction_id="old", card="old"), declined())
    assert (story.case.state, story.charges) == (State.RETRYING, [(3, "1")])

    story.until(4).happens(failed(transaction="old", card="old"))

    assert story.charges == [(3, "1"), (4, "2")]


def test_a_charge_that_is_put_off_is_made_under_the_same_key_when_its_time_comes() -> None:
    story = with_card(
        PutOff(until=at(3) + HOUR, reason="too soon"), Collected(transaction_id="c1", card="new")
    )
    assert story.wakes_at == at(3) + HOUR
    assert "put off until" in details(story.case, story.now)

    story.until(4)

    assert story.charges == [(3, "1"), (3 + 1 / 24, "1")]
    assert story.case.outcome is Outcome.RECOVERED


def test_whatever_was_answered_nothing_is_tried_more_often_than_once_a_minute() -> None:
    story = with_card(PutOff(until=at(0), reason="a clock that is behind"))

    assert story.wakes_at == at(3) + timedelta(minutes=1)


def test_a_charge_that_is_put_off_again_and_again_goes_to_a_person_in_the_end() -> None:
    def tomorrow(_charge: Charge, _case: Case, now: datetime) -> ChargeResult:
        return PutOff(until=now + 10 * HOUR, reason="Revtain is not available")

    story = Story(terms=OURS, charge=tomorrow).happens(failed(), card_replaced()).until(3)

    assert (story.case.state, story.case.review_reason) == (State.REVIEW, ReviewReason.RETRY_OVER)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Pause(), State.PAUSED),
        (Stop(), State.CLOSED),
        (voided(), State.CLOSED),
        (recovered(), State.CLOSED),
    ],
)
def test_nothing_is_charged_of_a_case_that_is_held_or_over(
    event: Pause | Stop, state: State
) -> None:
    story = with_card(PutOff(until=at(4), reason="too soon")).happens(event).until(9)

    assert (story.case.state, story.charges) == (state, [(3, "1")])


def test_after_a_pause_the_charge_that_was_put_off_is_made() -> None:
    story = with_card(PutOff(until=at(4), reason="too soon"), declined()).happens(Pause()).until(5)

    story.happens(Resume())

    assert story.charges == [(3, "1"), (5, "1")]


def test_what_is_not_charged_goes_to_a_person_and_asks_for_something() -> None:
    story = with_card(NotCharged(reason="no card is known"))

    reason = story.case.review_reason
    assert (story.case.state, reason) == (State.REVIEW, ReviewReason.CHARGE_REFUSED)
    assert reason is not None
    assert not reason.timed_out


def test_a_pause_keeps_in_mind_that_a_charge_was_not_made() -> None:
    story = Story(terms=OURS, charge=answering(NotCharged(reason="no card"))).happens(failed())
    story.tell(card_replaced(), Pause()).play()
    assert story.case.state is State.PAUSED

    assert story.happens(Resume()).case.review_reason is ReviewReason.CHARGE_REFUSED


def test_another_card_ends_the_review_of_one_that_could_not_be_charged() -> None:
    refused, paid = NotCharged(reason="no card"), Collected(transaction_id="c2", card="newer")
    story = with_card(refused, paid).until(4).happens(card_replaced("newer"))

    assert (story.case.outcome, story.charges) == (Outcome.RECOVERED, [(3, "1"), (4, "2")])


def test_a_reviewer_may_go_on_in_spite_of_a_charge_that_was_not_made() -> None:
    story = with_card(NotCharged(reason="no card")).orders(Decide(decision=Decision.RESUME))

    assert story.until(9).case.state is State.WAITING


def test_what_nobody_owes_any_more_closes_the_case_instead_of_asking_a_person() -> None:
    story = with_card(NotCharged(reason="nothing is owed", nothing_owed=True))

    assert story.case.outcome is Outcome.CANCELLED


def test_of_two_cards_the_present_one_is_charged_and_the_other_needs_no_outcome() -> None:
    story = Story(terms=OURS, charge=answering(declined(card="b"))).happens(failed()).until(3)
    story.tell(card_replaced("a"), card_replaced("b"))

    story.play().until(8)

    assert story.charges == [(3, "1")]
    assert [step for _, step in story.nudges] == ["first", "card-failed-b", "text"]


def test_a_card_that_comes_while_another_is_charged_is_charged_next() -> None:
    story = Story(
        terms=OURS,
        charge=answering(declined(card="a"), Collected(transaction_id="c2", card="b")),
    )
    story.happens(failed()).until(3).tell(card_replaced("a"), card_replaced("b")).play()

    assert story.charges == [(3, "1"), (3, "2")]
    assert story.case.outcome is Outcome.RECOVERED


def test_a_payment_that_arrives_while_the_charge_is_under_way_wins() -> None:
    story = Story(terms=OURS, charge=answering(declined())).happens(failed()).until(3)
    story.tell(card_replaced(), recovered()).play()

    assert (story.case.outcome, story.case.cause) == (Outcome.RECOVERED, Cause.REVTAIN_RETRY)
    assert len(story.abandoned) == 1


@pytest.mark.parametrize(
    ("result", "state", "reason", "cause"),
    [
        (Collected(transaction_id="c1"), State.CLOSED, None, Cause.REVTAIN_RETRY),
        (declined(card="old"), State.REVIEW, ReviewReason.RETRY_OVER, None),
        (Declined(transaction_id=None), State.REVIEW, ReviewReason.RETRY_OVER, None),
        (declined(AUTH, card="old"), State.WAITING, None, None),
        (Pending(transaction_id="c1", card="old"), State.RETRYING, None, None),
    ],
)
def test_a_reviewer_may_have_the_card_charged_again(
    result: ChargeResult, state: State, reason: ReviewReason | None, cause: Cause | None
) -> None:
    story = Story(terms=OURS, charge=answering(result)).happens(failed(code="limit")).until(10)
    assert story.case.review_reason is ReviewReason.CAMPAIGN_OVER
    given: list[Charge] = []

    def note(charge: Charge, case: Case, now: datetime) -> ChargeResult:
        given.append(charge)
        return answering(result)(charge, case, now)

    story.charge = note
    story.orders(Decide(decision=Decision.RETRY_NOW))

    assert [(one.purpose, one.decline_code) for one in given] == [(Purpose.RETRY, "limit")]
    case = story.case
    assert (case.state, case.cause) == (state, cause)
    if reason is not None:
        assert case.review_reason is reason


def test_a_queued_retry_of_a_reviewer_ends_by_its_own_transaction_only() -> None:
    story = Story(terms=OURS).happens(failed()).until(10)
    story.orders(Decide(decision=Decision.RETRY_NOW)).happens(failed(transaction="t7"))
    assert story.case.state is State.RETRYING

    story.happens(failed(transaction="c1"))

    assert story.case.review_reason is ReviewReason.RETRY_OVER


def test_why_the_old_card_was_declined_says_nothing_of_the_new_one() -> None:
    given: list[Charge] = []

    def note(charge: Charge, _case: Case, _now: datetime) -> ChargeResult:
        given.append(charge)
        return Pending(transaction_id="c1", card="new")

    Story(terms=OURS, charge=note).happens(failed(code="fraudulent"), card_replaced())

    assert [(one.purpose, one.decline_code) for one in given] == [(Purpose.NEW_CARD, None)]


def test_a_fault_of_ours_is_tried_again_under_the_same_key() -> None:
    story = with_card(declined())
    story = Story(terms=OURS).happens(failed()).tell(card_replaced())
    later = PutOff(until=at(0) + HOUR, reason="internal fault")
    story.running = None

    story.feed(Charged(result=later, shown=False))
    story.play().until(1)

    assert story.charges == [(0, "1"), (1 / 24, "1")]


def test_a_case_that_moves_to_a_policy_that_charges_leaves_what_the_merchant_charges() -> None:
    story = Story().happens(failed(), card_replaced())
    assert story.case.state is State.RETRYING

    story.terms = OURS
    story.case = replace(story.case, moved=True, replan=True, policy_digest="policy-1")
    story.until(2)
    assert story.charges == []

    story.happens(failed(transaction="t2", card="new"), card_replaced("newer"))

    assert story.charges == [(2, "1")]


@pytest.mark.parametrize(
    ("invoice", "key"),
    [
        ("INV-1", "dunning:INV-1:2:charge:3"),
        ("a/b", "dunning:a=2Fb:2:charge:3"),
    ],
)
def test_the_key_of_a_charge_names_invoice_cycle_and_number(invoice: str, key: str) -> None:
    assert ids.charge_key(ids.workflow_id(invoice, 2), 3) == key


def test_the_key_of_a_long_invoice_id_is_short_and_its_own() -> None:
    first, second = (ids.workflow_id("x" * 190 + end, 1) for end in "ab")
    keys = {ids.charge_key(of, number) for of in (first, second) for number in (1, 2)}

    assert len(keys) == 4
    assert max(map(len, keys)) <= 128
