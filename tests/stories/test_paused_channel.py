"""What becomes of messages while their vendor refuses our key, and once it is mended?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.demo.stage import Stage
from dunning.channel import Channel
from sandbox.faults import Fault, FaultKind, FaultMode, Vendor
from tests.receiver import Receiver, receiving
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import FIRST, TEXT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from app.embedded.temporal import TemporalDevServer

_POLICY = """\
version: 1
brand: {name: Example, support_email: billing@example.com}
campaigns:
  - name: texts
    when: {tags: [text]}
    length: 27d
    steps: [{id: first, channel: sms, after: 3h, template: reminder}]
  - name: emails
    length: 27d
    steps: [{id: first, channel: email, after: 2h, template: card_declined}]
"""
_EMAIL_STOPS = "Emails are not sent: the vendor refuses us"
_EMAIL_GOES_ON = "Emails are sent again"


@asynccontextmanager
async def played(
    database_url: str, temporal: TemporalDevServer, folder: Path, team: Receiver
) -> AsyncGenerator[Teller]:
    """The product with one message a case, whose team reads here."""
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY)
    async with Stage.open(
        database_url,
        temporal.address,
        DUNNING_POLICY=str(policy),
        DUNNING_ALERT_URLS=team.url,
    ) as stage:
        yield Teller.of(stage)
        await stage.end_all()


def refuse(stage: Stage, status: int = 401, *, times: int = 1000) -> None:
    """The email vendor refuses so many requests, and would take the next."""
    fault = Fault(kind=FaultKind.STATUS, status=status)
    stage.sandbox.faults.plan(Vendor.SENDGRID, *[fault] * times)


def late(invoice: Invoice, mended: datetime) -> timedelta:
    """How long after the mending its first message arrived."""
    return invoice.arrived()[0].arrived_at - mended


async def open_pauses(stage: Stage) -> list[tuple[Channel, str]]:
    return [(pause.channel, pause.reason) for pause in await stage.stores.pauses.open()]


async def heard(team: Receiver, *titles: str) -> None:
    async def all_of_them() -> bool:
        return set(titles) <= set(team.titles)

    await eventually(all_of_them)
    assert sorted(team.titles) == sorted(titles)


async def test_emails_wait_texts_go_on_and_all_follow_once_the_key_is_mended(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    async with receiving() as team, played(database_url, temporal, tmp_path, team) as tell:
        stage = tell.stage
        # Without a pause the five would ask ninety times until the key is mended.
        refuse(stage, times=30)
        waiting = [await tell.invoice() for _ in range(5)]
        texted = await tell.invoice(customer={"tags": ["text"]})
        for invoice in (*waiting, texted):
            await invoice.fails()
        await stage.advance(timedelta(hours=3, minutes=30))
        assert [invoice.arrived() for invoice in waiting] == [[]] * 5
        assert await texted.told() == Told(inbox=(f"day 0: {TEXT}",), standing="waiting")
        ((channel, reason),) = await open_pauses(stage)
        assert (channel, "check that SENDGRID_API_KEY" in reason) == (Channel.EMAIL, True)
        await heard(team, _EMAIL_STOPS)

        stage.sandbox.faults.clear()
        mended = stage.now
        await stage.advance(timedelta(minutes=15))
        assert await open_pauses(stage) == []
        told = [await invoice.told() for invoice in waiting]
        assert told == [Told(inbox=(f"day 0: {FIRST}",), standing="waiting")] * 5
        assert max(late(invoice, mended) for invoice in waiting) < timedelta(minutes=11)
        await heard(team, _EMAIL_STOPS, _EMAIL_GOES_ON)


async def test_a_wait_for_the_key_makes_no_later_wait_longer(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    async with receiving() as team, played(database_url, temporal, tmp_path, team) as tell:
        stage = tell.stage
        refuse(stage, 403)
        ada = await tell.invoice()
        await ada.fails()
        await stage.advance(timedelta(hours=4))
        stage.sandbox.faults.clear()
        busy = Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "120"})
        stage.sandbox.faults.plan(Vendor.SENDGRID, busy)
        mended = stage.now
        await stage.advance(timedelta(minutes=45))
        assert len(ada.arrived()) == 1
        assert late(ada, mended) < timedelta(minutes=30)


async def test_a_person_lets_a_channel_go_on_and_it_waits_again_if_nothing_was_mended(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    async with receiving() as team, played(database_url, temporal, tmp_path, team) as tell:
        stage = tell.stage
        refuse(stage)
        ada = await tell.invoice()
        await ada.fails()
        await stage.advance(timedelta(hours=3))
        assert await stage.stores.pauses.clear(Channel.EMAIL, by="operator", now=stage.now)
        await stage.advance(timedelta(minutes=15))
        assert [channel for channel, _ in await open_pauses(stage)] == [Channel.EMAIL]
        ends = "SELECT cleared_by FROM channel_pauses ORDER BY id"
        assert await rows(stage, ends) == [{"cleared_by": "operator"}, {"cleared_by": None}]
        assert (await ada.told()).inbox == ()


async def test_a_key_that_nobody_mends_for_days_costs_little_and_the_email_follows(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    async with receiving() as team, played(database_url, temporal, tmp_path, team) as tell:
        stage = tell.stage
        refused = Fault(kind=FaultKind.STATUS, status=401)
        stage.sandbox.faults.plan(Vendor.SENDGRID, refused, mode=FaultMode.STICKY)
        ada = await tell.invoice()
        await ada.fails()
        run = stage.client.get_workflow_handle((await ada.case())["workflow_id"])
        begun = (await run.describe()).run_id
        await tell.day(3, hour=10)
        assert await ada.told() == Told(inbox=(), standing="waiting")
        # With five minutes between attempts it would have gone on in a second run.
        assert (await run.describe()).run_id == begun

        stage.sandbox.faults.clear()
        mended = stage.now
        await stage.advance(timedelta(minutes=31))
        assert await ada.told() == Told(inbox=(f"day 3: {FIRST}",), standing="waiting")
        assert late(ada, mended) < timedelta(minutes=31)
