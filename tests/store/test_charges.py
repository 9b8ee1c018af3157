"""Is a card charged once, never too often, and never in vain?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from activities.charge_answers import Answers
from activities.charging import Charging
from activities.known_charges import KnownCharges
from activities.policies import Policies
from activities.truth import Truth
from app.policy_file import default_policy_text, read_policy
from dunning.advice import Advice
from dunning.charge import (
    ChargeAnswer,
    ChargeOrder,
    ChargeRequest,
    ChargeStatus,
    Collected,
    Declined,
    NotCharged,
    Pending,
    Purpose,
    PutOff,
)
from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.handover import Handover
from dunning.money import Money
from dunning.ports import CallLimit
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from dunning.states import Cause
from providers.revtain.reader import RevtainReader
from store.alerts import Alerts
from store.call_budget import CallBudget
from store.charges import Changed, Charges
from store.digest import token_digest
from store.inbox import Inbox, NewEvent
from store.policies import Policies as Kept
from store.questions import Questions
from store.recoveries import Recoveries
from store.settlement import Settlements
from store.standing import Standings
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CARD = token_digest(TOKEN_KEY, "pm_2")
ORDER = ChargeOrder(key="k1", invoice_id="INV-1", purpose=Purpose.NEW_CARD)
RECOVERED = ChargeAnswer(status=ChargeStatus.RECOVERED, transaction_id="t9")
QUEUED = ChargeAnswer(status=ChargeStatus.QUEUED, transaction_id="t9")


@dataclass(slots=True)
class ScriptedRevtain:
    """Answers charges as prepared, and knows how those stand that are named here."""

    answers: list[ChargeAnswer | ProviderError] = field(
        default_factory=list[ChargeAnswer | ProviderError]
    )
    standings: dict[str, RecoveryAnswer] = field(default_factory=dict[str, RecoveryAnswer])
    requests: list[ChargeRequest] = field(default_factory=list[ChargeRequest])
    asked: list[str] = field(default_factory=list[str])
    away: ProviderError | None = None

    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        return self._find(transaction_id)

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        return self._find(idempotency_key)

    def _find(self, name: str) -> RecoveryAnswer | None:
        self.asked.append(name)
        if self.away is not None:
            raise self.away
        return self.standings.get(name)


def standing(
    status: RecoveryStatus, action: str | None = None, code: str | None = None
) -> RecoveryAnswer:
    """How transaction t9 stands."""
    names = {RecoveryStatus.FAILED: "recovery.failed", RecoveryStatus.BLOCKED: "recovery.blocked"}
    event = {
        "event": names.get(status, "recovery.success"),
        "revtainTransactionId": "t9",
        "declineCode": code,
        "recommendedAction": action,
    }
    body = json.dumps(event).encode() if status is not RecoveryStatus.UNKNOWN else b""
    return RecoveryAnswer(
        transaction_id="t9", status=status, recommended_action=action, name="", body=body
    )


@dataclass(slots=True)
class SlowTurn:
    """A turn to call, for which is waited so long that something else happens meanwhile."""

    limit: CallLimit
    meanwhile: Callable[[], Awaitable[object]]

    async def take(self) -> timedelta:
        return await self.limit.take()

    async def hold(self, duration: timedelta) -> None:
        await self.limit.hold(duration)

    async def turn(self, patience: timedelta) -> None:
        await self.limit.turn(patience)

    @asynccontextmanager
    async def calling(self, patience: timedelta) -> AsyncGenerator[None]:
        await self.meanwhile()
        async with self.limit.calling(patience):
            yield


@pytest.fixture
def revtain() -> ScriptedRevtain:
    return ScriptedRevtain(answers=[RECOVERED])


@pytest.fixture
def charging(database: Database, revtain: ScriptedRevtain) -> Charging:
    settlements, charges = Settlements(database), Charges(database, TOKEN_KEY)
    reader = RevtainReader()
    limit = CallBudget(database, burst=1000, a_minute=60_000)
    policy, _ = read_policy(default_policy_text())
    return Charging(
        truth=Truth(
            standings=Standings(database, TOKEN_KEY),
            inbox=Inbox(database),
            settlements=settlements,
            reader=reader,
        ),
        policies=Policies(kept=Kept(database), current=policy),
        charges=charges,
        known=KnownCharges(
            charges=charges,
            settlements=settlements,
            answers=Answers(reader),
            limit=limit,
            alerts=Alerts(database),
            source=revtain,
        ),
        limit=limit,
        charger=revtain,
    )


@pytest.fixture(autouse=True)
async def case(register: Register, registry: Registry, cases: Cases, now: datetime) -> None:
    """Invoice INV-1 has a case, and since today a new card."""
    await register(payment_method_token="pm_1", customer={"id": "cus_1", "email": "a@example.com"})
    await cases.open_many(["INV-1"], now)
    await registry.replace_card("INV-1", "pm_2")


async def rows(database: Database, query: str) -> list[dict[str, Any]]:
    async with database.single() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def charge(database: Database) -> dict[str, Any]:
    (row,) = await rows(database, "SELECT * FROM charges")
    return row


async def trail(database: Database) -> list[tuple[str, str | None]]:
    query = (
        "SELECT kind, detail ->> 'status' AS s FROM audit WHERE kind LIKE 'charge.%' ORDER BY id"
    )
    return [(row["kind"], row["s"]) for row in await rows(database, query)]


async def test_a_charge_that_went_through_settles_the_invoice(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    result = await charging.attempt(replace(ORDER, decline_code="limit"), now)

    assert result == Collected(transaction_id="t9", card=CARD, cause=Cause.CARD_UPDATE)
    assert revtain.requests == [
        ChargeRequest(
            token="pm_2",
            money=Money(minor=4900, currency="USD"),
            idempotency_key="k1",
            decline_code="limit",
            customer_email="a@example.com",
        )
    ]
    assert await rows(database, "SELECT status, paid_cause FROM invoices") == [
        {"status": "paid", "paid_cause": "card_update"}
    ]
    assert await rows(
        database, "SELECT transaction_id, card_digest FROM transactions WHERE invoice_id = 'INV-1'"
    ) == [{"transaction_id": "t9", "card_digest": CARD}]
    found = await charge(database)
    assert (found["status"], found["outcome"]) == ("answered", "recovered")
    assert await trail(database) == [
        ("charge.requested", None),
        ("charge.answered", "recovered"),
    ]


async def test_the_request_and_its_key_are_committed_before_it_leaves(
    charging: Charging, database: Database, now: datetime
) -> None:
    seen: list[dict[str, Any]] = []

    class Looking(ScriptedRevtain):
        async def charge(self, request: ChargeRequest) -> ChargeAnswer:
            seen.extend(await rows(database, "SELECT status FROM charges"))
            seen.extend(await rows(database, "SELECT key, card_digest FROM idempotency_keys"))
            return RECOVERED

    await replace(charging, charger=Looking()).attempt(ORDER, now)

    assert seen == [{"status": "requested"}, {"key": "k1", "card_digest": CARD}]


async def test_the_same_order_again_is_the_same_charge(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    first = await charging.attempt(ORDER, now)
    again = await charging.attempt(ORDER, now + HOUR)

    assert (first, len(revtain.requests)) == (again, 1)


async def test_several_at_once_ask_once(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    results = await asyncio.gather(*(charging.attempt(ORDER, now) for _ in range(5)))

    assert len(revtain.requests) == 1
    assert {type(result) for result in results} <= {Collected, PutOff}


async def test_two_workers_cannot_charge_one_card_with_one_amount_at_once(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    cases: Cases,
    now: datetime,
) -> None:
    invoices = [f"INV-{number}" for number in range(2, 8)]
    for invoice in invoices:
        await register(invoice, payment_method_token="pm_2")
    await cases.open_many(invoices, now)
    orders = [replace(ORDER, key=f"key-{i}", invoice_id=i) for i in invoices]

    results = await asyncio.gather(*(charging.attempt(order, now) for order in orders))

    assert len(revtain.requests) == 1
    put_off = [result for result in results if isinstance(result, PutOff)]
    assert len(put_off) == len(invoices) - 1
    assert {result.until - now for result in put_off} == {timedelta(minutes=5, seconds=15)}


async def test_another_amount_of_the_same_card_need_not_wait(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    cases: Cases,
    now: datetime,
) -> None:
    await register("INV-2", payment_method_token="pm_2", amount_due=5000)
    await cases.open_many(["INV-2"], now)
    await charging.attempt(ORDER, now)

    await charging.attempt(replace(ORDER, key="k2", invoice_id="INV-2"), now)

    assert len(revtain.requests) == 2


@pytest.mark.parametrize(
    ("before", "result"),
    [
        (range(1, 8), PutOff),
        (range(24, 24 * 16, 24), NotCharged),
    ],
)
async def test_the_networks_limits_hold_over_all_invoices_of_a_card(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    before: range,
    result: type,
) -> None:
    async with database.begin() as connection:
        for hours in before:
            await connection.execute(
                text("""
                    INSERT INTO charges (key, invoice_id, purpose, card_digest, amount, currency,
                        status, outcome, planned_at, requested_at, answered_at)
                    VALUES (:key, 'INV-1', 'recovery', :card, 4900, 'USD', 'answered', 'failed',
                        :at, :at, :at)
                """),
                {"key": f"old-{hours}", "card": CARD, "at": now - hours * HOUR},
            )

    held = await charging.attempt(ORDER, now)

    assert type(held) is result
    assert revtain.requests == []
    if isinstance(held, PutOff):
        assert held.until == now + 17 * HOUR
    else:
        assert await rows(database, "SELECT kind, subject FROM alerts") == [
            {"kind": "charge_refused", "subject": "INV-1"}
        ]


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


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "UPDATE invoices SET status = 'paid', paid_cause = 'paid_elsewhere', paid_at = now()",
            Collected(transaction_id=None, cause=Cause.PAID_ELSEWHERE),
        ),
        (
            "UPDATE invoices SET status = 'void'",
            NotCharged(reason="nothing is owed any more", nothing_owed=True),
        ),
        (
            "UPDATE cases SET state = 'closed', outcome = 'stopped', closed_at = now()",
            NotCharged(reason="its case is closed"),
        ),
        (
            "UPDATE invoices SET payment_method_token = NULL",
            NotCharged(reason="no card of this invoice is known"),
        ),
        (
            "UPDATE invoices SET differs_at = now()",
            NotCharged(
                reason="another amount than the one owed was received, and a person looks at it"
            ),
        ),
    ],
)
async def test_nothing_is_charged_in_vain(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    change: str,
    expected: object,
) -> None:
    async with database.begin() as connection:
        await connection.execute(text(change))

    assert await charging.attempt(ORDER, now) == expected
    assert revtain.requests == []


async def test_a_success_in_the_inbox_is_settled_instead(
    charging: Charging, revtain: ScriptedRevtain, register: Register, inbox: Inbox, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["t1"]})
    event = {"event": "recovery.success", "revtainTransactionId": "t1"}
    await inbox.put_many(
        [
            NewEvent(
                source="revtain",
                name="recovery.success",
                body=json.dumps(event).encode(),
                transaction_id="t1",
            )
        ]
    )

    result = await charging.attempt(ORDER, now)

    assert (type(result), revtain.requests) == (Collected, [])


async def test_a_success_that_arrives_in_the_last_moment_holds_the_charge_back(
    charging: Charging, database: Database, inbox: Inbox, now: datetime
) -> None:
    """After the look at the truth, and before the request."""
    event = NewEvent(
        source="revtain", name="recovery.success", body=b"{}", idempotency_key="theirs"
    )
    await inbox.put_many([event])
    async with database.begin() as connection:
        await connection.execute(
            text("INSERT INTO idempotency_keys (key, invoice_id) VALUES ('theirs', 'INV-1')")
        )

    assert await charging.charges.reserve(ORDER, now) == Changed()
    assert await rows(database, "SELECT * FROM charges") == []


async def test_a_card_that_was_replaced_is_not_charged_in_place_of_the_one_that_was_meant(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    meant = replace(ORDER, card=token_digest(TOKEN_KEY, "pm_1"))

    result = await charging.attempt(meant, now)

    assert result == NotCharged(reason="the card that was meant has been replaced")
    assert revtain.requests == []


async def test_a_new_card_that_failed_is_not_charged_again_for_another_event(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    revtain.answers = [
        ChargeAnswer(status=ChargeStatus.FAILED, transaction_id="t9", recommended_action="monitor")
    ]
    first = await charging.attempt(ORDER, now)

    again = await charging.attempt(replace(ORDER, key="k2"), now + DAY)

    assert (again, len(revtain.requests)) == (first, 1)


async def test_a_key_of_another_invoice_is_never_used(
    charging: Charging, revtain: ScriptedRevtain, register: Register, now: datetime
) -> None:
    await register("INV-2", revtain={"idempotency_keys": ["k1"]})

    result = await charging.attempt(ORDER, now)

    assert result == NotCharged(reason="its key belongs to another invoice")
    assert revtain.requests == []


async def test_a_charge_of_a_merchant_without_a_case_needs_none(
    charging: Charging, register: Register, database: Database, now: datetime
) -> None:
    await register("INV-2", payment_method_token="pm_9")
    order = ChargeOrder(key="k2", invoice_id="INV-2", purpose=Purpose.RECOVERY)

    assert isinstance(await charging.attempt(order, now), Collected)
    assert await trail(database) == []


async def test_a_retry_of_a_replaced_card_does_not_say_why_the_old_one_was_declined(
    charging: Charging, revtain: ScriptedRevtain, now: datetime
) -> None:
    order = replace(ORDER, purpose=Purpose.RETRY, decline_code="fraudulent")

    await charging.attempt(order, now)

    assert [request.decline_code for request in revtain.requests] == [None]


async def test_a_limit_that_is_used_up_puts_the_charge_off(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    limit = CallBudget(database)
    await limit.hold(HOUR)

    held = await replace(charging, limit=limit).attempt(ORDER, now)

    assert isinstance(held, PutOff)
    assert held.until > now + 50 * MINUTE
    assert revtain.requests == []


async def test_a_key_under_which_nothing_was_asked_for_is_not_asked_about(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [ProviderUnavailableError("not available")]
    await charging.attempt(ORDER, now)

    count = await Questions(database).count_missed(since=now, began=now)
    assert count == 0


async def test_two_orders_of_one_invoice_at_once_are_one_charge_whatever_the_card(
    charging: Charging, revtain: ScriptedRevtain, registry: Registry, now: datetime
) -> None:
    """The second was looked at before the first began, and the card was changed in between."""
    revtain.answers = [QUEUED, RECOVERED]
    revtain.standings["t9"] = standing(RecoveryStatus.UNKNOWN)

    async def first() -> None:
        await charging.attempt(ORDER, now)
        await registry.replace_card("INV-1", "pm_3")

    slow = replace(charging, limit=SlowTurn(charging.limit, first))
    second = replace(ORDER, key="k2", purpose=Purpose.RECOVERY)

    assert await slow.attempt(second, now) == PutOff(
        until=now + MINUTE, reason="another charge of this invoice has no outcome yet"
    )
    assert await charging.attempt(second, now + MINUTE) == Pending(transaction_id="t9", card=CARD)
    assert [request.token for request in revtain.requests] == ["pm_2"]


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


async def test_a_charge_of_another_invoice_says_nothing_of_this_one(
    charging: Charging, revtain: ScriptedRevtain, register: Register, now: datetime
) -> None:
    await register("INV-2", payment_method_token="pm_9")
    await charging.attempt(ORDER, now)
    same_key = replace(ORDER, invoice_id="INV-2", purpose=Purpose.RECOVERY)

    result = await charging.attempt(same_key, now)

    assert result == NotCharged(reason="its key belongs to another invoice")
    assert len(revtain.requests) == 1


async def happens(database: Database, name: str, body: bytes | None, **more: str) -> None:
    """Revtain told it of t9, and the case has heard of it."""
    async with database.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO events (source, name, digest, body, transaction_id, invoice_id, status)
                VALUES ('revtain', CAST(:name AS text),
                    sha256(convert_to(CAST(:name AS text), 'UTF8')), :body, 't9',
                    CAST(:invoice AS text), 'done')
            """),
            {"name": name, "body": body, "invoice": more.get("invoice", "INV-1")},
        )


