"""How does a worker process run? One worker a queue, stopped gracefully."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from app.converter import DATA_CONVERTER
from app.deployment import DEPLOYMENT
from app.wiring import Desks
from dunning.channel import Channel
from workflows import contracts
from workflows.case import CaseWorkflow

_GRACE = timedelta(seconds=30)
_SENDS_AT_ONCE = 16
_LOOKUPS_AT_ONCE = 50
# Not the kind that scales itself: on a busy machine about one activity in a few hundred was then
# started by the server and never reached the worker, and so waited for its timeout.
_POLLERS = PollerBehaviorSimpleMaximum(maximum=5)
# Only the workflow file itself is watched by the sandbox; these hold no state of their own, and
# the linters ban ambient time and randomness in them.
_PURE = ("dunning", "workflows.contracts")

RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*_PURE)


def runner(restrictions: SandboxRestrictions = RESTRICTIONS) -> SandboxedWorkflowRunner:
    """The sandbox in which workflows are tested and histories replayed.

    Production does without: to watch the workflow's file means to import it again for every case,
    which costs more than all else that a worker does for it.
    """
    return SandboxedWorkflowRunner(restrictions=restrictions)


@asynccontextmanager
async def workers(
    client: Client,
    desks: Desks,
    *,
    build_id: str | None = None,
    rates: Mapping[Channel, float] | None = None,
) -> AsyncGenerator[None]:
    """Work on all queues until left, then finish what is under way for up to 30 seconds.

    `rates` are messages a second on each channel, over all workers; none limits nothing.
    """
    client = _converting(client)
    deployment = _deployment(build_id)
    async with AsyncExitStack() as stack:
        lookups = Worker(
            client,
            task_queue=contracts.QUEUE,
            workflows=[CaseWorkflow],
            activities=[
                desks.case.open_case,
                desks.case.project_case,
                desks.case.charge,
                desks.case.close_case,
            ],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=_LOOKUPS_AT_ONCE,
            workflow_task_poller_behavior=_POLLERS,
            activity_task_poller_behavior=_POLLERS,
            graceful_shutdown_timeout=_GRACE,
            deployment_config=deployment,
        )
        await stack.enter_async_context(lookups)
        for channel, queue in contracts.NUDGE_QUEUES.items():
            sender = Worker(
                client,
                task_queue=queue,
                activities=[desks.nudge.nudge],
                max_concurrent_activities=_SENDS_AT_ONCE,
                max_task_queue_activities_per_second=rates[channel] if rates else None,
                activity_task_poller_behavior=_POLLERS,
                graceful_shutdown_timeout=_GRACE,
                deployment_config=deployment,
            )
            await stack.enter_async_context(sender)
        yield


def _converting(client: Client) -> Client:
    """The same connection, with the converter that is quick where much is read."""
    config = client.config()
    config["data_converter"] = DATA_CONVERTER
    return Client(**config)


def _deployment(build_id: str | None) -> WorkerDeploymentConfig | None:
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
