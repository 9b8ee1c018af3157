"""What becomes of a charge whose answer was lost?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from activities.charging import Charging
from dunning.advice import Advice
from dunning.charge import (
    ChargeAnswer,
    ChargeStatus,
    Collected,
    Declined,
    Pending,
    Purpose,
    PutOff,
)
from dunning.errors import (
    OutcomeUnknownError,
    ProviderUnavailableError,
)
from dunning.money import Money
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from store.questions import Questions
from tests.store.charges.scripted import (
    CARD,
    DAY,
    HOUR,
    MINUTE,
    ORDER,
    QUEUED,
    RECOVERED,
    ScriptedRevtain,
    SlowTurn,
    charge,
    rows,
    standing,
)

if TYPE_CHECKING:
    from store.database import Database
    from store.registry import Registry


@pytest.mark.parametrize("found", [True, False])
async def test_a_lost_answer_is_looked_up_and_not_repeated(
    charging: Charging, revtain: ScriptedRevtain, now: datetime, *, found: bool
) -> None:
    revtain.answers = [OutcomeUnknownError("Revtain did not answer"), RECOVERED]
    if found:
        revtain.standings["k1"] = standing(RecoveryStatus.SUCCEEDED)

    first = await charging.attempt(ORDER, now)
    soon = await charging.attempt(ORDER, now + MINUTE)
    late = await charging.attempt(ORDER, now + 2 * MINUTE)

    assert [request.idempotency_key for request in revtain.requests] == ["k1"] * (2 - found)
    assert isinstance(first, Collected if found else PutOff)
    assert isinstance(soon, Collected if found else PutOff)
    assert isinstance(late, Collected)


async def test_a_lost_answer_that_nobody_can_explain_waits(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    revtain.answers = [OutcomeUnknownError("Revtain did not answer")]
    revtain.away = ProviderUnavailableError("Revtain is not available")

    results = [await charging.attempt(ORDER, now + n * DAY) for n in range(3)]

    assert [type(result) for result in results] == [PutOff] * 3
    assert len(revtain.requests) == 1


async def test_a_request_of_another_order_that_never_arrived_is_forgotten(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [OutcomeUnknownError("Revtain did not answer"), RECOVERED]
    await charging.attempt(ORDER, now)
    second = replace(ORDER, key="k2", purpose=Purpose.RETRY)

    assert isinstance(await charging.attempt(second, now + MINUTE), PutOff)
    assert isinstance(await charging.attempt(second, now + HOUR), Collected)
    stages = await rows(database, "SELECT key, status FROM charges ORDER BY key")
    assert stages == [{"key": "k1", "status": "planned"}, {"key": "k2", "status": "answered"}]


async def test_a_key_under_which_nothing_was_asked_for_is_not_asked_about(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [ProviderUnavailableError("not available")]
    await charging.attempt(ORDER, now)

    count = await Questions(database).count_missed(since=now, began=now)
    assert count == 0


async def test_a_request_that_never_arrived_waits_for_another_charge_of_the_invoice(
    charging: Charging, revtain: ScriptedRevtain, registry: Registry, now: datetime
) -> None:
    """While it was looked for it was forgotten, and another charge was made."""
    revtain.answers = [OutcomeUnknownError("Revtain did not answer"), QUEUED, RECOVERED]
    revtain.standings["t9"] = standing(RecoveryStatus.UNKNOWN)
    await charging.attempt(ORDER, now)
    await registry.replace_card("INV-1", "pm_3")
    other = replace(ORDER, key="k2", purpose=Purpose.RECOVERY)

    async def another() -> None:
        await charging.attempt(other, now + HOUR)
        await registry.replace_card("INV-1", "pm_4")

    slow = replace(charging, limit=SlowTurn(charging.limit, another))
    again = await slow.attempt(ORDER, now + HOUR)

    assert isinstance(again, PutOff)
    assert isinstance(await charging.attempt(ORDER, now + 2 * HOUR), Pending)
    assert [request.idempotency_key for request in revtain.requests] == ["k1", "k2"]


@pytest.mark.parametrize("action", ["retry_later", "monitor", None])
@pytest.mark.parametrize("duplicate", [False, True])
async def test_a_lost_answer_that_is_called_failed_may_be_queued_and_nothing_else_is_charged(
    charging: Charging,
    revtain: ScriptedRevtain,
    registry: Registry,
    now: datetime,
    *,
    action: str | None,
    duplicate: bool,
) -> None:
    """Revtain has no word for what is queued."""
    failed = standing(RecoveryStatus.FAILED, action)
    revtain.standings |= {"k1": failed, "t9": failed}
    lost = OutcomeUnknownError("Revtain did not answer")
    revtain.answers = [
        ChargeAnswer(
            status=ChargeStatus.FAILED,
            transaction_id="t9",
            recommended_action=action,
            earlier=True,
        )
        if duplicate
        else lost,
        RECOVERED,
    ]
    waits = Pending(transaction_id="t9", card=CARD, ambiguous=True)

    assert await charging.attempt(ORDER, now) == waits
    await registry.replace_card("INV-1", "pm_3")
    assert await charging.attempt(replace(ORDER, key="k2"), now + DAY) == waits

    assert [request.token for request in revtain.requests] == ["pm_2"]


async def test_a_lost_answer_that_asks_for_a_new_card_has_failed(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    revtain.answers = [OutcomeUnknownError("Revtain did not answer")]
    revtain.standings["k1"] = standing(RecoveryStatus.FAILED, "request_card_update", "expired_card")

    assert await charging.attempt(ORDER, now) == Declined(
        transaction_id="t9",
        advice=Advice.REQUEST_CARD_UPDATE,
        decline_code="expired_card",
        card=CARD,
    )


@pytest.mark.parametrize(
    "told", [Money(minor=5000, currency="USD"), Money(minor=4900, currency="EUR")]
)
@pytest.mark.parametrize("duplicate", [False, True])
async def test_a_success_of_another_amount_than_the_one_owed_pays_nothing(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    *,
    told: Money,
    duplicate: bool,
) -> None:
    """A key of the merchant's may have been used before, for another sum (R1)."""
    event = {"event": "recovery.success", "amount": told.minor, "currency": told.currency}
    revtain.standings["k1"] = RecoveryAnswer(
        transaction_id="t9",
        status=RecoveryStatus.SUCCEEDED,
        body=json.dumps({**event, "revtainTransactionId": "t9"}).encode(),
    )
    revtain.answers = [
        replace(RECOVERED, earlier=True, money=told)
        if duplicate
        else OutcomeUnknownError("Revtain did not answer")
    ]

    for after in (timedelta(), HOUR):
        assert await charging.attempt(ORDER, now + after) == Pending(transaction_id="t9", card=CARD)

    assert await rows(
        database,
        "SELECT status, differs_at IS NOT NULL AS differs, received_minor, received_currency"
        " FROM invoices",
    ) == [
        {
            "status": "open",
            "differs": True,
            "received_minor": told.minor,
            "received_currency": told.currency,
        }
    ]
    found = await charge(database)
    assert (found["outcome"], found["amount"], found["currency"]) == (
        "recovered",
        told.minor,
        told.currency,
    )
