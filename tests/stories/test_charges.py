"""What follows when a customer gives a new card, and we are the ones who charge it (R4)?"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from activities.charging import Charging
from app import recoveries, recovery, wiring
from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from app.policy_file import default_policy_text
from app.wiring import Desks
from app.worker import workers
from dunning.charge import ChargeAnswer, ChargeRequest
from dunning.ports import Charger
from sandbox.faults import Fault, FaultKind, Moment, Operation, Vendor
from sandbox.revtain_ledger import Outcome
from store.inbox import NewEvent
from tests.cli.conftest import started
from tests.stories.dying import BrokenDownError
from tests.stories.telling import PRICE, Invoice, Teller
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import (
    CONFIRM,
    FINAL,
    FIRST,
    NEW_CARD_FAILED,
    RECEIPT,
    REMINDER,
    TEXT,
)
from tests.stories.workers import given
from workflows.client import CaseClient

MINUTE = timedelta(minutes=1)
_OURS = ("charged_by: merchant", "charged_by: us")


_KEY = "rev_stage"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """The policy of a merchant who lets us charge new cards."""
    path = tmp_path / "policy.yaml"
    path.write_text(default_policy_text().replace(*_OURS), encoding="utf-8")
    return str(path)


@pytest.fixture
async def stage(
    database_url: str, temporal: TemporalDevServer, policy: str
) -> AsyncGenerator[Stage]:
    opening = Stage.open(
        database_url, temporal.address, DUNNING_POLICY=policy, REVTAIN_API_KEY=_KEY
    )
    async with opening as opened:
        await fill(opened)
        yield opened
        await opened.end_all()


async def fill(stage: Stage) -> None:
    """Let the limit of calls stand in nobody's way."""
    async with stage.stores.database.single() as connection:
        await connection.execute(
            text("UPDATE revtain_calls SET tokens = 10, held_until = '-infinity'")
        )


def card_of(invoice: Invoice) -> str:
    return f"new-{invoice.number}"


async def gives_card(invoice: Invoice) -> None:
    """The customer gives a new card at the merchant's."""
    await invoice.post("card", {"payment_method_token": card_of(invoice)})
    await rests(invoice.stage)


async def rests(stage: Stage) -> None:
    """Wait until Revtain's own events are at rest as well."""
    await stage.sandbox.revtain.settled()
    await stage.settle()


def executed(stage: Stage) -> int:
    """How often Revtain was asked for a charge, whatever it answered."""
    return sum(request.path.endswith("/execute") for request in stage.sandbox.messages.requests)


async def failing(tell: Teller, **changes: Any) -> Invoice:
    """An invoice whose customer has got the first message."""
    ada = await tell.invoice(**changes)
    await ada.fails()
    await tell.day(1)
    return ada


async def charges(stage: Stage) -> list[dict[str, Any]]:
    return await rows(
        stage,
        "SELECT invoice_id, status, outcome, requested_at FROM charges ORDER BY requested_at, key",
    )


async def test_a_card_updated_twice_at_once_is_charged_once(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    event = {"event": "card.updated", "oldToken": ada.token, "newToken": card_of(ada)}
    body = {"payment_method_token": card_of(ada)}

    await asyncio.gather(
        stage.sandbox.revtain.fire({**event}),
        stage.call("POST", f"/v1/invoices/{ada.id}/card", body),
    )
    await rests(stage)
    await tell.day(60)

    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by card_update"
    )
    assert executed(stage) == 1
    (attempt,) = stage.sandbox.revtain.attempts
    assert (attempt.request.paymentMethodToken, attempt.request.amount) == (card_of(ada), PRICE)
    assert attempt.request.customerEmail == ada.email
    assert attempt.request.originalDeclineCode is None


