"""How do the roles run, alone or together, and what do they wait for?"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import structlog
import uvicorn
from temporalio.client import Client

from app import charging, deployment, directories, doors, metrics, policy_check, temporal, wiring
from app.settings import Settings, required
from app.web import create_app
from app.wiring import Stores
from app.worker import workers
from dunning.errors import DunningError
from store import migrations
from store.errors import DatabaseDownError, SchemaError
from web.promises import CaseClock
from workflows.client import CaseClient
from workflows.errors import TemporalDownError

_log = structlog.get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
T = TypeVar("T")


class WebServer(uvicorn.Server):
    """A web server inside a program of several parts: signals are the program's affair."""

    port_setting = "DUNNING_PORT"

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn would end the whole process when it cannot listen."""
        try:
            await super().startup(sockets)
        except SystemExit as ended:
            raise DunningError(
                f"The web server cannot listen on {self.config.host}:{self.config.port}. "
                f"Stop what listens there, or set {self.port_setting}."
            ) from ended


def stopping_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set, once for a graceful end."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    return stopping


async def until_stopped(
    serve: Callable[[asyncio.Event, asyncio.Event], Coroutine[None, None, None]],
) -> None:
    """Run `serve(up, stopping)`, which sets `up` once it serves, until it ends on `stopping`.

    A signal before it serves ends the start, whatever that waits for.
    """
    up, stopping = asyncio.Event(), stopping_on_signals()
    serving = asyncio.create_task(serve(up, stopping))
    events = [asyncio.create_task(event.wait()) for event in (up, stopping)]
    await asyncio.wait([serving, *events], return_when=asyncio.FIRST_COMPLETED)
    if not up.is_set():
        serving.cancel()
    for event in events:
        event.cancel()
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


async def wait_for(
    what: str, attempt: Callable[[], Awaitable[T]], *faults: type[DunningError]
) -> T:
    """Try until it succeeds, saying what is waited for."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await attempt()
        except faults as fault:
            _log.warning("waiting", waiting_for=what, reason=str(fault), seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def require_schema(settings: Settings) -> None:
    """Wait for the database; SchemaError unless its tables are those of this version."""
    url = required(settings.database_url, "DUNNING_DATABASE_URL").get_secret_value()
    pending = await wait_for(
        "PostgreSQL", lambda: asyncio.to_thread(migrations.pending, url), DatabaseDownError
    )
    if pending:
        raise SchemaError("The database tables are not up to date. Run `dunning db upgrade`.")


@asynccontextmanager
async def web(
    settings: Settings,
    stores: Stores,
    client: Client,
    *,
    port: int | None = None,
    case_clock: CaseClock | None = None,
) -> AsyncGenerator[str]:
    """Serve the doors and dispatch events until left; the base URL."""
    cases = CaseClient(client)
    door = doors.door(settings, stores, cases)
    application = create_app(settings, stores, cases, door, case_clock)
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port if port is None else port,
        log_level="warning",
        access_log=False,
        # Longer than usual proxies keep theirs, so that they and not we close idle connections.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=20,
    )
    async with _served(WebServer(config)) as url:
        yield url


@asynccontextmanager
async def numbers(settings: Settings) -> AsyncGenerator[str | None]:
    """Serve `/metrics` and `/healthz` on their own port, if there is one; the base URL."""
    if settings.metrics_port is None:
        yield None
        return
    config = uvicorn.Config(
        metrics.application(),
        host=settings.host,
        port=settings.metrics_port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    async with _served(_NumbersServer(config)) as url:
        _log.info("metrics", url=f"{url}/metrics")
        yield url


class _NumbersServer(WebServer):
    port_setting = "DUNNING_METRICS_PORT"


@asynccontextmanager
async def _served(server: WebServer) -> AsyncGenerator[str]:
    serving = asyncio.create_task(server.serve())
    try:
        yield await _address(server, serving)
    finally:
        server.should_exit = True
        await serving


async def _address(server: WebServer, serving: asyncio.Task[None]) -> str:
    while not server.started:
        if serving.done():
            serving.result()
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"http://{host}:{port}"


async def run_web(settings: Settings) -> None:
    """The role `web`: takes events in even while Temporal is away."""
    await until_stopped(lambda up, stopping: _web(settings, up, stopping))


async def _web(settings: Settings, up: asyncio.Event, stopping: asyncio.Event) -> None:
    await asyncio.to_thread(policy_check.warn, wiring.policy(settings), settings)
    await require_schema(settings)
    await directories.check(settings)
    stores = wiring.stores(settings)
    client = await temporal.connect(lazy=True)
    async with numbers(settings), web(settings, stores, client) as url:
        _log.info("serving", url=url)
        up.set()
        await stopping.wait()
    await stores.database.aclose()


async def run_worker(settings: Settings, *, build_id: str | None = None) -> None:
    """The role `worker`: runs cases and sends. A build gets work once Temporal sees it poll."""
    await until_stopped(lambda up, stopping: _worker(settings, build_id, up, stopping))


async def _worker(
    settings: Settings, build_id: str | None, up: asyncio.Event, stopping: asyncio.Event
) -> None:
    policy = wiring.policy(settings)
    charging.require_key(settings, policy)
    await asyncio.to_thread(policy_check.warn, policy, settings)
    await require_schema(settings)
    await directories.check(settings)
    stores = wiring.stores(settings)
    client = await wait_for(
        f"Temporal at {temporal.address()}", temporal.connect, TemporalDownError
    )
    async with (
        wiring.desks(settings, stores) as desks,
        workers(client, desks, build_id=build_id, rates=settings.rates),
        numbers(settings),
    ):
        if build_id is not None:
            await deployment.make_current(client, build_id)
        _log.info("working", build_id=build_id)
        up.set()
        await stopping.wait()
    await stores.database.aclose()
