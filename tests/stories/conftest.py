"""What do stories stand on? The whole product on real servers, one database a story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
        await opened.end_all()


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