async def test_a_new_card_that_fails_is_said_once_and_the_campaign_goes_on_spaced(
    tell: Teller,
) -> None:
    """A charge that fails takes no message from the campaign, nor anything from Revtain's tries."""
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails()
    await tell.day(4, 20)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.FAILED, "card_declined")

    await gives_card(ada)
    assert (await ada.told()).standing == "waiting"
    await ada.post("card", {"payment_method_token": card_of(ada)})
    await tell.day(60)

    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 4: {REMINDER}",
            f"day 5: {NEW_CARD_FAILED}",
            f"day 6: {TEXT}",
            f"day 9: {REMINDER}",
            f"day 15: {REMINDER}",
            f"day 22: {FINAL}",
        ),
        standing="written_off",
    )
    assert executed(stage) == 1


async def test_a_second_new_card_is_charged_after_the_first_failed(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome("worse", Outcome.FAILED, "card_declined")
    await ada.post("card", {"payment_method_token": "worse"})
    await rests(stage)

    await gives_card(ada)

    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {NEW_CARD_FAILED}", f"day 1: {RECEIPT}"),
        standing="recovered by card_update",
    )
    keys = [one.request.idempotencyKey for one in stage.sandbox.revtain.attempts]
    assert keys == [f"dunning:{ada.id}:1:charge:{number}" for number in (1, 2)]


async def test_a_queued_charge_is_awaited_and_its_success_closes_the_case(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.QUEUED)
    await gives_card(ada)
    await tell.day(20)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="retrying")

    (attempt,) = stage.sandbox.revtain.attempts
    await stage.sandbox.revtain.settle(attempt.id, Outcome.SUCCESS)
    await stage.settle()

    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 20: {RECEIPT}"), standing="recovered by card_update"
    )
    assert executed(stage) == 1


async def test_the_web_process_keeps_how_a_queued_charge_has_ended(tell: Teller) -> None:
    """The row and the story of the case say so, as the webhook did."""
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.QUEUED)
    await gives_card(ada)
    (attempt,) = stage.sandbox.revtain.attempts
    await stage.sandbox.revtain.settle(attempt.id, Outcome.FAILED)
    await rests(stage)

    async with stage.stores.database.single() as connection:
        await connection.execute(text("UPDATE sweeps SET leased_until = '-infinity'"))
    client = CaseClient(stage.client)
    operations = wiring.operations(stage.stores, client, zone_of=wiring.zones(stage.settings))
    sweep = recoveries.sweep(stage.settings, stage.stores, operations, now=lambda: stage.now)
    sweeping = asyncio.create_task(sweep.run())
    await eventually(lambda: _ended(stage))
    sweep.stop()
    await sweeping
    await sweep.aclose()

    assert [(one["status"], one["outcome"]) for one in await charges(stage)] == [
        ("answered", "failed")
    ]
    assert await rows(
        stage,
        "SELECT kind, detail ->> 'status' AS status FROM audit WHERE kind LIKE 'charge.%'"
        " ORDER BY id",
    ) == [
        {"kind": "charge.requested", "status": None},
        {"kind": "charge.answered", "status": "queued"},
        {"kind": "charge.answered", "status": "failed"},
    ]


async def _ended(stage: Stage) -> bool:
    return [one["outcome"] for one in await charges(stage)] == ["failed"]


async def test_a_queued_charge_that_nobody_tells_of_is_asked_about(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.QUEUED)
    await gives_card(ada)
    (attempt,) = stage.sandbox.revtain.attempts
    attempt.settle(Outcome.SUCCESS, stage.now)

    able = recovery.recovery(stage.settings, stage.stores, asyncio.Event(), now=lambda: stage.now)
    assert able.api is not None
    assert able.sweep is not None
    async with able.api:
        await tell.day(2)
        await able.sweep.once()
    await stage.settle()

    assert (await ada.told()).standing == "recovered by card_update"
    assert executed(stage) == 1


