"""What does a person read about a case in the Temporal UI, and does it hold nothing personal?"""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.advice import Advice
from dunning.events import Deferred, NotSent, NudgeResult, Sent
from dunning.orders import Decide, Decision, Extend, Pause, SendNow, Skip
from dunning.states import State, Withheld
from dunning.steps import Step
from dunning.summary import details
from tests.rules.builders import Story, at, card_replaced, failed, in_state, recovered
from tests.rules.effort import effort

WHEN = r"\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC"
LINES = (
    r"### [a-z]+: [a-z ;]+",
    r"- \*\*outcome\*\*: [a-z_]+( by [a-z_]+)?",
    r"- \*\*advice\*\*: [a-z_]+(, decline code `[a-z_]+`)?",
    r"- \*\*campaign\*\*: [a-z_]+ \([a-z ]+\)",
    r"- \*\*review\*\*: [a-z_]+, round \d+",
    rf"- \*\*next\*\*: (step `[a-z-]+`|look again) at {WHEN}",
    "",
    r"\| step \| channel \| status \| when \| why \|",
    r"\|---\|---\|---\|---\|---\|",
    rf"\| [a-z-]+ \| (email|sms) \| [a-z]+ \| {WHEN} \| [a-z_' -]* \|",
)


def no_consent_at_night(step: Step, now: datetime) -> NudgeResult:
    """Texts are withheld, the final notice is put off until morning."""
    if step.id == "text":
        return NotSent(reason=Withheld.NO_CONSENT, at=now)
    if step.id == "final" and now < at(9.5):
        return Deferred(until=at(9.5), reason="outside the recipient's hours")
    return Sent(at=now)


def test_a_running_case_shows_what_was_sent_and_withheld_and_why_and_what_is_next() -> None:
    story = Story(answer=no_consent_at_night).happens(failed(code="expired_card")).until(9.1)

    assert details(story.case, story.now).splitlines() == [
        "### waiting: the campaign runs",
        "- **advice**: request_card_update, decline code `expired_card`",
        "- **campaign**: request_card_update (first that fits)",
        "- **next**: step `final` at 2026-03-11 21:00 UTC",
        "",
        "| step | channel | status | when | why |",
        "|---|---|---|---|---|",
        "| first | email | sent | 2026-03-02 11:00 UTC |  |",
        "| text | sms | withheld | 2026-03-06 09:00 UTC | no_consent |",
        "| final | email | planned | 2026-03-11 21:00 UTC | outside the recipient's hours |",
    ]


def test_a_closed_case_shows_its_outcome_and_what_was_dropped() -> None:
    story = Story().happens(failed()).until(5).happens(recovered())

    assert details(story.case, story.now).splitlines() == [
        "### closed: closed",
        "- **outcome**: recovered by revtain_retry",
        "- **advice**: request_card_update",
        "- **campaign**: request_card_update (first that fits)",
        "",
        "| step | channel | status | when | why |",
        "|---|---|---|---|---|",
        "| first | email | sent | 2026-03-02 11:00 UTC |  |",
        "| text | sms | sent | 2026-03-06 09:00 UTC |  |",
        "| final | email | skipped | 2026-03-11 09:00 UTC | case closed |",
        "| receipt | email | sent | 2026-03-07 09:00 UTC |  |",
    ]


def test_a_review_shows_its_reason_and_its_deadline() -> None:
    story = in_state(State.REVIEW)

    assert details(story.case, story.now).splitlines() == [
        "### review: a person must decide",
        "- **advice**: blocked",
        "- **review**: blocked, round 1",
        "- **next**: look again at 2026-03-07 09:00 UTC",
    ]


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_told_in_words(state: State) -> None:
    story = in_state(state)

    assert details(story.case, story.now).startswith(f"### {state.value}: ")


EVENTS = st.sampled_from(
    (
        failed(Advice.AUTHENTICATE, "authentication_required"),
        failed(Advice.BLOCKED),
        card_replaced(),
        failed(card="new"),
        Pause(until=at(30)),
        Skip(step="text"),
        SendNow(step="final"),
        Extend(days=3),
        Decide(decision=Decision.RESUME),
        recovered(),
    )
)


@effort(50)
@given(st.lists(st.tuples(EVENTS, st.sampled_from((0, 1, 5)))))
def test_details_hold_ids_and_instants_and_our_own_words_only(
    events: list[tuple[Pause, int]],
) -> None:
    story = Story(answer=no_consent_at_night).happens(failed())
    for event, days in events:
        story.happens(event).live(story.now + days * (at(1) - at(0)))

        for line in details(story.case, story.now).splitlines():
            assert any(re.fullmatch(pattern, line) for pattern in LINES), line
