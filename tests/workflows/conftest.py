"""What does the workflow alone stand on? A server that skips time, and scripted activities."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from app import temporal as door
from app.worker import runner
from dunning.events import Failed
from dunning.ids import workflow_id
from tests.rules.builders import failed
from tests.workflows.scripted import Script, ScriptedCase, ScriptedNudge
from workflows import contracts
from workflows.case import CaseWorkflow
from workflows.client import CaseClient
from workflows.contracts import CaseInput, CaseResult

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer

_numbers = itertools.count(1)
_PATIENCE = 10.0
_LOOK = 0.01


@dataclass(frozen=True, slots=True)
class Run:
    """One case under the workflow's own code, and a clock to move."""

    cases: CaseClient
    skipper: TimeSkipper
    id: str

    @property
    def handle(self) -> WorkflowHandle[Any, CaseResult]:
        return self.cases.temporal.get_workflow_handle(self.id, result_type=CaseResult)

    async def fails(self, event: Failed | None = None) -> None:
        start = CaseInput(invoice_id=self.id.split(":")[1], cycle=1)
        await self.cases.open(self.id, start, event or failed())
        await self.rests()

    async def passes(self, **time: float) -> None:
        """Time passes; what falls due is carried out."""
        await self.skipper.fast_forward(self.handle, timedelta(**time))
        await self.rests()

    async def rests(self) -> None:
        """Wait until nothing is under way; work that waits for its next attempt is."""
        async with asyncio.timeout(_PATIENCE):
            while await self._busy():
                await asyncio.sleep(_LOOK)

    async def _busy(self) -> bool:
        found = await self.handle.describe()
        raw = found.raw_description
        running = found.status is WorkflowExecutionStatus.RUNNING
        working = bool(raw.pending_activities) or raw.HasField("pending_workflow_task")
        return running and working


@dataclass(frozen=True, slots=True)
class Theatre:
    """A server on which cases are played, each by activities of its own script."""

    client: Client

    @asynccontextmanager
    async def plays(self, script: Script, **worker: Any) -> AsyncGenerator[Run]:
        """A case that has not begun yet, with workers on its queues."""
        case, nudge = ScriptedCase(script), ScriptedNudge(script)
        run = Run(
            CaseClient(self.client),
            TimeSkipper(self.client),
            workflow_id(f"ALONE-{next(_numbers)}", 1),
        )
        async with AsyncExitStack() as stack:
            lookups = Worker(
                self.client,
                task_queue=contracts.QUEUE,
                workflows=[CaseWorkflow],
                activities=[case.open_case, case.project_case, case.charge, case.close_case],
                workflow_runner=runner(),
                **worker,
            )
            await stack.enter_async_context(lookups)
            for queue in (contracts.EMAIL_QUEUE, contracts.SMS_QUEUE):
                sender = Worker(self.client, task_queue=queue, activities=[nudge.nudge])
                await stack.enter_async_context(sender)
            yield run
            if (await run.handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                await run.handle.terminate()


@pytest.fixture
async def theatre(temporal: TemporalDevServer) -> Theatre:
    return Theatre(await door.connect(temporal.address))
