"""What becomes of a failed payment that the merchant hands to us?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from activities.charging import Charging
from app import recoveries, wiring
from app.demo.stage import Stage
from dunning.handover import Handover
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from sandbox.revtain_ledger import Outcome, Transaction
from store.call_budget import CallBudget
from tests.stories.telling import PRICE, Invoice, Teller
from tests.stories.witnesses import Told, eventually, rows
from workflows.client import CaseClient

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer
    from web.recoveries import RecoveryDesk

EXPIRED = "Please update your card at Example"
UPDATE = "Reminder: your card at Example"
KEY = "rev_stage"
# Long enough for a webhook to be dispatched, short enough to wait for.
HELD = 1.0


@pytest.fixture
async def stage(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product with a key of Revtain's, and a limit that stands in nobody's way."""
    async with Stage.open(database_url, temporal.address, REVTAIN_API_KEY=KEY) as opened:
        await fill(opened)
        yield opened
        await opened.end_all()


async def fill(stage: Stage) -> None:
    async with stage.stores.database.single() as connection:
        await connection.execute(text("UPDATE revtain_calls SET tokens = 10"))


async def hand(about: Invoice, code: str = "do_not_honor", **changes: Any) -> tuple[int, Any]:
    """The merchant's call about a payment that just failed, with the invoice."""
    tell = about.teller
    body = {
        "invoice_id": about.id,
        "invoice": {
            "amount_due": PRICE,
            "currency": "USD",
            "billing_period": "month",
            "payment_method_token": about.token,
            "customer": {
                "id": f"cus-{about.number}",
                "name": "Ada",
                "email": about.email,
                "locale": "en-US",
                "timezone": tell.zone,
            },
        },
        "decline_code": code,
        **changes,
    }
    return await about.stage.call("POST", "/v1/recoveries", body)


def attempts(stage: Stage, invoice: Invoice) -> list[Transaction]:
    """What Revtain knows of the invoice's card."""
    found = stage.sandbox.revtain.ledger.transactions
    return [one for one in found if one.request.paymentMethodToken == invoice.token]


def will(invoice: Invoice, outcome: Outcome) -> None:
    invoice.stage.sandbox.revtain.ledger.outcomes[invoice.token] = outcome


def answer_late(stage: Stage, seconds: float) -> None:
    """Revtain charges at once, and lets us wait for its answer."""
    late = Fault(kind=FaultKind.DELAY, when=Moment.AFTER, delay_s=seconds)
    stage.sandbox.faults.plan(Vendor.REVTAIN, late)


async def taken(stage: Stage, invoice: Invoice) -> Transaction:
    """The attempt, once Revtain has it."""

    async def look() -> list[Transaction]:
        return attempts(stage, invoice)

    return (await eventually(look))[0]


@asynccontextmanager
async def desk_at(stage: Stage, moment: datetime) -> AsyncGenerator[RecoveryDesk]:
    """Another web process over the same database, at that time."""
    operations = wiring.operations(
        stage.stores,
        CaseClient(stage.client),
        zone_of=wiring.zones(stage.settings),
        now=lambda: moment,
    )
    async with recoveries.opened(
        stage.settings, stage.stores, operations, now=lambda: moment
    ) as desk:
        yield desk


class Boundless:
    """A limit that lets every call through."""

    async def take(self) -> timedelta:
        return timedelta()

    async def hold(self, duration: timedelta) -> None:
        assert duration

    async def turn(self, patience: timedelta) -> None:
        assert patience

    @asynccontextmanager
    async def calling(self, patience: timedelta) -> AsyncGenerator[None]:
        await self.turn(patience)
        yield


def boundless(desk: RecoveryDesk) -> RecoveryDesk:
    charging = desk.charging
    assert isinstance(charging, Charging)
    return replace(desk, charging=replace(charging, limit=Boundless()))


async def abandon(stage: Stage) -> None:
    """Two minutes pass in which nobody hears of whoever was at work."""
    async with stage.stores.database.single() as connection:
        await connection.execute(text("UPDATE recoveries SET leased_until = '-infinity'"))