@pytest.mark.parametrize("status", [ChargeStatus.QUEUED, ChargeStatus.UNKNOWN])
@pytest.mark.parametrize(
    ("name", "said", "ends"),
    [
        ("recovery.success", {}, ("recovered", None, None, 4900)),
        (
            "recovery.success",
            {"amount": 5000, "currency": "USD"},
            ("recovered", None, None, 5000),
        ),
        (
            "recovery.failed",
            {"declineCode": "expired_card", "recommendedAction": "request_card_update"},
            ("failed", "expired_card", "request_card_update", 4900),
        ),
        ("recovery.failed", None, ("failed", None, None, 4900)),
        (
            "recovery.blocked",
            {"declineCode": "fraudulent"},
            ("blocked", "fraudulent", "blocked", 4900),
        ),
    ],
)
async def test_an_end_that_was_told_by_itself_is_kept_with_its_charge(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    *,
    status: ChargeStatus,
    name: str,
    said: dict[str, object] | None,
    ends: tuple[str, str | None, str | None, int],
) -> None:
    revtain.answers = [replace(QUEUED, status=status)]
    await charging.attempt(ORDER, now)
    assert await charging.hear(now) == 0
    body = None if said is None else json.dumps({"event": name, **said}).encode()
    await happens(database, name, body)

    assert await charging.hear(now + DAY, "INV-2") == 0
    assert await charging.hear(now + DAY) == 1
    assert await charging.hear(now + DAY) == 0

    found = await charge(database)
    assert (found["outcome"], found["answered_code"], found["advice"], found["amount"]) == ends
    assert (found["transaction_id"], found["answered_at"]) == ("t9", now + DAY)
    assert [one for _, one in await trail(database)] == [None, status.value, ends[0]]
    assert revtain.asked == []


