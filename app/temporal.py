"""How does the program reach Temporal, and what must a namespace know before the first case?"""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from workflows import contracts
from workflows.errors import TemporalDownError

_LOCAL = "127.0.0.1:7233"


def address() -> str:
    """Where Temporal is, for people: the SDK's environment configuration, else this machine."""
    config = ClientConfig.load_client_connect_config(config_file_strict=True)
    return str(config.get("target_host", _LOCAL))


async def connect(target: str | None = None, *, lazy: bool = False) -> Client:
    """A client of the configured Temporal, or of `target` (host:port).

    A lazy client connects at its first call. Raise TemporalDownError, which names the address,
    when Temporal does not answer.
    """
    config = ClientConfig.load_client_connect_config(config_file_strict=True)
    config["target_host"] = target or config.get("target_host", _LOCAL)
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter, lazy=lazy)
    except (RPCError, RuntimeError) as fault:
        raise TemporalDownError(f"Temporal at {config['target_host']} does not answer") from fault


async def set_up(client: Client) -> list[str]:
    """Register the search attributes that are missing; their names."""
    service, namespace = client.operator_service, client.namespace
    known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    missing = [k.name for k in contracts.SEARCH_ATTRIBUTES if k.name not in known.custom_attributes]
    if missing:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        request = AddSearchAttributesRequest(
            namespace=namespace, search_attributes=dict.fromkeys(missing, keyword)
        )
        await service.add_search_attributes(request, timeout=timedelta(seconds=10))
    return missing