async def test_money_that_comes_at_once_is_the_end_of_it(tell: Teller) -> None:
    ada = tell.unregistered()
    status, answer = await hand(
        ada, idempotency_key=f"{ada.id}_retry_1", card_country="US", card_prefix="424242"
    )
    (attempt,) = attempts(tell.stage, ada)
    assert (status, answer) == (
        200,
        {
            "invoice_id": ada.id,
            "status": "recovered",
            "idempotency_key": f"{ada.id}_retry_1",
            "transaction_id": attempt.id,
            "decline_code": None,
            "reason": None,
            "case": None,
            "not_before": None,
        },
    )
    assert (
        attempt.request.idempotencyKey,
        attempt.request.originalDeclineCode,
        attempt.request.customerEmail,
        attempt.request.cardOrigin,
        attempt.request.binPrefix,
    ) == (f"{ada.id}_retry_1", "do_not_honor", ada.email, "US", "424242")
    await tell.day(60)
    assert await ada.told() == Told(inbox=(), standing="no case")
    shown = await tell.stage.show(ada.id)
    assert (shown["status"], shown["revtain"]["transaction_ids"]) == ("paid", [attempt.id])


async def test_a_failure_begins_the_campaign_although_its_webhook_never_comes(
    tell: Teller,
) -> None:
    ada = tell.unregistered()
    will(ada, Outcome.FAILED)
    tell.stage.sandbox.revtain.webhooks.url = None
    status, answer = await hand(ada, "expired_card")
    assert (status, answer["status"], answer["decline_code"]) == (200, "failed", "expired_card")
    await tell.day(1)
    assert await ada.told() == Told(inbox=(f"day 0: {EXPIRED}",), standing="waiting")


@pytest.mark.parametrize("held", [0.0, HELD], ids=["after", "before"])
async def test_a_failure_and_its_webhook_are_one_case_whichever_comes_first(
    tell: Teller, held: float
) -> None:
    stage, ada = tell.stage, tell.unregistered()
    will(ada, Outcome.FAILED)
    if held:
        answer_late(stage, held)
    handed = asyncio.create_task(hand(ada, "expired_card"))
    if held:
        # Nobody knows yet whose it is; it waits for the answer.
        async def parked() -> list[dict[str, Any]]:
            return await rows(stage, "SELECT status FROM events WHERE status = 'parked'")

        assert len(await eventually(parked)) == 1
        assert not handed.done()
    assert (await handed)[1]["status"] == "failed"
    await stage.sandbox.revtain.settled()
    await stage.settle()
    found = await rows(stage, "SELECT source, status, invoice_id FROM events ORDER BY source")
    assert found == [
        {"source": "revtain", "status": "done", "invoice_id": ada.id},
        {"source": "revtain-asked", "status": "done", "invoice_id": ada.id},
    ]
    await tell.day(1)
    assert await ada.told() == Told(inbox=(f"day 0: {EXPIRED}",), standing="waiting")


async def test_a_queued_payment_is_watched_and_closed_by_its_success(tell: Teller) -> None:
    stage, ada = tell.stage, tell.unregistered()
    status, answer = await hand(ada, "insufficient_funds")
    assert (status, answer["status"]) == (202, "queued")
    await stage.settle()
    assert await ada.told() == Told(inbox=(), standing="watching")
    # A payment that Revtain holds is not given to it again.
    status, answer = await hand(ada, "insufficient_funds")
    assert (status, len(attempts(stage, ada))) == (409, 1)
    await tell.day(12)
    (attempt,) = attempts(stage, ada)
    attempt.settle(Outcome.SUCCESS, stage.now)
    await stage.sandbox.revtain.fire(attempt.event())
    await stage.settle()
    await tell.day(60)
    assert (await ada.told()).standing == "recovered by revtain_retry"


async def test_an_ambiguous_answer_is_watched_until_somebody_must_look(tell: Teller) -> None:
    stage, ada = tell.stage, tell.unregistered()
    will(ada, Outcome.UNKNOWN)
    status, answer = await hand(ada)
    assert (status, answer["status"]) == (202, "unknown")
    await tell.day(46)
    assert await ada.told() == Told(inbox=(), standing="review: watch_over")
    assert len(attempts(stage, ada)) == 1