async def test_a_success_is_the_end_of_a_charge_whatever_else_was_told(
    charging: Charging, revtain: ScriptedRevtain, database: Database, now: datetime
) -> None:
    revtain.answers = [QUEUED]
    await charging.attempt(ORDER, now)
    await happens(database, "recovery.success", None)
    await happens(database, "recovery.failed", None)

    await charging.hear(now)

    assert (await charge(database))["outcome"] == "recovered"


async def test_what_is_told_of_another_invoice_ends_no_charge(
    charging: Charging,
    revtain: ScriptedRevtain,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    await register("INV-2")
    revtain.answers = [QUEUED]
    await charging.attempt(ORDER, now)
    await happens(database, "recovery.failed", None, invoice="INV-2")

    assert await charging.hear(now) == 0
    assert (await charge(database))["outcome"] == "queued"


@pytest.mark.parametrize(
    ("ended", "reopened", "charged"),
    [(-HOUR, False, True), (HOUR, False, False), (HOUR, True, True)],
)
async def test_what_was_handed_over_before_its_case_was_ended_is_not_charged_after_it(
    charging: Charging,
    revtain: ScriptedRevtain,
    database: Database,
    now: datetime,
    ended: timedelta,
    *,
    reopened: bool,
    charged: bool,
) -> None:
    """It had been put off; in the meantime a person stopped the case (R12)."""
    await Recoveries(database).begin("INV-1", Handover(key="k1"), None, now)
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE cases SET state = 'closed', outcome = 'stopped', closed_at = :at"),
            {"at": now + ended},
        )
        if reopened:
            await connection.execute(
                text("""
                    INSERT INTO cases (workflow_id, invoice_id, cycle, state, opened_at)
                    VALUES ('dunning:INV-1:2', 'INV-1', 2, 'opening', :at)
                """),
                {"at": now + DAY},
            )

    result = await charging.attempt(replace(ORDER, purpose=Purpose.RECOVERY), now + 2 * DAY)

    if charged:
        assert isinstance(result, Collected)
    else:
        assert result == NotCharged(reason="its case was ended after it was handed over")
    assert len(revtain.requests) == charged
