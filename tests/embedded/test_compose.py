"""Would `docker compose up` find all that its file speaks of?"""

from __future__ import annotations

import asyncio
import json
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import yaml
from prometheus_client import REGISTRY
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from webhook import dispatcher, door

if TYPE_CHECKING:
    from app.embedded.postgres import EmbeddedPostgres
    from app.embedded.temporal import TemporalDevServer

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "temporal"
PROGRAMS = ROOT / ".dunning" / "bin"
INTERPOLATED = re.compile(r"\$\{(\w+)")
SECRET = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|API_KEY")


class Dependency(BaseModel, extra="forbid"):
    condition: str


class Service(BaseModel, extra="forbid"):
    image: str = Field(pattern=r"^[a-z0-9/-]+:[a-z0-9.]+$")
    build: str | None = None
    env_file: str | None = None
    environment: dict[str, str] = {}
    entrypoint: list[str] = []
    command: list[str] = []
    restart: str
    stop_grace_period: str | None = None
    ports: list[str] = []
    volumes: list[str] = []
    healthcheck: dict[str, object] = {}
    depends_on: dict[str, Dependency] = {}
    profiles: list[str] = []


class ComposeFile(BaseModel):
    """The parts of the compose format that our file uses; anything else fails the test."""

    model_config = ConfigDict(extra="forbid")
    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


def _text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture
def compose() -> ComposeFile:
    document = yaml.safe_load(_text())
    templates = [name for name in document if name.startswith("x-")]
    return ComposeFile.model_validate({k: v for k, v in document.items() if k not in templates})


def test_the_services_are_the_ones_promised(compose: ComposeFile) -> None:
    assert {name: service.image for name, service in compose.services.items()} == {
        "postgres": "postgres:16",
        "temporal-schema": "temporalio/admin-tools:1.32.0",
        "temporal": "temporalio/server:1.32.0",
        "temporal-namespace": "temporalio/admin-tools:1.32.0",
        "temporal-ui": "temporalio/ui:2.54.1",
        "migrate": "dunning:local",
        "web": "dunning:local",
        "worker": "dunning:local",
        "prometheus": "prom/prometheus:v3.5.0",
        "grafana": "grafana/grafana:12.1.0",
    }
    optional = {name for name, service in compose.services.items() if service.profiles}
    assert optional == {"prometheus", "grafana"}
    assert all(s.profiles in ([], ["metrics"]) for s in compose.services.values())


@pytest.mark.parametrize(("name", "port"), [("web", 8080), ("worker", 9090)])
def test_a_process_is_healthy_when_its_own_door_answers(
    compose: ComposeFile, name: str, port: int
) -> None:
    service = compose.services[name]
    assert service.environment["DUNNING_PORT"] == "8080"
    assert service.environment["DUNNING_METRICS_PORT"] == "9090"
    *program, code = TypeAdapter(list[str]).validate_python(service.healthcheck["test"])
    assert program == ["CMD", "python", "-c"]
    compile(code, name, "exec")
    assert f'"http://127.0.0.1:{port}/healthz"' in code


def test_numbers_are_asked_where_they_are_served(compose: ComposeFile) -> None:
    asked = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in asked["scrape_configs"]}
    for name in ("web", "worker"):
        (found,) = jobs[name]["dns_sd_configs"]
        port = compose.services[name].environment["DUNNING_METRICS_PORT"]
        assert found == {"names": [name], "type": "A", "port": int(port)}
    endpoint = compose.services["temporal"].environment["PROMETHEUS_ENDPOINT"]
    assert jobs["temporal"]["static_configs"] == [{"targets": [f"temporal:{endpoint[-4:]}"]}]
    mounts = {volume.split(":")[1] for volume in compose.services["prometheus"].volumes}
    assert mounts == {"/etc/prometheus", "/prometheus"}


