"""Is what Revtain could not tell us found out by asking?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app import recovery
from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from app.recovery import Recovery
from dunning.errors import ProviderUnavailableError
from dunning.ports import RecoverySource
from dunning.recovery import RecoveryAnswer
from sandbox.faults import Fault, FaultKind, FaultMode, Operation, Vendor
from store.call_budget import CallBudget
from store.inbox import EventStatus
from tests.stories.telling import PRICE, Invoice, Teller
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import FIRST, NEW_CARD_FAILED, REMINDER
from webhook.reconciling import Reconciled, Reconciliation
from webhook.status_sweep import StatusSweep

NOTHING = Reconciled(
    asked=0,
    successes=0,
    failures=0,
    nothing_new=0,
    still_open=0,
    unknown_to_revtain=0,
    refused=0,
)


@asynccontextmanager
async def asking(stage: Stage) -> AsyncGenerator[Recovery]:
    """A web process of this stage that may ask Revtain, on the clock of the stage."""
    given = {
        "revtain_api_key": SecretStr("rev_stage"),
        "revtain_base_url": stage.sandbox.revtain_url,
    }
    settings = stage.settings.model_copy(update=given)
    await fill(stage)
    able = recovery.recovery(settings, stage.stores, asyncio.Event(), now=lambda: stage.now)
    assert able.api is not None
    async with able.api:
        yield able


async def fill(stage: Stage) -> None:
    """Let the limit stand in nobody's way."""
    async with stage.stores.database.single() as connection:
        await connection.execute(
            text("UPDATE revtain_calls SET tokens = 10, held_until = '-infinity'")
        )


def sweep_of(able: Recovery) -> StatusSweep:
    assert able.sweep is not None
    return able.sweep


def reconciliation_of(able: Recovery) -> Reconciliation:
    assert able.watch.reconciliation is not None
    return able.watch.reconciliation


async def lost(invoice: Invoice, name: str, **fields: Any) -> None:
    """Revtain knows it, and could not deliver it."""
    event = invoice.event(name, amount=PRICE, currency="USD", **fields)
    await invoice.stage.sandbox.revtain.fire(event, hold=True)


async def notes(stage: Stage) -> list[tuple[str, str, str]]:
    """What came by asking, and what was done."""
    query = "SELECT name, invoice_id, note FROM events WHERE source = 'revtain-asked' ORDER BY id"
    return [(row["name"], row["invoice_id"], row["note"]) for row in await rows(stage, query)]


