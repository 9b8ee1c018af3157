"""When does a worker's build get work? When Temporal is told that it is the current one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from dunning.errors import DunningError
from workflows import contracts

DEPLOYMENT = "dunning"
_QUEUES = {contracts.QUEUE, contracts.EMAIL_QUEUE, contracts.SMS_QUEUE, contracts.PUSH_QUEUE}
_PAUSE = 0.1
_CALL = timedelta(seconds=10)


class DeploymentError(DunningError):
    """A build could not be made current."""


async def make_current(
    client: Client,
    build_id: str,
    *,
    within: timedelta = timedelta(seconds=60),
) -> None:
    """Let new cases, and the running ones at their next step, be worked on by this build.

    Its workers must poll already; Temporal may learn so a little later, hence the patience.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            while not await _registered(client, build_id) >= _QUEUES:  # noqa: ASYNC110 - polled
                await asyncio.sleep(_PAUSE)
            await _set(client, build_id)
    except TimeoutError as fault:
        raise DeploymentError(
            f"Temporal did not see the workers of build {build_id} within "
            f"{within.total_seconds():.0f} seconds, so it was not made current. Start them again."
        ) from fault


async def _registered(client: Client, build_id: str) -> set[str]:
    """The queues on which Temporal has seen workers of the build."""
    version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id)
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=client.namespace, deployment_version=version
    )
    service = client.workflow_service
    try:
        found = await service.describe_worker_deployment_version(request, timeout=_CALL)
    except RPCError as fault:
        if fault.status is RPCStatusCode.NOT_FOUND:
            return set()
        raise
    return {queue.name for queue in found.version_task_queues}


async def _set(client: Client, build_id: str) -> None:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build_id,
        identity=client.identity,
    )
    await client.workflow_service.set_worker_deployment_current_version(request, timeout=_CALL)
