"""How does a worker process run? One worker a queue, stopped gracefully."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from app.converter import DATA_CONVERTER
from app.deployment import DEPLOYMENT
from app.wiring import Desks
from workflows import contracts
from workflows.case import CaseWorkflow

_GRACE = timedelta(seconds=30)
_SENDS_AT_ONCE = 16
_LOOKUPS_AT_ONCE = 50
# Only the workflow file itself is watched by the sandbox; these hold no state of their own, and
# the linters ban ambient time and randomness in them.
_PURE = ("dunning", "workflows.contracts")


def _pollers() -> PollerBehaviorAutoscaling:
    return PollerBehaviorAutoscaling(minimum=1, maximum=20, initial=4)


RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(*_PURE)


def runner(restrictions: SandboxRestrictions = RESTRICTIONS) -> SandboxedWorkflowRunner:
    """Workflows run in the sandbox; the rule book is passed through."""
    return SandboxedWorkflowRunner(restrictions=restrictions)


@asynccontextmanager
async def workers(
    client: Client, desks: Desks, *, build_id: str | None = None, sends_per_second: float = 20.0
) -> AsyncGenerator[None]:
    """Work on all queues until left, then finish what is under way for up to 30 seconds.

    `sends_per_second` holds for each channel over all workers.
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
                desks.case.close_case,
            ],
            workflow_runner=runner(),
            max_concurrent_activities=_LOOKUPS_AT_ONCE,
            workflow_task_poller_behavior=_pollers(),
            activity_task_poller_behavior=_pollers(),
            graceful_shutdown_timeout=_GRACE,
            deployment_config=deployment,
        )
        await stack.enter_async_context(lookups)
        for queue in (contracts.EMAIL_QUEUE, contracts.SMS_QUEUE):
            sender = Worker(
                client,
                task_queue=queue,
                activities=[desks.nudge.nudge],
                max_concurrent_activities=_SENDS_AT_ONCE,
                max_task_queue_activities_per_second=sends_per_second,
                activity_task_poller_behavior=_pollers(),
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