async def test_nothing_is_charged_while_an_earlier_charge_is_queued(tell: Teller) -> None:
    """Revtain may still charge the card before: two would be charged for one invoice."""
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome("payday", Outcome.QUEUED)
    await ada.post("card", {"payment_method_token": "payday"})
    await rests(stage)
    await gives_card(ada)
    assert (executed(stage), (await ada.told()).standing) == (1, "retrying")

    (queued,) = stage.sandbox.revtain.attempts
    await stage.sandbox.revtain.settle(queued.id, Outcome.FAILED)
    await rests(stage)

    assert (executed(stage), (await ada.told()).standing) == (2, "recovered by card_update")


async def test_a_queued_charge_without_any_outcome_goes_to_a_person(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.QUEUED)
    await gives_card(ada)

    await tell.day(48)

    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="review: retry_over")


async def test_a_blocked_card_goes_to_a_person_and_nobody_is_written_to(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), Outcome.BLOCKED, "fraudulent")

    await gives_card(ada)
    await tell.day(5)

    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="review: blocked")
    assert executed(stage) == 1


async def test_a_card_that_has_to_be_confirmed_is_not_said_to_have_failed(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    outcome, code = Outcome.BLOCKED, "authentication_required"
    stage.sandbox.revtain.set_outcome(card_of(ada), outcome, code)

    await gives_card(ada)
    await tell.day(3)

    told = await ada.told()
    assert (told.inbox[:2], told.standing) == (
        (f"day 0: {FIRST}", f"day 1: {CONFIRM}"),
        "waiting",
    )
    assert not any(NEW_CARD_FAILED in line for line in told.inbox)


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.FAILED])
async def test_a_charge_whose_answer_was_lost_is_looked_up_and_not_repeated(
    tell: Teller, outcome: Outcome
) -> None:
    stage, ada = tell.stage, await failing(tell)
    stage.sandbox.revtain.set_outcome(card_of(ada), outcome, "card_declined")
    lost = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    stage.sandbox.faults.plan(Vendor.REVTAIN, lost, operation=Operation.SEND)

    await gives_card(ada)

    standing = "recovered by card_update" if outcome is Outcome.SUCCESS else "waiting"
    assert (await ada.told()).standing == standing
    assert (executed(stage), len(stage.sandbox.revtain.attempts)) == (1, 1)


