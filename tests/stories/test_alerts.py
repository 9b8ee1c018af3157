"""Does the team hear of what needs it: once, soon, and never too often?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app import clock
from app.alerting import alerting
from app.demo.stage import Stage
from store.alerts import WINDOW
from tests.receiver import Receiver, receiving
from tests.stories.telling import Teller
from tests.stories.witnesses import eventually, rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.embedded.temporal import TemporalDevServer

_ALERTS = "SELECT kind, subject, told_at IS NOT NULL AS told FROM alerts ORDER BY id"


@asynccontextmanager
async def played(
    database_url: str, temporal: TemporalDevServer, *teams: Receiver
) -> AsyncGenerator[Teller]:
    """The product, whose team reads at these places."""
    urls = ", ".join(team.url for team in teams)
    async with Stage.open(database_url, temporal.address, DUNNING_ALERT_URLS=urls) as stage:
        yield Teller.of(stage)
        await stage.end_all()


async def later(stage: Stage, by: timedelta) -> int:
    """What the task of another web process tells, so much later."""
    task = alerting(stage.settings, stage.stores, now=lambda: clock.now() + by)
    return await task.once()


async def hears(team: Receiver, number: int = 1) -> None:
    async def enough() -> bool:
        return len(team.got) >= number

    await eventually(enough)


async def test_a_case_that_needs_a_person_is_told_once_and_at_once(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with receiving() as team, played(database_url, temporal, team) as tell:
        ada = await tell.invoice()
        await ada.fails("manual_review")
        await hears(team)
        await tell.day(1)
        assert await later(tell.stage, WINDOW * 2) == 0
    (message,) = team.got
    assert message["title"] == f"The case of {ada.id} needs a person"
    assert f"dunning case decide {ada.id} DECISION" in message["message"]
    for personal in (ada.email, ada.phone, "Ada", f"cus-{ada.number}"):
        assert personal not in str(message)


async def test_many_reviews_are_one_alert_and_one_summary(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with receiving() as team, played(database_url, temporal, team) as tell:
        invoices = [await tell.invoice() for _ in range(12)]
        for invoice in invoices:
            await invoice.fails("manual_review")
        await hears(team)
        assert await later(tell.stage, WINDOW - timedelta(minutes=2)) == 0
        assert await later(tell.stage, WINDOW * 2) == 1
        assert await later(tell.stage, WINDOW * 4) == 0
        told = await rows(tell.stage, _ALERTS)
    first, summary = team.got
    assert first["title"] == f"The case of {invoices[0].id} needs a person"
    assert summary["title"] == "11 more cases need a person"
    named = ", ".join(invoice.id for invoice in invoices[1:4])
    assert f": {named} and 8 others. " in summary["message"]
    assert "dunning case list --state review" in summary["message"]
    assert told == [{"kind": "review", "subject": i.id, "told": True} for i in invoices]


async def test_a_place_that_is_down_hears_later_and_holds_up_neither_case_nor_other_place(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with (
        receiving() as team,
        receiving(status=500) as other,
        played(database_url, temporal, team, other) as tell,
    ):
        ada = await tell.invoice()
        await ada.fails("manual_review")
        await hears(team)
        await eventually(lambda: refused(other))
        assert (await ada.told()).standing == "review: manual_review"
        other.status = 200
        assert await later(tell.stage, timedelta(minutes=3)) == 1
        assert await later(tell.stage, timedelta(hours=3)) == 0
    assert (team.titles, other.titles) == ([f"The case of {ada.id} needs a person"],) * 2


async def refused(team: Receiver) -> bool:
    return team.refused > 0


async def test_what_nobody_was_there_to_hear_is_kept_and_told_when_somebody_is(
    stage: Stage, tell: Teller
) -> None:
    ada = await tell.invoice()
    await ada.fails("manual_review")
    assert await later(stage, timedelta(0)) == 0
    assert await rows(stage, _ALERTS) == [{"kind": "review", "subject": ada.id, "told": False}]
    async with receiving() as team:
        update = {"alert_urls": SecretStr(team.url)}
        stage.settings = stage.settings.model_copy(update=update)
        assert await later(stage, timedelta(0)) == 1
    assert team.titles == [f"The case of {ada.id} needs a person"]


async def test_money_that_comes_too_late_is_told(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with receiving() as team, played(database_url, temporal, team) as tell:
        ada = await tell.invoice()
        await ada.fails()
        await ada.order("stop")
        await ada.pays()
        await hears(team)
        assert (await ada.told()).standing == "stopped, paid after that"
    assert team.titles == [f"{ada.id} was paid after its case had closed"]
    assert team.got[0]["type"] == "failure"
