"""When does a Temporal server really serve, and what does its namespace need first?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from app.embedded.errors import EmbeddedServerError
from app.embedded.process import ServerProcess, last_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporalio.common import SearchAttributeKey

NAMESPACE = "default"
# A closed case stays visible in Temporal for as long as a chargeback may take to come back.
RETENTION = timedelta(days=90)
START_PATIENCE = 60.0


async def client_when_ready(process: ServerProcess, address: str) -> Client | None:
    """A client once the namespace answers; None when the server ended instead."""
    try:
        async with asyncio.timeout(START_PATIENCE):
            while not process.ended:
                client = await _try_connect(address)
                if client is not None and await _namespace_is_set(client):
                    return client
                await asyncio.sleep(0.05)
    except TimeoutError as fault:
        raise EmbeddedServerError(
            f"Temporal did not answer for {START_PATIENCE:.0f} seconds: {last_words(process.log)}"
        ) from fault
    return None


async def _try_connect(address: str) -> Client | None:
    try:
        return await Client.connect(address, namespace=NAMESPACE)
    except (RPCError, RuntimeError):  # the client reports a refused connection as RuntimeError
        return None


async def _namespace_is_set(client: Client) -> bool:
    """Create the namespace where it is missing and set how long closed runs are kept."""
    service = client.workflow_service
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    try:
        await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        await service.update_namespace(
            UpdateNamespaceRequest(
                namespace=NAMESPACE,
                config=NamespaceConfig(workflow_execution_retention_ttl=retention),
            )
        )
    except RPCError as fault:
        if fault.status is RPCStatusCode.NOT_FOUND:
            await _register(client, retention)
        return False
    return True


async def _register(client: Client, retention: Duration) -> None:
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=NAMESPACE, workflow_execution_retention_period=retention
            )
        )
    except RPCError as fault:
        if fault.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def register_attributes(client: Client, keys: Sequence[SearchAttributeKey[Any]]) -> None:
    """Make the search attributes known; those already known are left as they are."""
    if not keys:
        return
    types = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in keys}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
    )
