"""Does Temporal run in its production shape, on PostgreSQL with 512 shards?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from app.embedded import go_build
from app.embedded.temporal_server import TemporalServer

if TYPE_CHECKING:
    from app.embedded.postgres import EmbeddedPostgres

PROGRAMS = go_build.CHECKOUT / ".dunning" / "bin"


@workflow.defn(name="one-timer", sandboxed=False)
class OneTimerWorkflow:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(milliseconds=50))
        return "woken"


async def test_a_workflow_with_a_timer_runs_on_postgresql(postgres: EmbeddedPostgres) -> None:
    async with TemporalServer.start(PROGRAMS, postgres) as server:
        client = await Client.connect(server.address)
        async with Worker(client, task_queue="timers", workflows=[OneTimerWorkflow]):
            result = await client.execute_workflow(
                OneTimerWorkflow.run, id="dunning:" + "x" * 247, task_queue="timers"
            )
    assert result == "woken"