async def test_a_blocked_payment_waits_for_a_person(tell: Teller) -> None:
    ada = tell.unregistered()
    status, answer = await hand(ada, "fraudulent")
    assert (status, answer["status"], answer["decline_code"]) == (200, "blocked", "fraudulent")
    await tell.stage.sandbox.revtain.settled()
    await tell.stage.settle()
    assert await ada.told() == Told(inbox=(), standing="review: blocked")
    # The answer names no transaction, and its webhook names nothing else.
    assert await rows(tell.stage, "SELECT status, invoice_id FROM events") == [
        {"status": "done", "invoice_id": ada.id},
        {"status": "done", "invoice_id": ada.id},
    ]


async def test_a_success_that_was_told_first_is_final(tell: Teller) -> None:
    stage, ada = tell.stage, tell.unregistered()
    will(ada, Outcome.FAILED)
    stage.sandbox.revtain.webhooks.url, url = None, stage.sandbox.revtain.webhooks.url
    answer_late(stage, HELD)
    handed = asyncio.create_task(hand(ada, "expired_card"))
    attempt = await taken(stage, ada)
    stage.sandbox.revtain.webhooks.url = url
    attempt.settle(Outcome.SUCCESS, stage.now)
    success = attempt.event()
    attempt.settle(Outcome.FAILED, stage.now)
    await stage.sandbox.revtain.fire(success)
    await handed
    await stage.settle()
    await tell.day(60)
    assert await ada.told() == Told(inbox=(), standing="no case")
    assert (await stage.show(ada.id))["status"] == "paid"


async def test_a_lost_answer_is_looked_up_and_the_card_charged_once(tell: Teller) -> None:
    stage, ada = tell.stage, tell.unregistered()
    stage.sandbox.revtain.webhooks.url = None
    lost = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    stage.sandbox.faults.plan(Vendor.REVTAIN, lost)
    _, answer = await hand(ada)
    if answer["status"] == "scheduled":
        later = datetime.fromisoformat(answer["not_before"]) + timedelta(seconds=1)
        async with desk_at(stage, later) as desk:
            assert await desk.go_on() == 1
    (attempt,) = attempts(stage, ada)
    shown = await stage.show(ada.id)
    assert (shown["status"], shown["revtain"]["transaction_ids"]) == ("paid", [attempt.id])


async def test_what_a_killed_process_began_is_finished_by_another_and_charged_once(
    tell: Teller,
) -> None:
    stage, ada = tell.stage, await tell.invoice()
    stage.sandbox.revtain.webhooks.url = None
    answer_late(stage, 60)
    async with desk_at(stage, stage.now) as desk:
        dying = asyncio.create_task(desk.start(ada.id, Handover(key="once")))
        attempt = await taken(stage, ada)
        dying.cancel()
        await asyncio.wait([dying])
    assert (await stage.show(ada.id))["status"] == "open"
    async with desk_at(stage, stage.now + timedelta(minutes=3)) as other:
        assert await other.go_on() == 0
        await abandon(stage)
        # The sweep of the web process may be at it as well: one of them is.
        await other.go_on()

    async def paid() -> bool:
        return bool((await stage.show(ada.id))["status"] == "paid")

    assert await eventually(paid)
    assert [one.id for one in attempts(stage, ada)] == [attempt.id]
    status, answer = await hand(ada, idempotency_key="once")
    assert (status, answer["status"], answer["transaction_id"]) == (200, "recovered", attempt.id)


