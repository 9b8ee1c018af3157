"""How does a web process run? The doors, the dispatcher behind them, and a sweep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import wiring
from app.settings import Settings
from app.wiring import Door, Stores
from dunning.errors import DunningError
from store.errors import DatabaseDownError
from web.api import app as api
from web.portal import pages
from webhook import door as vendors
from workflows.client import CaseClient


def create_app(settings: Settings, stores: Stores, client: CaseClient, door: Door) -> FastAPI:
    """All doors in one application; its lifespan dispatches and sweeps."""
    application = FastAPI(
        title="Dunning",
        description="Register invoices, look at their cases, and steer them.",
        version="1",
        lifespan=_lifespan(door),
        routes=[
            vendors.route("/webhooks/revtain", door.intake, wiring.SIGNATURE_HEADER),
            Route("/healthz", _healthy),
            Route("/readyz", _ready(stores, client)),
        ],
    )
    operations = wiring.operations(stores, client, arrived=door.intake.arrived)
    api.install(application, operations=operations, keys=stores.keys)
    pages.install(
        application,
        registry=stores.registry,
        links=wiring.links(settings),
        policy=wiring.policy(settings),
    )
    return application


def _lifespan(door: Door) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncGenerator[None]:
        dispatching = asyncio.create_task(door.dispatcher.run())
        sweeping = asyncio.create_task(door.sweep.run())
        yield
        door.dispatcher.stop()
        door.sweep.stop()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(dispatching, sweeping)

    return running


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _ready(stores: Stores, client: CaseClient) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_: Request) -> Response:
        problems: dict[str, str] = {}
        try:
            await stores.database.check()
        except DatabaseDownError as fault:
            problems["database"] = str(fault)
        try:
            await client.check()
        except DunningError as fault:
            problems["temporal"] = str(fault)
        status = 503 if problems else 200
        return JSONResponse({"ready": not problems, "waiting_for": problems}, status_code=status)

    return ready