async def test_a_watch_whose_success_never_came_is_closed_by_a_question(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("retry_later")
    await lost(ada, "success")
    async with asking(stage) as able:
        assert await sweep_of(able).once() == 0
        await stage.advance(timedelta(hours=1, minutes=5))
        assert await sweep_of(able).once() == 1
        await stage.settle()
        await tell.day(1)
        told = await ada.told()
        assert told == Told(inbox=(), standing="recovered by revtain_retry")
        case = f"dunning:{ada.id}:1"
        assert await notes(stage) == [
            ("recovery.success", ada.id, f"Revtain was asked: paid; case {case} told")
        ]
        _, story = await stage.call("GET", f"/v1/cases/{ada.id}/story")
        assert "Revtain was asked: the payment went through" in [
            line["what"] for line in story["lines"]
        ]
        # The webhook comes after all, and nothing is due any more.
        await stage.sandbox.revtain.release()
        await stage.settle()
        assert (await ada.told(), await sweep_of(able).once()) == (told, 0)


async def test_a_failure_that_never_came_begins_the_campaign(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("monitor")
    await lost(ada, "failed", recommendedAction="request_card_update", declineCode="do_not_honor")
    await tell.day(44)
    async with asking(stage) as able:
        # A failure was known, so it is not counted as missed, but it asks for more.
        assert await sweep_of(able).once() == 0
    await stage.settle()
    await tell.day(45)
    assert await ada.told() == Told(inbox=(f"day 44: {FIRST}",), standing="waiting")


async def test_the_last_question_is_put_before_a_person_is_asked(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("retry_later")
    async with asking(stage) as able:
        await tell.day(44)
        await sweep_of(able).once()
        (before,) = await rows(stage, "SELECT asked_at, answer FROM transactions")
        due = (await ada.case())["next_at"]
        await stage.advance_to(stage.now.fromisoformat(due) - timedelta(minutes=30))
        assert await sweep_of(able).once() == 0
        (after,) = await rows(stage, "SELECT asked_at, answer FROM transactions")
        assert (before["answer"], after["answer"]) == ("failed", "failed")
        assert after["asked_at"] - before["asked_at"] > timedelta(hours=1)
        # In the review it is asked about too, and a late success closes it.
        await tell.day(46)
        assert (await ada.told()).standing == "review: watch_over"
        await lost(ada, "success")
        assert await sweep_of(able).once() == 1
    await stage.settle()
    assert (await ada.told()).standing == "recovered by revtain_retry"


async def test_a_new_card_whose_failure_never_came_is_told_of_once(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.post("card", {"payment_method_token": "pm-new"})
    await ada.register(
        payment_method_token="pm-new", revtain={"transaction_ids": [f"{ada.transaction}-2"]}
    )
    event = ada.event("failed", amount=PRICE, currency="USD", recommendedAction="retry_later")
    event["revtainTransactionId"] = f"{ada.transaction}-2"
    await stage.sandbox.revtain.fire(event, hold=True)
    await stage.advance(timedelta(hours=2))
    async with asking(stage) as able:
        # It may be queued yet.
        assert await sweep_of(able).once() == 0
        await stage.settle()
        assert (await ada.told()).standing == "retrying"
        event["recommendedAction"] = "request_card_update"
        await stage.sandbox.revtain.fire(event, hold=True)
        await stage.advance(timedelta(hours=8))
        assert await sweep_of(able).once() == 1
        await stage.settle()
        await tell.day(5)
        told = await ada.told()
        assert [line.partition(": ")[2] for line in told.inbox] == [
            *(FIRST, NEW_CARD_FAILED, REMINDER)
        ]
        assert await notes(stage) == [
            ("recovery.failed", ada.id, f"Revtain was asked: case dunning:{ada.id}:1")
        ]


async def test_what_an_outage_of_thirty_hours_hid_is_mended(tell: Teller) -> None:
    stage = tell.stage
    ada, bob, eve = await tell.invoice(), await tell.invoice(), await tell.invoice()
    await bob.fails()
    await stage.advance(timedelta(minutes=5))
    async with asking(stage) as able:
        await able.watch.beat()
        assert await able.watch.mend() is None
        for name, invoice in (("failed", ada), ("success", bob)):
            await lost(invoice, name, recommendedAction="request_card_update")
        since = stage.now
        await stage.advance(timedelta(hours=30))
        await asyncio.gather(able.watch.beat(), able.watch.beat())
        found = await asyncio.gather(able.watch.mend(), able.watch.mend())
        (mended,) = [one for one in found if one is not None]
        expected = {"asked": 3, "successes": 1, "failures": 1, "unknown_to_revtain": 1}
        assert asdict(mended) == asdict(NOTHING) | expected
        await stage.settle()
        assert (await bob.told()).standing == "recovered by revtain_retry"
        assert (await ada.told()).standing == "waiting"
        assert (await eve.told()).standing == "no case"
        # It is over, and by hand it finds nothing any more.
        before = (await stage.stores.inbox.counts(), await ada.told(), await bob.told())
        assert await able.watch.mend() is None
        again = await reconciliation_of(able).run(since, stage.now)
        assert (again.successes, again.failures, again.fault) == (0, 0, None)
        await stage.settle()
        assert (await stage.stores.inbox.counts(), await ada.told(), await bob.told()) == before
    # What Revtain delivers later changes nothing.
    await stage.sandbox.revtain.release()
    await stage.settle()
    assert (await ada.told(), await bob.told()) == before[1:]


async def test_a_dry_run_tells_and_changes_nothing(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await lost(ada, "success")
    since = stage.now - timedelta(hours=30)
    async with asking(stage) as able:
        for _ in range(2):
            found = await reconciliation_of(able).run(since, stage.now, keep=False)
            assert asdict(found) == asdict(NOTHING) | {"asked": 1, "successes": 1}
    assert await rows(stage, "SELECT id FROM events") == []
    assert await rows(stage, "SELECT asked_at, answer FROM transactions") == [
        {"asked_at": None, "answer": None}
    ]


async def test_an_attempt_whose_answer_was_lost_is_found_by_its_key(tell: Teller) -> None:
    stage, ada = tell.stage, tell.unregistered()
    await ada.register(revtain={"transaction_ids": [], "idempotency_keys": [f"{ada.id}_1"]})
    # Its webhook names a transaction that nobody has told us of.
    await ada.fails(amount=PRICE, currency="USD", idempotencyKey=None)
    assert (await stage.stores.inbox.counts())[EventStatus.PARKED] == 1
    event = ada.event("failed", recommendedAction="request_card_update")
    named = {**event, "idempotencyKey": f"{ada.id}_1", "amount": PRICE, "currency": "USD"}
    await stage.sandbox.revtain.fire(named, hold=True)
    async with asking(stage) as able:
        found = await reconciliation_of(able).run(stage.now - timedelta(hours=30), stage.now)
    assert (found.asked, found.failures) == (1, 1)
    await stage.settle()
    assert (await ada.told()).standing == "waiting"
    assert (await stage.stores.inbox.counts())[EventStatus.PARKED] == 0
    (key,) = await rows(stage, "SELECT transaction_id, answer FROM idempotency_keys")
    assert key == {"transaction_id": ada.transaction, "answer": "failed"}


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.HTML, FaultKind.DROP])
async def test_while_revtain_is_away_nothing_is_lost(tell: Teller, kind: FaultKind) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("retry_later")
    await lost(ada, "success")
    await stage.advance(timedelta(hours=2))
    faults, since = stage.sandbox.faults, stage.now
    down = Fault(kind=kind, status=503)
    faults.plan(Vendor.REVTAIN, down, mode=FaultMode.STICKY, operation=Operation.READ)
    async with asking(stage) as able:
        with pytest.raises(ProviderUnavailableError):
            await sweep_of(able).once()
        impatient = Reconciliation(
            asking=sweep_of(able).asking, questions=sweep_of(able).questions, pauses=(0, 0)
        )
        found = await impatient.run(since, stage.now)
        assert (found.asked, found.not_asked, found.fault is None) == (0, 1, False)
        assert (await ada.told()).standing == "watching"
        faults.clear()
        await fill(stage)
        assert await sweep_of(able).once() == 1
    await stage.settle()
    assert (await ada.told()).standing == "recovered by revtain_retry"


async def test_who_asks_too_often_keeps_away_for_a_minute(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("retry_later")
    await stage.advance(timedelta(hours=2))
    busy = Fault(kind=FaultKind.STATUS, status=429)
    stage.sandbox.faults.plan(Vendor.REVTAIN, busy, operation=Operation.READ)
    async with asking(stage) as able:
        with pytest.raises(ProviderUnavailableError, match="less often"):
            await sweep_of(able).once()
        wait = await CallBudget(stage.stores.database).take()
        assert timedelta(seconds=50) < wait <= timedelta(seconds=60)
        await fill(stage)
        assert await sweep_of(able).once() == 0
    (asked,) = await rows(stage, "SELECT answer FROM transactions")
    assert asked["answer"] == "failed"


@dataclass(frozen=True, slots=True)
class Counted:
    """Asks Revtain, and remembers about what."""

    source: RecoverySource
    asked: list[str]

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        self.asked.append(transaction_id)
        return await self.source.by_transaction(transaction_id)

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        self.asked.append(idempotency_key)
        return await self.source.by_key(idempotency_key)


def counted(sweep: StatusSweep, asked: list[str]) -> StatusSweep:
    source = Counted(sweep.asking.source, asked)
    return replace(sweep, asking=replace(sweep.asking, source=source))


async def test_two_processes_ask_one_question(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    await ada.fails("retry_later")
    await lost(ada, "success")
    await stage.advance(timedelta(hours=2))
    asked: list[str] = []
    async with asking(stage) as one, asking(stage) as other:
        sweeps = [counted(sweep_of(able), asked) for able in (one, other)]
        news = await asyncio.gather(*(sweep.once() for sweep in sweeps))
    assert (sorted(news), asked) == ([0, 1], [ada.transaction])
    await stage.settle()
    assert len(await notes(stage)) == 1


async def test_without_a_key_a_gap_is_kept_until_there_is_one(tell: Teller) -> None:
    stage, ada = tell.stage, await tell.invoice()
    unable = recovery.recovery(stage.settings, stage.stores, asyncio.Event(), now=lambda: stage.now)
    assert (unable.sweep, unable.api) == (None, None)
    await unable.watch.beat()
    await lost(ada, "success")
    await stage.advance(timedelta(hours=30))
    await unable.watch.beat()
    assert await unable.watch.mend() is None
    async with asking(stage) as able:
        mended = await able.watch.mend()
        assert mended is not None
        assert mended.successes == 1
    await stage.settle()
    (invoice,) = await rows(stage, "SELECT status FROM invoices")
    assert invoice["status"] == "paid"


async def test_a_web_process_that_was_away_asks_by_itself(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with Stage.open(database_url, temporal.address, work=False) as stage:
        ada = await Teller.of(stage).invoice()
        async with stage.stores.database.single() as connection:
            away = "UPDATE heartbeat SET beat_at = beat_at - interval '30 hours'"
            assert (await connection.execute(text(away))).rowcount == 1
            await connection.execute(text("DELETE FROM api_keys"))
        await fill(stage)
    async with Stage.open(
        database_url, temporal.address, work=False, REVTAIN_API_KEY="rev_stage"
    ) as stage:

        async def mended() -> list[dict[str, Any]]:
            return await rows(stage, "SELECT id FROM outages WHERE mended_at IS NOT NULL")

        assert len(await eventually(mended)) == 1
        assert await rows(stage, "SELECT transaction_id, answer FROM transactions") == [
            {"transaction_id": ada.transaction, "answer": "missing"}
        ]