async def test_more_calls_than_a_minute_allows_are_spread_and_none_is_lost(tell: Teller) -> None:
    stage = tell.stage
    invoices = [tell.unregistered() for _ in range(61)]
    # As after an answer that asks for a pause: nobody is kept waiting for its end.
    await CallBudget(stage.stores.database).hold(timedelta(minutes=10))
    answers = [await hand(invoice) for invoice in invoices]
    assert [(code, answer["status"]) for code, answer in answers] == [(202, "scheduled")] * 61
    # Even a limit that lets everything through loses nothing: the 61st is refused by Revtain.
    moment = stage.now + timedelta(minutes=11)
    for left in (1, 0):
        stage.sandbox.clock.set(moment)
        async with desk_at(stage, moment) as desk:
            await boundless(desk).go_on()
        waiting = await rows(stage, "SELECT due_at FROM recoveries WHERE due_at IS NOT NULL")
        assert [row["due_at"] >= moment + timedelta(minutes=1) for row in waiting] == [True] * left
        moment += timedelta(minutes=2)
    assert {(await stage.show(one.id))["status"] for one in invoices} == {"paid"}
    assert [len(attempts(stage, one)) for one in invoices] == [1] * 61


async def test_two_payments_of_one_card_and_amount_keep_five_minutes_apart(tell: Teller) -> None:
    stage, ada, bob = tell.stage, tell.unregistered(), tell.unregistered()
    shared = {"payment_method_token": ada.token}
    first = await hand(ada)
    registered = {"amount_due": PRICE, "currency": "USD", "customer": {"id": "cus-b"}, **shared}
    status, answer = await hand(bob, invoice=registered)
    assert (first[0], status, answer["status"], answer["transaction_id"]) == (
        200,
        202,
        "scheduled",
        None,
    )
    due = datetime.fromisoformat(answer["not_before"])
    assert due - stage.now > timedelta(minutes=5)
    assert len(attempts(stage, ada)) == 1
    stage.sandbox.clock.set(due)
    async with desk_at(stage, due) as desk:
        assert await desk.go_on() == 1
    one, other = attempts(stage, ada)
    assert other.created_at - one.created_at > timedelta(minutes=5)
    shown = [await stage.show(invoice.id) for invoice in (ada, bob)]
    assert [(s["status"], s["revtain"]["transaction_ids"]) for s in shown] == [
        ("paid", [one.id]),
        ("paid", [other.id]),
    ]


async def test_the_same_idempotency_key_is_one_charge(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    body = {"invoice_id": ada.id, "decline_code": "do_not_honor"}

    async def once() -> tuple[int, Any]:
        header = {"Idempotency-Key": "one"}
        async with stage.http.post("/v1/recoveries", json=body, headers=header) as answer:
            return answer.status, await answer.json()

    first = await once()
    assert (first[0], first[1]["status"]) == (200, "recovered")
    assert await once() == first
    assert len(attempts(stage, ada)) == 1


async def test_a_case_that_runs_is_closed_by_a_payment_handed_over_again(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails(code="expired_card")
    await tell.day(1)
    tell.stage.sandbox.revtain.webhooks.url = None
    status, answer = await hand(ada, invoice=None)
    assert (status, answer["status"], answer["case"]["state"]) == (200, "recovered", "waiting")
    await tell.stage.settle()
    assert (await ada.told()).standing == "recovered by revtain_retry"


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.FAILED, "failed"), (Outcome.SUCCESS, "recovered")]
)
async def test_whoever_asks_again_hears_how_a_queued_payment_has_ended(
    tell: Teller, outcome: Outcome, status: str
) -> None:
    """Its end came by webhook alone."""
    stage, ada = tell.stage, tell.unregistered()
    will(ada, Outcome.QUEUED)
    first = await hand(ada, idempotency_key="once")
    assert (first[0], first[1]["status"]) == (202, "queued")
    (attempt,) = attempts(stage, ada)
    await stage.settle()
    await stage.sandbox.revtain.settle(attempt.id, outcome)
    await stage.settle()

    again = await hand(ada, idempotency_key="once")

    assert (again[0], again[1]["status"], again[1]["transaction_id"]) == (200, status, attempt.id)
    assert await rows(
        stage, "SELECT c.outcome, r.status FROM charges c JOIN recoveries r ON r.key = c.key"
    ) == [{"outcome": status, "status": status}]
    assert len(attempts(stage, ada)) == 1
