"""Is anything lost when Temporal or PostgreSQL is away, or a run is ended by hand?"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app import clock
from app.demo.stage import Stage
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from store.migrations import upgrade
from tests.cli.conftest import Ended, started
from tests.stories.relay import Relay
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, dispatched, eventually, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER
from tests.stories.workers import given
from webhook.sweep import Sweep
from workflows.contracts import SEARCH_ATTRIBUTES

_PAID = Told(inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry")
_SOON = timedelta(seconds=3.5)
_GOES_ON = Told(inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="waiting")


async def test_events_that_come_while_temporal_is_away_are_taken_and_carried_on_afterwards(
    database_url: str, temporal_cli: Path, tmp_path: Path
) -> None:
    def temporal() -> AbstractAsyncContextManager[TemporalDevServer]:
        kept = tmp_path / "temporal.db"
        attributes = SEARCH_ATTRIBUTES
        return TemporalDevServer.start(
            temporal_cli, ui_port=0, db_filename=kept, search_attributes=attributes
        )

    async with AsyncExitStack() as stack:
        relay = await _relay(stack)
        async with temporal() as server:
            await relay.lead_to(server.ports.rpc)
            stage = await stack.enter_async_context(Stage.open(database_url, relay.address))
            tell = Teller.of(stage)
            ada, ben, new = [await tell.invoice() for _ in range(3)]
            for invoice in (ada, ben):
                await invoice.fails()
            await tell.day(1)
            await relay.cut()

        revtain = stage.sandbox.revtain
        failed = new.event("failed", recommendedAction="request_card_update")
        answers = [*await revtain.fire(ada.event("success")), *await revtain.fire(failed)]
        assert [answer.attempts[0].status for answer in answers] == [200, 200]
        assert (await stage.call("GET", "/readyz"))[0] == 503

        async with temporal() as server:
            await relay.lead_to(server.ports.rpc)
            await dispatched(stage)
            await tell.day(5)
            assert await ada.told() == _PAID
            assert await ben.told() == _GOES_ON
            assert (await new.told()).standing == "waiting"
            await stack.aclose()


async def test_postgresql_may_be_away_when_a_success_comes_and_when_a_message_falls_due(
    temporal: TemporalDevServer, tmp_path: Path
) -> None:
    folder = tmp_path / "postgres"
    async with AsyncExitStack() as stack:
        relay = await _relay(stack)
        async with EmbeddedPostgres.start(folder, durable=False) as server:
            await asyncio.to_thread(upgrade, server.url)
            await relay.lead_to(server.port)
            url = server.url.replace(f":{server.port}/", f":{relay.port}/")
            stage = await stack.enter_async_context(Stage.open(url, temporal.address))
            tell = Teller.of(stage)
            ada, ben = await tell.invoice(), await tell.invoice()
            for invoice in (ada, ben):
                await invoice.fails()
            await tell.day(1)
            case = await ben.case()
            await relay.cut()

        (answer,) = await stage.sandbox.revtain.fire(ada.event("success"))
        assert answer.attempts[0].status == 503
        assert (await stage.call("GET", "/readyz"))[0] == 503
        assert (await stage.call("GET", f"/v1/invoices/{ada.id}"))[0] == 503
        due_in = datetime.fromisoformat(case["next_at"]) - stage.now
        handle = stage.client.get_workflow_handle(case["workflow_id"])
        await stage.skipper.fast_forward(handle, due_in + timedelta(minutes=5))

        async with EmbeddedPostgres.start(folder, durable=False) as server:
            await relay.lead_to(server.port)
            await stage.sandbox.revtain.settled()
            await dispatched(stage)
            await tell.day(4)
            await tell.day(5)
            assert await ada.told() == _PAID
            assert await ben.told() == _GOES_ON
            await stage.end_all()
            await stack.aclose()


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
async def test_an_order_without_temporal_is_answered_soon_and_carried_out_when_given_again(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path, *, silent: bool
) -> None:
    async with AsyncExitStack() as stack:
        relay = await _relay(stack)
        await relay.lead_to(temporal.ports.rpc)
        stage = await stack.enter_async_context(Stage.open(database_url, relay.address))
        ada = await Teller.of(stage).invoice()
        await ada.fails()
        await (relay.fall_silent() if silent else relay.cut())

        for order in ("pause", "stop", "reopen"):
            begun = clock.now()
            status, problem = await stage.call("POST", f"/v1/cases/{ada.id}/{order}", {})
            assert clock.now() - begun < _SOON
            assert (status, problem["type"]) == (503, "urn:dunning:problem:temporal-unavailable")
            assert problem["detail"] == (
                "Temporal does not answer, so the case was not told. Try again in a few seconds."
            )
        typed = await _types(tmp_path, stage, relay.address, "case", "pause", ada.id)
        assert (typed.code, typed.out) == (3, "")
        assert typed.err == (
            f"Temporal at {relay.address} does not answer. Start it, or set TEMPORAL_ADDRESS.\n"
        )
        assert (await ada.case())["state"] == "waiting"

        await relay.cut()
        await relay.lead_to(temporal.ports.rpc)

        async def paused() -> bool:
            return (await stage.call("POST", f"/v1/cases/{ada.id}/pause", {}))[0] == 200

        await eventually(paused, within=30)
        await stage.settle()
        assert await ada.told() == Told(inbox=(), standing="paused")
        await stage.end_all()
        await stack.aclose()


async def _types(folder: Path, stage: Stage, temporal: str, *arguments: str) -> Ended:
    """An operator's command line, in a process of its own."""
    here = {**given(stage.settings), "TEMPORAL_ADDRESS": temporal}
    async with started(folder, *arguments, **here) as typed:
        return await typed.ended()


