"""What does the configured Temporal still lack for cases to run?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from workflows import contracts

if TYPE_CHECKING:
    from temporalio.client import Client

_CALL = timedelta(seconds=10)


async def missing_attributes(client: Client) -> list[str]:
    """Search attributes that the namespace does not know."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request, timeout=_CALL)
    names = [key.name for key in contracts.SEARCH_ATTRIBUTES]
    return [name for name in names if name not in known.custom_attributes]


async def polled(client: Client) -> bool:
    """Whether a worker asked for cases within the last minutes."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=contracts.QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    found = await client.workflow_service.describe_task_queue(request, timeout=_CALL)
    return bool(found.pollers)
