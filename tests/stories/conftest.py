"""What do stories stand on? The whole product on real servers, one database a story."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio.service import RPCError

from activities.failures import INTERNAL_FAULT
from app.demo.stage import Stage
from tests.stories.telling import Teller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.embedded.temporal import TemporalDevServer


@pytest.fixture
async def stage(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product running, with a clock to move."""
    async with Stage.open(database_url, temporal.address) as opened:
        yield opened
        assert [case async for case in _faulty(opened)] == []
        await opened.end_all()


async def _faulty(stage: Stage) -> AsyncGenerator[str]:
    """Cases in which something of ours broke, be it that a later attempt went well."""
    for case in await stage.stores.cases.find(limit=1000):
        run = stage.client.get_workflow_handle(case.workflow_id)
        with suppress(RPCError):
            if INTERNAL_FAULT in (await run.fetch_history()).to_json():
                yield case.workflow_id


@pytest.fixture
async def idle(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product without a worker; a story opens `stage.working()` when it needs one."""
    async with Stage.open(database_url, temporal.address, work=False) as opened:
        yield opened
        await opened.end_all()


@pytest.fixture
def tell(stage: Stage) -> Teller:
    """The stage with a calendar."""
    return Teller.of(stage)


@pytest.fixture(autouse=True)
def vendors_pause_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor's pause is held by the wall clock, which hardly moves while cases leap for weeks."""
    monkeypatch.setattr("providers.rate_gate.LONGEST_HOLD", timedelta(seconds=0.2))
