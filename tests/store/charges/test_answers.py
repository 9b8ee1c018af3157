"""What follows from each answer to a charge?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from activities.charging import Charging
from dunning.advice import Advice
from dunning.charge import (
    ChargeAnswer,
    ChargeStatus,
    Collected,
    Declined,
    NotCharged,
    Pending,
    PutOff,
)
from dunning.errors import (
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from dunning.states import Cause
from store.inbox import Inbox, NewEvent
from tests.store.charges.scripted import (
    CARD,
    DAY,
    HOUR,
    MINUTE,
    ORDER,
    QUEUED,
    RECOVERED,
    ScriptedRevtain,
    rows,
    standing,
    trail,
)

if TYPE_CHECKING:
    from store.database import Database
    from store.registry import Registry


@pytest.mark.parametrize(
    ("answer", "declined"),
    [
        (
            ChargeAnswer(status=ChargeStatus.BLOCKED, decline_code="fraudulent"),
            Declined(
                transaction_id=None, advice=Advice.BLOCKED, decline_code="fraudulent", card=CARD
            ),
        ),
        (
            ChargeAnswer(status=ChargeStatus.BLOCKED, decline_code="authentication_required"),
            Declined(
                transaction_id=None,
                advice=Advice.AUTHENTICATE,
                decline_code="authentication_required",
                card=CARD,
            ),
        ),
        (
            ChargeAnswer(
                status=ChargeStatus.FAILED,
                transaction_id="t9",
                recommended_action="request_card_update",
                decline_code="expired_card",
            ),
            Declined(
                transaction_id="t9",
                advice=Advice.REQUEST_CARD_UPDATE,
                decline_code="expired_card",
                card=CARD,
            ),
        ),
    ],
)
async def test_what_a_decline_asks_for(
    charging: Charging,
    revtain: ScriptedRevtain,
    now: datetime,
    answer: ChargeAnswer,
    declined: Declined,
) -> None:
    revtain.answers = [answer]

    assert await charging.attempt(ORDER, now) == declined
    assert await charging.attempt(ORDER, now + DAY) == declined
    # An answer that names no transaction is asked about, so that its event finds the invoice.
    unnamed = answer.transaction_id is None
    assert (len(revtain.requests), revtain.asked) == (1, ["k1"] * unnamed)


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (standing(RecoveryStatus.FAILED, "retry_later", "limit"), Advice.RETRY_LATER),
        (standing(RecoveryStatus.UNKNOWN), None),
        (None, None),
    ],
)
async def test_a_failure_without_an_action_is_asked_about_once(
    charging: Charging,
    revtain: ScriptedRevtain,
    now: datetime,
    told: RecoveryAnswer | None,
    advice: Advice | None,
) -> None:
    revtain.answers = [
        ChargeAnswer(status=ChargeStatus.FAILED, transaction_id="t9", decline_code="no_credit")
    ]
    if told is not None:
        revtain.standings["t9"] = told

    result = await charging.attempt(ORDER, now)

    assert isinstance(result, Declined)
    assert (result.advice, result.decline_code) == (advice, "no_credit")
    assert revtain.asked == ["t9"]


async def test_a_queued_charge_is_not_made_again_and_its_end_is_found_out(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [QUEUED]
    revtain.standings["t9"] = standing(RecoveryStatus.UNKNOWN)
    waiting = Pending(transaction_id="t9", card=CARD)

    assert await charging.attempt(ORDER, now) == waiting
    assert await charging.attempt(ORDER, now + HOUR) == waiting
    revtain.standings["t9"] = standing(RecoveryStatus.FAILED, "monitor")
    assert await charging.attempt(ORDER, now + 2 * HOUR) == waiting
    revtain.standings["t9"] = standing(RecoveryStatus.SUCCEEDED)
    done = await charging.attempt(ORDER, now + DAY)

    assert done == Collected(transaction_id="t9", card=CARD, cause=Cause.CARD_UPDATE)
    assert len(revtain.requests) == 1
    assert [status for _, status in await trail(database)] == [None, "queued", "recovered"]


async def test_nothing_else_is_charged_while_a_charge_of_the_invoice_is_queued(
    charging: Charging, revtain: ScriptedRevtain, registry: Registry, now: datetime
) -> None:
    revtain.answers = [QUEUED, RECOVERED]
    revtain.standings["t9"] = standing(RecoveryStatus.UNKNOWN)
    await charging.attempt(ORDER, now)
    await registry.replace_card("INV-1", "pm_3")
    second = replace(ORDER, key="k2")

    assert await charging.attempt(second, now + HOUR) == Pending(transaction_id="t9", card=CARD)
    revtain.standings["t9"] = standing(RecoveryStatus.FAILED, "request_card_update")
    assert isinstance(await charging.attempt(second, now + DAY), Collected)

    assert [request.token for request in revtain.requests] == ["pm_2", "pm_3"]


async def test_a_failure_that_was_heard_of_ends_what_was_queued(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    inbox: Inbox,
    registry: Registry,
    now: datetime,
) -> None:
    revtain.answers = [QUEUED, RECOVERED]
    await charging.attempt(ORDER, now)
    await inbox.put_many(
        [NewEvent(source="revtain", name="recovery.failed", body=b"{}", transaction_id="t9")]
    )
    async with database.begin() as connection:
        await connection.execute(text("UPDATE events SET invoice_id = 'INV-1', status = 'done'"))
    await registry.replace_card("INV-1", "pm_3")

    assert isinstance(await charging.attempt(replace(ORDER, key="k2"), now + DAY), Collected)
    assert revtain.asked == []


async def test_a_collision_is_put_off_and_takes_no_transaction_of_others(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    collides = ChargeAnswer(status=ChargeStatus.COLLIDES, transaction_id="theirs")
    revtain.answers = [collides, RECOVERED]

    held = await charging.attempt(ORDER, now)

    assert isinstance(held, PutOff)
    assert held.until == now + timedelta(minutes=5, seconds=15)
    assert await rows(database, "SELECT * FROM transactions WHERE transaction_id = 'theirs'") == []
    assert isinstance(await charging.attempt(ORDER, held.until), Collected)


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (ProviderUnavailableError("not available"), [1, 2, 4, 8, 16, 30, 30]),
        (ProviderMisconfiguredError("refuses the key"), [5, 10, 20, 30, 30]),
    ],
)
async def test_a_service_that_cannot_be_asked_is_asked_less_and_less_often(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    fault: ProviderError,
    waits: list[int],
) -> None:
    revtain.answers = [fault]
    found: list[float] = []
    for _ in waits:
        held = await charging.attempt(ORDER, now)
        assert isinstance(held, PutOff)
        found.append((held.until - now) / MINUTE)
        now = held.until

    assert found == waits
    alerts = await rows(database, "SELECT kind, subject FROM alerts")
    ours = isinstance(fault, ProviderMisconfiguredError)
    assert alerts == ([{"kind": "credentials", "subject": "revtain"}] if ours else [])


async def test_what_the_service_refuses_is_never_charged(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    revtain.answers = [
        ProviderRejectedError("Revtain refuses", rejection=Rejection.INVALID, code="400")
    ]

    first = await charging.attempt(ORDER, now)

    assert isinstance(first, NotCharged)
    assert await charging.attempt(ORDER, now + DAY) == first
    assert len(revtain.requests) == 1
