"""How does the sandbox answer as Firebase Cloud Messaging, and as Google's token service?"""

import secrets
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.faults import Call, Operation, Vendor
from sandbox.inbox import Channel, MessageDraft
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/fcm")

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S = 3599
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_CODES = {429: "QUOTA_EXCEEDED", 500: "INTERNAL", 503: "UNAVAILABLE"}
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Notification(_Part):
    title: str = ""
    body: str = ""
    image: str = ""


class _Android(_Part):
    ttl: Annotated[str, Field(pattern=r"^\d+(\.\d{1,9})?s$")] = "0s"
    priority: str = "normal"
    collapse_key: str = ""


class _Apns(_Part):
    headers: dict[str, str] = Field(default_factory=dict)
    payload: dict[str, JsonValue] = Field(default_factory=dict)


class _WebOptions(_Part):
    link: Annotated[str, Field(pattern=r"^https://")] = "https://"


class _Webpush(_Part):
    headers: dict[str, str] = Field(default_factory=dict)
    fcm_options: _WebOptions | None = None


class PushBody(_Part):
    """What one device is sent; a topic or a condition is not understood here."""

    token: Annotated[str, Field(min_length=1)]
    notification: _Notification = _Notification()
    data: dict[str, str] = Field(default_factory=dict)
    android: _Android | None = None
    apns: _Apns | None = None
    webpush: _Webpush | None = None


class _Request(_Part):
    message: PushBody
    validate_only: bool = False


@router.post("/token")
async def access_token(request: Request, world: World) -> Response:
    """Also the audience of the claim, as a service account's file names it."""
    form = parse_qs((await request.body()).decode("latin-1"))

    async def handle() -> Response:
        assertion = form.get("assertion", [""])[0]
        if form.get("grant_type") != [_GRANT]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        url = str(request.url)
        bought = world.devices.buy(assertion, url=url, keys=world.settings.fcm_keys)
        if bought is None:
            return JSONResponse(
                {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400
            )
        answer = {"access_token": bought, "expires_in": _LIFE_S, "token_type": "Bearer"}
        return JSONResponse(answer)

    return await world.through_faults(Call(Vendor.FCM, Operation.READ), _fault_body, handle)


@router.post("/v1/projects/{project}/messages:send")
async def send(project: str, request: Request, world: World) -> Response:
    raw = await request.body()
    call = Call(Vendor.FCM, Operation.SEND, _recipients(raw))

    async def handle() -> Response:
        return await _send(project, request, world, raw)

    return await world.through_faults(call, _fault_body, handle)


async def _send(project: str, request: Request, world: SandboxWorld, raw: bytes) -> Response:
    scheme, _, access = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not world.devices.is_live(access):
        return _error(401, "Request had invalid authentication credentials.")
    try:
        asked = _Request.model_validate_json(raw)
    except ValidationError as fault:
        return _invalid([".".join(map(str, each["loc"])) for each in fault.errors()])
    refusal = _refused_device(world, asked.message.token)
    if refusal is not None:
        return refusal
    name = f"projects/{project}/messages/{secrets.token_hex(8)}"
    if not asked.validate_only:
        await world.log_request(Vendor.FCM, request)
        world.take(_draft(asked.message, name, project, _OBJECT.validate_json(raw)))
    return JSONResponse({"name": name})


def _refused_device(world: SandboxWorld, token: str) -> Response | None:
    if token in world.devices.malformed:
        words = "The registration token is not a valid FCM registration token"
        return _error(400, words, "INVALID_ARGUMENT")
    if token in world.devices.foreign:
        return _error(403, "SenderId mismatch", "SENDER_ID_MISMATCH")
    if world.devices.is_gone(token):
        return _error(404, "Requested entity was not found.", "UNREGISTERED")
    return None


def _draft(body: PushBody, name: str, project: str, payload: dict[str, JsonValue]) -> MessageDraft:
    return MessageDraft(
        channel=Channel.PUSH,
        vendor_id=name,
        to=body.token,
        sender=project,
        subject=body.notification.title,
        text=body.notification.body,
        custom_args=body.data,
        payload=payload,
    )


def _recipients(raw: bytes) -> tuple[str, ...]:
    """Whom it is for, as far as it can be read; used to match faults only."""
    try:
        return (_Request.model_validate_json(raw).message.token,)
    except ValidationError:
        return ()


def _invalid(fields: list[str]) -> Response:
    violations: list[JsonValue] = [
        {"field": name, "description": "Invalid value"} for name in fields
    ]
    return _error(
        400,
        "Request contains an invalid argument.",
        "INVALID_ARGUMENT",
        [{"@type": _BAD_REQUEST, "fieldViolations": violations}],
    )


def _fault_body(status: int) -> Mapping[str, JsonValue]:
    return _body(status, "The vendor is out of order.", _CODES.get(status), [])


def _error(
    status: int, message: str, code: str | None = None, more: list[JsonValue] | None = None
) -> Response:
    return JSONResponse(_body(status, message, code, more or []), status)


def _body(
    status: int, message: str, code: str | None, more: list[JsonValue]
) -> dict[str, JsonValue]:
    own: list[JsonValue] = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
    return {
        "error": {
            "code": status,
            "message": message,
            "status": _STATUSES.get(status, "UNKNOWN"),
            "details": [*own, *more],
        }
    }
