"""Which application stands in for all vendors at once?"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox import control_api, control_feedback, fcm, page, revtain, sendgrid, twilio
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
    for part in (sendgrid, twilio, fcm, revtain, control_api, control_feedback, page):
        app.include_router(part.router)
    return app