def test_the_dashboard_draws_what_is_counted(compose: ComposeFile) -> None:
    folder = ROOT / "deploy" / "grafana"
    sources = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text())
    (source,) = sources["datasources"]
    assert source["url"] == "http://prometheus:9090"
    boards = yaml.safe_load((folder / "provisioning/dashboards/dunning.yml").read_text())
    (provider,) = boards["providers"]
    mounts = {v.split(":")[1]: v.split(":")[0] for v in compose.services["grafana"].volumes}
    assert mounts == {
        "/etc/grafana/provisioning": "./deploy/grafana/provisioning",
        provider["options"]["path"]: "./deploy/grafana/dashboards",
    }
    environment = compose.services["grafana"].environment
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    board = json.loads((folder / "dashboards" / Path(home).name).read_text("utf-8"))
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert {target["datasource"]["uid"] for target in targets} == {source["uid"]}
    drawn = set(re.findall(r"dunning_\w+", " ".join(target["expr"] for target in targets)))
    assert (dispatcher.__name__, door.__name__) == ("webhook.dispatcher", "webhook.door")
    counted = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("dunning_")}
    assert drawn <= {f"{name}_total" for name in counted}


def test_every_dependency_exists_and_can_be_met(compose: ComposeFile) -> None:
    for service in compose.services.values():
        for target, dependency in service.depends_on.items():
            needed = compose.services[target]
            if dependency.condition == "service_healthy":
                assert needed.healthcheck
            else:
                assert dependency.condition == "service_completed_successfully"
                assert needed.restart == "on-failure:5"


def test_every_mount_exists(compose: ComposeFile) -> None:
    sources = {
        volume.split(":")[0] for service in compose.services.values() for volume in service.volumes
    }
    assert {source for source in sources if not source.startswith(".")} == set(compose.volumes)
    for source in sources - set(compose.volumes):
        assert (ROOT / source).is_dir()


def test_no_secret_is_written_down(compose: ComposeFile) -> None:
    written = {
        name: value
        for service in compose.services.values()
        for name, value in service.environment.items()
        if SECRET.search(name) or "@" in value
    }
    assert written
    assert all("${POSTGRES_PASSWORD:?" in value for value in written.values())


def test_the_settings_of_dunning_are_documented(compose: ComposeFile) -> None:
    example = ROOT / ".env.example"
    used = {
        name
        for service in compose.services.values()
        for name in service.environment
        if name.startswith("DUNNING_")
    } | set(INTERPOLATED.findall(_text()))
    text = example.read_text("utf-8") if example.exists() else "\n".join(f"{n}=" for n in used)
    documented = set(re.findall(r"^#? ?([A-Z_]+)=", text, re.MULTILINE))
    assert used <= documented


def test_doors_are_opened_on_this_machine_only(compose: ComposeFile) -> None:
    ports = [port for service in compose.services.values() for port in service.ports]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


async def _script(name: str, **environment: str) -> None:
    """Run a script of the deployment twice, as a second `docker compose up` would."""
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    for _run in range(2):
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            DEPLOY / name,
            env={"PATH": path, "HOME": "/nonexistent", **environment},
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()


async def test_the_schema_script_sets_up_both_databases(postgres: EmbeddedPostgres) -> None:
    await _script(
        "setup-schema.sh",
        POSTGRES_HOST=postgres.host,
        POSTGRES_PORT=str(postgres.port),
        POSTGRES_USER=postgres.user,
        SQL_PASSWORD=postgres.password,
    )
    tables: list[str] = []
    for database in ("temporal", "temporal_visibility"):
        connection = await asyncpg.connect(postgres.dsn_of(database))
        query = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'executions%' LIMIT 1"
        tables.append(await connection.fetchval(query))
        await connection.close()
    assert tables == ["executions", "executions_visibility"]


async def test_the_namespace_script_makes_the_namespace(temporal: TemporalDevServer) -> None:
    await _script(
        "create-namespace.sh",
        TEMPORAL_ADDRESS=temporal.address,
        TEMPORAL_NAMESPACE="composed",
        TEMPORAL_RETENTION="96h",
    )
    client = await Client.connect(temporal.address)
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="composed")
    )
    assert described.config.workflow_execution_retention_ttl.seconds == 96 * 3600


async def test_the_server_knows_every_key_of_its_dynamic_config() -> None:
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / "temporal-server",
        "validate-dynamic-config",
        DEPLOY / "dynamic-config.yaml",
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert "warning" not in output.decode().lower()
