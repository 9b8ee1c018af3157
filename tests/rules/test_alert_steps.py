"""Does an alert to the team leave the messages to the customer alone?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.wayfinding import conclusion, leads_on
from dunning.channel import Channel
from dunning.events import Alerted, DeadChannel, Deferred, NotSent, NudgeResult, Sent, Unknown
from dunning.facts import Case
from dunning.roads import roads
from dunning.states import StepStatus, Withheld
from dunning.steps import Pace, Step, StepKind, next_due, sendable, settle

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def message(name: str, due_at: datetime) -> Step:
    return Step(id=name, channel=Channel.EMAIL, template="reminder", due_at=due_at)


def alert(name: str, due_at: datetime) -> Step:
    return Step(
        id=name,
        channel=Channel.EMAIL,
        template="team_alert",
        due_at=due_at,
        kind=StepKind.ALERT,
    )


def test_an_alert_goes_first_and_is_not_held_by_spacing() -> None:
    steps = (message("first", NOON), alert("call", NOON + HOUR), message("second", NOON + 2 * HOUR))
    pace = Pace(last_at=NOON, spacing=DAY)
    assert sendable(steps, pace, NOON + HOUR) == steps[1]
    assert sendable(steps, pace, NOON + 3 * HOUR) == steps[1]
    assert next_due(steps[1:], pace, NOON) == (steps[1], NOON + HOUR)


def test_an_alert_alone_does_not_make_a_campaign_begun() -> None:
    told = settle((alert("call", NOON),), "call", StepStatus.ALERTED, None, NOON)
    sent = settle((message("first", NOON),), "first", StepStatus.SENT, None, NOON)
    case = Case(workflow_id="case-1", started_at=NOON, steps=told)

    assert not case.begun
    assert replace(case, steps=(*told, *sent)).begun


def test_an_alert_is_not_overtaken_and_overtakes_nothing() -> None:
    steps = (message("first", NOON), alert("call", NOON), message("second", NOON + HOUR))
    sent = settle(steps, "second", StepStatus.SENT, None, NOON + HOUR)
    assert [step.status for step in sent] == [
        StepStatus.OVERTAKEN,
        StepStatus.PLANNED,
        StepStatus.SENT,
    ]
    told = settle(steps, "call", StepStatus.ALERTED, None, NOON + HOUR)
    assert [step.status for step in told] == [
        StepStatus.PLANNED,
        StepStatus.ALERTED,
        StepStatus.PLANNED,
    ]
    assert not told[1].reached


def test_the_roads_of_a_step_are_its_channels_in_order_each_once() -> None:
    step = Step(
        id="x",
        channel=Channel.SMS,
        template="reminder",
        due_at=NOON,
        fallback=(Channel.PUSH, Channel.SMS, Channel.EMAIL),
    )
    assert [(road.channel, road.fallback) for road in roads(step)] == [
        (Channel.SMS, (Channel.PUSH, Channel.EMAIL)),
        (Channel.PUSH, (Channel.EMAIL,)),
        (Channel.EMAIL, ()),
    ]
    assert [road.channel for road in roads(message("y", NOON))] == [Channel.EMAIL]


NO_CONSENT = NotSent(reason=Withheld.NO_CONSENT, at=NOON)
NO_ADDRESS = NotSent(reason=Withheld.NO_ADDRESS, at=NOON)
DEAD = DeadChannel(reason="bad_address", at=NOON)
LATER = Deferred(until=NOON + DAY, reason="outside the recipient's hours")


@pytest.mark.parametrize(
    ("result", "on"),
    [
        (NO_CONSENT, True),
        (NotSent(reason=Withheld.NO_WINDOW, at=NOON), True),
        (DEAD, True),
        (NotSent(reason=Withheld.EXCLUDED, at=NOON), False),
        (NotSent(reason=Withheld.OVER_BUDGET, at=NOON), False),
        (LATER, False),
        (Sent(at=NOON), False),
        (Unknown(at=NOON), False),
        (Alerted(at=NOON), False),
    ],
)
def test_the_next_channel_is_tried_only_if_the_customer_certainly_got_nothing(
    result: NudgeResult, *, on: bool
) -> None:
    assert leads_on(result) is on


@pytest.mark.parametrize(
    ("results", "stands"),
    [
        ((NO_CONSENT, Sent(at=NOON)), Sent(at=NOON)),
        ((NO_CONSENT, NO_ADDRESS), NO_CONSENT),
        ((DEAD, NO_ADDRESS), DEAD),
        ((NO_CONSENT, DEAD), DEAD),
        ((DEAD, LATER), LATER),
        ((DEAD, Unknown(at=NOON)), Unknown(at=NOON)),
    ],
)
def test_one_result_stands_for_all_channels(
    results: tuple[NudgeResult, ...], stands: NudgeResult
) -> None:
    assert conclusion(results) == stands
