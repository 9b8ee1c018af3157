"""How does a web process run? The doors, the dispatcher behind them, and a sweep."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import doors, inbound, promising, senders, wiring
from app.alerting import alerting
from app.background import Background
from app.doors import Door
from app.portal import Portal, portal
from app.settings import Settings
from app.wiring import Stores
from dunning.errors import DunningError
from store.call_budget import CallBudget
from store.errors import DatabaseDownError
from web.api import app as api
from web.api.consents import ConsentDoor
from web.api.customers import CustomerDoor
from web.api.endpoints import EndpointDoor
from web.api.payments import PaymentDoor
from web.api.promises import PromiseDoor
from web.api.recoveries import RecoveryDoor
from web.payment_log import PaymentDesk
from web.portal import pages, preferences
from web.promises import CaseClock
from webhook import door as vendors
from workflows.client import CaseClient


def create_app(
    settings: Settings,
    stores: Stores,
    client: CaseClient,
    door: Door,
    case_clock: CaseClock | None = None,
) -> FastAPI:
    """All doors in one application; its lifespan dispatches and sweeps."""
    operations = wiring.operations(
        stores, client, zone_of=wiring.zones(settings), arrived=door.intake.arrived
    )
    promises = promising.desk(settings, stores, operations, case_clock)
    customers = portal(settings, stores, promises, case_clock)
    application = FastAPI(
        title="Dunning",
        description="Register invoices, look at their cases, and steer them.",
        version="1",
        # A redirect would lead to whatever host and scheme a proxy shows us, and take a key along.
        redirect_slashes=False,
        lifespan=_lifespan(
            door,
            Background({**door.tasks, "alerting": alerting(settings, stores)}),
            customers,
        ),
        routes=[
            vendors.route("/webhooks/revtain", door.intake, doors.SIGNATURE_HEADER),
            *([door.replies.route(inbound.PATH)] if door.replies is not None else []),
            *(reports.route for reports in door.listening.doors),
            Route("/healthz", _healthy),
            Route("/readyz", _ready(stores, client)),
        ],
    )
    api.install(
        application,
        operations=operations,
        keys=stores.keys,
        more=[
            EndpointDoor(endpoints=stores.endpoints, outgoing=stores.outgoing),
            CustomerDoor(wiring.personal_data(stores, arrived=door.intake.arrived)),
            ConsentDoor(wiring.consent_desk(stores, arrived=door.intake.arrived)),
            PromiseDoor(promises),
            RecoveryDoor(door.recoveries.desk),
            PaymentDoor(PaymentDesk(log=door.recoveries.api, limit=CallBudget(stores.database))),
        ],
    )
    pages.install(
        application,
        registry=stores.registry,
        links=wiring.links(settings),
        policy=wiring.policy(settings),
        behind=customers.behind,
    )
    preferences.install(
        application,
        registry=stores.registry,
        wishes=stores.preferences,
        links=wiring.preference_links(settings),
        policy=wiring.policy(settings),
        vendors=senders.channels(settings),
    )
    return application


def _lifespan(
    door: Door, background: Background, customers: Portal
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncGenerator[None]:
        background.start()
        yield
        await background.stop()
        await door.receiver.aclose()
        await door.looked_up.aclose()
        await door.recoveries.aclose()
        await customers.aclose()

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
