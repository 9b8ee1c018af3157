"""Do web and worker start only with what they need, wait for it, and end on a signal?"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from app import clock, temporal
from app.deployment import DEPLOYMENT
from app.embedded.process import free_port
from app.embedded.temporal import TemporalDevServer
from dunning.advice import Advice
from dunning.events import Failed
from dunning.states import State
from store.cases import Cases
from store.database import Database
from tests.cli.conftest import KEY, Typed, started
from workflows.client import CaseClient
from workflows.contracts import CaseInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

NOWHERE = "postgresql://dunning:secret@127.0.0.1:1/dunning"
VENDORS = {
    "DUNNING_SECRET_KEY": KEY,
    "DUNNING_EMAIL_FROM": "billing@example.com",
    "SENDGRID_API_KEY": "SG.test",
    "SENDGRID_BASE_URL": "http://127.0.0.1:1",
    "REVTAIN_WEBHOOK_SECRET": "whsec_test",
}
INVOICE = (
    b'{"amount_due": 4900, "currency": "USD", "billing_period": "month", '
    b'"customer": {"id": "c1", "email": "ada@example.com", "timezone": "America/New_York"}}'
)


@pytest.fixture
async def server(temporal_cli: Path) -> AsyncGenerator[TemporalDevServer]:
    """A Temporal of the test's own: a current version would steer the tests that share one."""
    async with TemporalDevServer.start(temporal_cli, ui_port=0, time_skipping=False) as found:
        await temporal.set_up(await Client.connect(found.address))
        yield found


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "DUNNING_DATABASE_URL is not set."),
        ({"DUNNING_DATABASE_URL": " "}, "DUNNING_DATABASE_URL is set to nothing."),
        ({"DUNNING_PRT": "80"}, "DUNNING_PRT is not a setting of this program."),
    ],
    ids=["missing", "blank", "unknown"],
)
async def test_a_bad_setting_stops_the_start(
    role: str, settings: dict[str, str], told: str, tmp_path: Path
) -> None:
    async with started(tmp_path, role, **settings) as it:
        ended = await it.ended()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(told)
    assert len(ended.err.splitlines()) == 1


async def test_a_role_that_waits_for_its_database_ends_on_a_signal(tmp_path: Path) -> None:
    async with started(tmp_path, "web", DUNNING_DATABASE_URL=NOWHERE, **VENDORS) as web:
        line = await web.until("waiting")
        ended = await web.end()
    assert '"waiting_for": "PostgreSQL"' in line
    assert ended.code == 0
    assert "secret" not in ended.err


async def test_a_worker_waits_for_temporal_and_comes_up(
    tmp_path: Path, database_url: str, temporal_cli: Path
) -> None:
    port = free_port()
    here = {"DUNNING_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}
    async with started(tmp_path, "worker", **here, **VENDORS) as worker:
        line = await worker.until("waiting")
        assert f'"waiting_for": "Temporal at 127.0.0.1:{port}"' in line
        async with TemporalDevServer.start(temporal_cli, port=port, ui_port=0):
            await worker.until('"working"')
            ended = await worker.end()
    assert (ended.code, ended.out) == (0, "")


async def test_web_serves_without_temporal(tmp_path: Path, database_url: str) -> None:
    here = {"DUNNING_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    async with started(tmp_path, "web", DUNNING_PORT="0", **here, **VENDORS) as web:
        line = await web.until("serving")
        port = line.partition("http://127.0.0.1:")[2].partition('"')[0]
        async with started(tmp_path, "web", DUNNING_PORT=port, **here, **VENDORS) as second:
            refused = await second.ended()
        ended = await web.end()
    assert (ended.code, ended.out) == (0, "")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines()[-1] == (
        f"The web server cannot listen on 127.0.0.1:{port}. "
        "Stop what listens there, or set DUNNING_PORT."
    )


async def test_a_build_is_made_current_and_works_on_cases(
    tmp_path: Path, database_url: str, server: TemporalDevServer, dunning: Typed
) -> None:
    here = {"DUNNING_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": server.address}
    client = await Client.connect(server.address, data_converter=pydantic_data_converter)
    await dunning("invoice", "put", "INV-1", stdin=INVOICE)
    async with started(tmp_path, "worker", "--build-id", "b1", **here, **VENDORS) as worker:
        await worker.until('"working"')
        assert await _current(client) == "b1"
        await _open("INV-1", database_url, client)
        paused = await dunning("case", "pause", "INV-1", TEMPORAL_ADDRESS=server.address)
        assert (paused.code, paused.out) == (0, "invoice  INV-1\nstate    paused\n")
        async with started(tmp_path, "worker", "--build-id", "b2", **here, **VENDORS) as newer:
            await newer.until('"working"')
            assert await _current(client) == "b2"
            await worker.end()
            resumed = await dunning("case", "resume", "INV-1", TEMPORAL_ADDRESS=server.address)
            assert resumed.out.splitlines()[1] == "state      waiting"
            assert (await newer.end()).code == 0


async def _current(client: Client) -> str:
    request = DescribeWorkerDeploymentRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT
    )
    found = await client.workflow_service.describe_worker_deployment(request)
    return found.worker_deployment_info.routing_config.current_deployment_version.build_id


async def _open(invoice_id: str, database_url: str, client: Client) -> None:
    """Open a case as the dispatcher does, and wait until it waits."""
    database = Database.connect(database_url, pool_size=1)
    cases = Cases(database)
    try:
        opening = (await cases.open_many([invoice_id], clock.now()))[invoice_id]
        failed = Failed(id="e1", advice=Advice.REQUEST_CARD_UPDATE, decline_code="expired_card")
        start = CaseInput(invoice_id=invoice_id, cycle=opening.cycle)
        await CaseClient(client).open(opening.workflow_id, start, failed)
        async with asyncio.timeout(30):
            while not await cases.find(state=State.WAITING):
                await asyncio.sleep(0.05)
    finally:
        await database.aclose()


@pytest.mark.parametrize("role", ["web", "worker"])
async def test_numbers_and_health_have_a_port_of_their_own(
    role: str, tmp_path: Path, database_url: str, temporal: TemporalDevServer
) -> None:
    here = {"DUNNING_DATABASE_URL": database_url, "TEMPORAL_ADDRESS": temporal.address}
    ports = {"DUNNING_PORT": "0", "DUNNING_METRICS_PORT": "0"}
    async with started(tmp_path, role, **here, **ports, **VENDORS) as it:
        url = json.loads(await it.until('"metrics"'))["url"]
        async with httpx.AsyncClient() as client:
            numbers = await client.get(url)
            health = await client.get(url.replace("/metrics", "/healthz"))
        await it.until('"serving"' if role == "web" else '"working"')
        ended = await it.end()
    assert (numbers.status_code, health.text, ended.code) == (200, "ok\n", 0)
    assert numbers.headers["content-type"].startswith("text/plain")
    counted = set(re.findall(r"^# TYPE (dunning_\w+) counter$", numbers.text, re.MULTILINE))
    assert counted >= {"dunning_events_dispatched_total", "dunning_webhook_answers_total"}