async def test_a_request_that_never_arrived_is_made_again_under_its_own_key(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    lost = Fault(kind=FaultKind.DROP, when=Moment.BEFORE)
    stage.sandbox.faults.plan(Vendor.REVTAIN, lost, operation=Operation.SEND)
    await gives_card(ada)
    assert (await ada.told()).standing == "retrying"

    await tell.day(2)

    assert (await ada.told()).standing == "recovered by card_update"
    assert (executed(stage), len(stage.sandbox.revtain.attempts)) == (2, 1)


async def test_one_card_of_two_invoices_is_charged_more_than_five_minutes_apart(
    tell: Teller,
) -> None:
    stage, shared = tell.stage, "pm-shared"
    one = await tell.invoice(payment_method_token=shared)
    two = await tell.invoice(payment_method_token=shared)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    await one.card_updated("pm-shared-new", old=shared)
    await rests(stage)
    assert len(stage.sandbox.revtain.attempts) == 1

    await stage.advance(4 * MINUTE)
    assert len(stage.sandbox.revtain.attempts) == 1
    await stage.advance(3 * MINUTE)
    await rests(stage)

    standings = [(await invoice.told()).standing for invoice in (one, two)]
    assert standings == ["recovered by card_update"] * 2
    first, second = await charges(stage)
    assert second["requested_at"] - first["requested_at"] > timedelta(minutes=5)
    assert executed(stage) == 2


async def test_what_is_paid_while_its_charge_is_put_off_is_not_charged(tell: Teller) -> None:
    stage, shared = tell.stage, "pm-shared"
    one = await tell.invoice(payment_method_token=shared)
    two = await tell.invoice(payment_method_token=shared)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    await one.card_updated("pm-shared-new", old=shared)
    await rests(stage)
    (charged,) = stage.sandbox.revtain.attempts
    waits = two if one.id in (charged.request.idempotencyKey or "") else one

    await waits.post("paid")
    await tell.day(2)

    assert (await waits.told()).standing == "recovered by paid_elsewhere"
    assert executed(stage) == 1


@pytest.mark.parametrize(("order", "standing"), [("pause", "paused"), ("stop", "stopped")])
async def test_nothing_is_charged_of_a_case_that_was_held_while_its_charge_waited(
    tell: Teller, order: str, standing: str
) -> None:
    stage, ada = tell.stage, await failing(tell)
    busy = Fault(kind=FaultKind.STATUS, status=429)
    stage.sandbox.faults.plan(Vendor.REVTAIN, busy, operation=Operation.SEND)
    await gives_card(ada)
    assert (await ada.told()).standing == "retrying"

    await ada.order(order)
    await fill(stage)
    await tell.day(3)

    assert ((await ada.told()).standing, len(stage.sandbox.revtain.attempts)) == (standing, 0)


async def test_while_the_card_is_charged_no_shared_message_may_speak_of_the_invoice(
    tell: Teller,
) -> None:
    stage, ada = tell.stage, await failing(tell)
    slow = Fault(kind=FaultKind.DELAY, delay_s=1)
    stage.sandbox.faults.plan(Vendor.REVTAIN, slow, operation=Operation.SEND)

    await stage.call("POST", f"/v1/invoices/{ada.id}/card", {"payment_method_token": card_of(ada)})
    await eventually(lambda: _is_retrying(ada))

    assert len(stage.sandbox.revtain.attempts) == 0
    await rests(stage)
    assert (await ada.told()).standing == "recovered by card_update"


async def _is_retrying(invoice: Invoice) -> bool:
    return bool((await invoice.case())["state"] == "retrying")


async def test_success_before_failure_with_a_new_card(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    await gives_card(ada)
    (attempt,) = stage.sandbox.revtain.attempts

    await ada.fails(code="card_declined", transaction=attempt.id)
    await tell.day(60)

    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by card_update"
    )


async def test_a_reviewer_may_have_the_old_card_charged_again(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.is_blocked("call_issuer")
    await ada.order("decide", decision="retry_now")
    await rests(stage)
    await tell.day(2)

    assert (await ada.told()).standing == "recovered by revtain_retry"
    (attempt,) = stage.sandbox.revtain.attempts
    assert attempt.request.paymentMethodToken == ada.token
    assert attempt.request.originalDeclineCode == "call_issuer"


async def test_what_revtain_refuses_goes_to_a_person_with_the_reason(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell, amount_due=20)

    await gives_card(ada)

    assert (await ada.told()).standing == "review: charge_refused"
    told = await rows(stage, "SELECT kind, subject FROM alerts ORDER BY kind")
    assert told == [
        {"kind": "charge_refused", "subject": ada.id},
        {"kind": "review", "subject": ada.id},
    ]
    _, story = await stage.call("GET", f"/v1/cases/{ada.id}/story")
    assert any("charge" in line["what"] for line in story["lines"])


async def test_no_token_is_in_any_history(tell: Teller) -> None:
    stage, ada = tell.stage, await failing(tell)
    await gives_card(ada)

    run = stage.client.get_workflow_handle(f"dunning:{ada.id}:1")
    history = (await run.fetch_history()).to_json()

    assert card_of(ada) not in history
    assert "charge: new_card" in await _summaries(stage, ada)


async def _summaries(stage: Stage, invoice: Invoice) -> list[str]:
    run = stage.client.get_workflow_handle(f"dunning:{invoice.id}:1")
    return [
        event.user_metadata.summary.data.decode().strip('"')
        async for event in run.fetch_history_events()
    ]


class _DyingCharger:
    """Breaks down after its first charge was answered, and before anybody wrote that down."""

    def __init__(self, service: Charger) -> None:
        self.service = service
        self.died = False

    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        answer = await self.service.charge(request)
        if not self.died:
            self.died = True
            raise BrokenDownError(f"could not charge {request.token}")
        return answer


@asynccontextmanager
async def working(stage: Stage) -> AsyncGenerator[None]:
    """A worker that breaks down once."""
    async with wiring.desks(stage.settings, stage.stores) as usual:
        charging: Charging = usual.case.charging
        assert charging.charger is not None
        dying = replace(charging, charger=_DyingCharger(charging.charger))
        async with workers(
            stage.client, Desks(case=replace(usual.case, charging=dying), nudge=usual.nudge)
        ):
            yield


async def test_a_worker_that_dies_between_request_and_answer_charges_once(
    database_url: str, temporal: TemporalDevServer, policy: str
) -> None:
    opening = Stage.open(
        database_url, temporal.address, work=False, DUNNING_POLICY=policy, REVTAIN_API_KEY=_KEY
    )
    async with opening as stage:
        await fill(stage)
        async with working(stage):
            ada = await failing(Teller.of(stage))
            stage.sandbox.revtain.webhooks.url = None
            await gives_card(ada)
            await stage.advance(MINUTE)

            assert (await ada.told()).standing == "recovered by card_update"
            assert executed(stage) == 1
        await stage.end_all()


async def test_without_a_key_the_charge_waits_and_the_team_is_told(
    database_url: str, temporal: TemporalDevServer, policy: str
) -> None:
    opening = Stage.open(database_url, temporal.address, work=False, DUNNING_POLICY=policy)
    async with opening as stage, stage.working():
        ada = await failing(Teller.of(stage))
        await gives_card(ada)
        assert (await ada.told()).standing == "retrying"
        (alert,) = await rows(stage, "SELECT kind, detail FROM alerts")
        assert alert["kind"] == "credentials"
        assert "REVTAIN_API_KEY is not set" in alert["detail"]["reason"]
        assert executed(stage) == 0
        await stage.end_all()


async def test_a_worker_that_is_killed_while_it_waits_for_the_answer_charges_once(
    database_url: str, temporal: TemporalDevServer, policy: str, tmp_path: Path
) -> None:
    opening = Stage.open(
        database_url, temporal.address, work=False, DUNNING_POLICY=policy, REVTAIN_API_KEY=_KEY
    )
    async with opening as stage:
        ada = await Teller.of(stage).invoice()
        environment = {**given(stage.settings), "TEMPORAL_ADDRESS": temporal.address}
        slow = Fault(kind=FaultKind.DELAY, when=Moment.AFTER, delay_s=60)
        stage.sandbox.faults.plan(Vendor.REVTAIN, slow, operation=Operation.SEND)
        stage.sandbox.revtain.webhooks.url = None
        async with started(tmp_path, "worker", **environment) as worker:
            await worker.until('"working"')
            await stage.stores.inbox.put_many([_failure(ada)])
            body = {"payment_method_token": card_of(ada)}
            await stage.call("POST", f"/v1/invoices/{ada.id}/card", body)
            await eventually(lambda: _attempted(stage), within=30)
            await worker.end(signal.SIGKILL)
        async with started(tmp_path, "worker", **environment) as worker:
            await worker.until('"working"')
            await eventually(lambda: _closed(ada), within=90)
            await stage.settle()
        assert (await ada.told()).standing == "recovered by card_update"
        assert executed(stage) == 1
        await stage.end_all()


def _failure(invoice: Invoice) -> NewEvent:
    event = invoice.event(
        "failed", recommendedAction="request_card_update", declineCode="do_not_honor"
    )
    return NewEvent(
        source="revtain",
        name="recovery.failed",
        body=json.dumps(event).encode(),
        transaction_id=invoice.transaction,
    )


async def _attempted(stage: Stage) -> bool:
    return len(stage.sandbox.revtain.attempts) == 1


async def _closed(invoice: Invoice) -> bool:
    return (await invoice.case())["outcome"] is not None
