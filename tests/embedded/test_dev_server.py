"""Does the embedded Temporal dev server serve, skip time, and end with its owner?"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from app.embedded.errors import EmbeddedServerError
from app.embedded.temporal import TemporalDevServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.embedded.conftest import Owned

    Own = Callable[[str, Path], AbstractAsyncContextManager[Owned]]
    UntilGone = Callable[[int], Awaitable[None]]

STATE = SearchAttributeKey.for_keyword("DunningState")


@workflow.defn(name="four-timers", sandboxed=False)
class FourTimersWorkflow:
    @workflow.run
    async def run(self) -> float:
        started = workflow.now()
        for _ in range(4):
            await workflow.sleep(timedelta(days=5))
        return (workflow.now() - started) / timedelta(days=1)


async def test_twenty_days_of_timers_pass_in_a_moment(temporal: TemporalDevServer) -> None:
    skipper = TimeSkipper(await Client.connect(temporal.address))
    async with Worker(skipper.client, task_queue="timers", workflows=[FourTimersWorkflow]):
        started = time.monotonic()
        days = await skipper.client.execute_workflow(
            FourTimersWorkflow.run, id="four-timers", task_queue="timers"
        )
        took = time.monotonic() - started
    assert days == pytest.approx(20, abs=0.001)
    assert took < 2


async def test_cases_and_attributes_outlive_the_server(temporal_cli: Path, tmp_path: Path) -> None:
    file = tmp_path / "temporal data" / "temporal.db"
    async with TemporalDevServer.start(
        temporal_cli, ui_port=0, db_filename=file, search_attributes=[STATE]
    ) as server:
        client = await Client.connect(server.address)
        await client.start_workflow(
            "four-timers",
            id="kept",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([SearchAttributePair(STATE, "waiting")]),
        )
    async with TemporalDevServer.start(
        temporal_cli, ui_port=0, db_filename=file, search_attributes=[STATE]
    ) as server:
        client = await Client.connect(server.address)
        described = await client.get_workflow_handle("kept").describe()
        namespace = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="default")
        )
    assert described.typed_search_attributes.get(STATE) == "waiting"
    assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=90)


async def test_the_web_interface_and_metrics_answer_where_they_say(temporal_cli: Path) -> None:
    async with TemporalDevServer.start(temporal_cli) as server:
        assert server.ui_url is not None
        assert await _status(server.ui_url) == b"HTTP/1.1 200 OK"
        assert await _status(server.metrics_url) == b"HTTP/1.1 200 OK"


async def _status(url: str) -> bytes:
    """The status line of a plain GET, over a socket of our own."""
    authority, _, path = url.removeprefix("http://").partition("/")
    host, _, port = authority.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    status = (await reader.readline()).strip()
    writer.close()
    await writer.wait_closed()
    return status


async def test_a_port_in_use_is_told(temporal_cli: Path, temporal: TemporalDevServer) -> None:
    taken = temporal.ports.rpc
    with pytest.raises(EmbeddedServerError) as refusal:
        async with TemporalDevServer.start(temporal_cli, port=taken, ui_port=0):
            pass
    assert str(refusal.value) == (
        f"The port {taken} for Temporal is in use: stop what listens there, or choose another."
    )


async def test_the_server_ends_with_a_killed_owner(
    temporal_cli: Path, owned: Own, until_gone: UntilGone
) -> None:
    async with owned("temporal", temporal_cli) as it:
        await it.kill_owner()
        await until_gone(it.server_pid)
        with pytest.raises(RuntimeError, match="Failed client connect"):
            await Client.connect(it.address)
