"""How do many cases come to their next instant at the same moment?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.demo.stage import Stage
from tests.stories.telling import Invoice

_LATER = timedelta(minutes=1)


@asynccontextmanager
async def leap(stage: Stage, invoices: Sequence[Invoice]) -> AsyncGenerator[None]:
    """Move all their cases to where they are due, at once, while the block waits for the outcome.

    A case's time stands still while an activity of it runs, so the moves are not waited for.
    """
    cases = await asyncio.gather(*(invoice.case() for invoice in invoices))
    dues = {case["workflow_id"]: datetime.fromisoformat(case["next_at"]) for case in cases}
    stage.sandbox.clock.set(max(dues.values()))
    moves = [asyncio.create_task(_move(stage, name, due)) for name, due in dues.items()]
    try:
        yield
    finally:
        for move in moves:
            move.cancel()
        await asyncio.gather(*moves, return_exceptions=True)


async def _move(stage: Stage, workflow_id: str, due: datetime) -> None:
    handle = stage.client.get_workflow_handle(workflow_id)
    await stage.skipper.fast_forward(handle, due - stage.now + _LATER)
