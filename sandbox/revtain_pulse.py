"""How does the sandbox log payments that succeeded without any recovery?"""

import secrets
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox import revtain_refusals as refusals
from sandbox.faults import Call, Operation, Vendor
from sandbox.revtain_ledger import AMOUNTS
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/revtain/api/recovery")


class Pulse(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    amount: int = Field(ge=AMOUNTS.start, lt=AMOUNTS.stop)
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    transactionId: str | None = None  # noqa: N815 - the vendor's spelling


@router.post("/pulse")
async def pulse(request: Request, world: World) -> Response:
    raw = await request.body()

    async def handle() -> Response:
        return _logged(request, raw, world)

    await world.log_request(Vendor.REVTAIN, request)
    call = Call(Vendor.REVTAIN, Operation.PULSE)
    return await world.through_faults(call, refusals.of_fault, handle)


def _logged(request: Request, raw: bytes, world: SandboxWorld) -> Response:
    if refusal := refusals.of_key(request, world.settings):
        return refusal
    try:
        told = Pulse.model_validate_json(raw)
    except ValidationError as error:
        return refusals.of_form(error)
    world.ledger.pulses.append(told.model_dump(exclude_none=True))
    # An id of Revtain's own, as its pages show it, even when one was sent.
    made = str(UUID(bytes=secrets.token_bytes(16), version=4))
    body = {"success": True, "message": "Organic success logged", "transactionId": made}
    return JSONResponse(body)