async def _relay(stack: AsyncExitStack) -> Relay:
    relay = Relay()
    stack.push_async_callback(relay.cut)
    return relay


async def test_a_run_that_was_terminated_is_closed_as_stopped_by_the_next_failure_or_the_sweep(
    tell: Teller,
) -> None:
    stage = tell.stage
    again, swept = await tell.invoice(), await tell.invoice()
    for invoice in (again, swept):
        await invoice.register(revtain={"transaction_ids": [f"{invoice.transaction}-2"]})
        await invoice.fails()
    await tell.day(1)
    for invoice in (again, swept):
        case = await invoice.case()
        await stage.client.get_workflow_handle(case["workflow_id"]).terminate()
    assert [(await i.told()).standing for i in (again, swept)] == ["waiting", "waiting"]

    await again.fails(transaction=f"{again.transaction}-2")
    standings = [(await i.told()).standing for i in (again, swept)]
    assert standings == ["stopped", "waiting"]

    sweep = Sweep(
        cases=stage.stores.cases,
        ledger=stage.stores.ledger,
        client=stage.cases,
        now=lambda: clock.now() + timedelta(days=30),
    )
    lost = await sweep.once()
    assert lost == [(await swept.case())["workflow_id"]]
    assert [(await i.told()).standing for i in (again, swept)] == ["stopped", "stopped"]
    await again.pays()
    assert (await again.told()).standing == "stopped, paid after that"


async def test_a_run_that_was_cancelled_writes_its_own_end(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    case = await ada.case()
    await tell.stage.client.get_workflow_handle(case["workflow_id"]).cancel()
    await tell.stage.settle()
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="stopped")


async def test_a_worker_that_comes_back_carries_on_where_the_last_one_stood(idle: Stage) -> None:
    tell = Teller.of(idle)
    ada = tell.unregistered()
    async with idle.working():
        await ada.register()
        await ada.fails()
        await tell.day(1)
    revtain = idle.sandbox.revtain
    await revtain.fire(ada.event("failed", recommendedAction="retry_later", attemptCount=2))
    await revtain.fire(ada.event("success"))
    await dispatched(idle)
    paid = "SELECT id FROM invoices WHERE status = 'paid'"
    assert await eventually(lambda: rows(idle, paid))
    async with idle.working():
        await tell.day(5)
        assert await ada.told() == Told(
            inbox=(f"day 0: {FIRST}", f"day 1: {RECEIPT}"), standing="recovered by revtain_retry"
        )
