"""Which application stands in for all vendors at once?"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox import (
    control_api,
    control_feedback,
    control_revtain,
    fcm,
    page,
    revtain,
    revtain_declines,
    revtain_hosted,
    revtain_pulse,
    sendgrid,
    twilio,
)
from sandbox.settings import SandboxSettings
from sandbox.world import SandboxWorld


def create_app(settings: SandboxSettings, world: SandboxWorld | None = None) -> FastAPI:
    """Serve it under `sandbox.transport.DroppableHttp` for faults that drop connections."""
    held = world or SandboxWorld(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await held.close()

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.state.world = held
    vendors = (sendgrid, twilio, fcm, revtain, revtain_hosted, revtain_pulse, revtain_declines)
    for part in (*vendors, control_api, control_revtain, control_feedback, page):
        app.include_router(part.router)
    return app
