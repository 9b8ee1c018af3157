"""How does the sandbox answer as SendGrid?"""

import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping

from fastapi import APIRouter, Request
from pydantic import JsonValue, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.faults import Call, Operation, Vendor
from sandbox.inbox import Channel, MessageDraft
from sandbox.sendgrid_body import Address, MailBody, Personalization, parse_mail
from sandbox.settings import SandboxSettings
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/sendgrid")

_NO_KEY = "authorization required"
_BAD_KEY = "The provided authorization grant is invalid, expired, or revoked"
_BAD_SENDER = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this "
    "error is resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/"
    "sender-identity/ to see the Sender Identity requirements"
)
_FAULT_MESSAGES = {429: "too many requests", 503: "service unavailable"}
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@router.post("/v3/mail/send")
async def send_mail(request: Request, world: World) -> Response:
    raw = await request.body()
    call = Call(Vendor.SENDGRID, Operation.SEND, _recipients(raw))

    async def handle() -> Response:
        return await _send(request, world, raw)

    return await _answer(world, call, handle)


@router.get("/v3/scopes")
async def scopes(request: Request, world: World) -> Response:
    """A cheap call by which a client can try its key."""

    async def handle() -> Response:
        refusal = _refused_key(request, world.settings)
        return refusal or JSONResponse({"scopes": ["mail.send"]})

    return await _answer(world, Call(Vendor.SENDGRID, Operation.READ), handle)


async def _answer(
    world: SandboxWorld, call: Call, handle: Callable[[], Awaitable[Response]]
) -> Response:
    """Within the limit, and through the faults."""

    async def answer() -> Response:
        return await world.through_faults(call, _fault_body, handle)

    return await world.mail_rate.within(answer, lambda: JSONResponse(_fault_body(429), 429))


async def _send(request: Request, world: SandboxWorld, raw: bytes) -> Response:
    if refusal := _refused_key(request, world.settings):
        return refusal
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return _error(415, "Content-Type should be application/json.")
    mail = parse_mail(raw)
    if isinstance(mail, list):
        return JSONResponse({"errors": mail}, 400)
    domain = mail.sender.email.rpartition("@")[2].lower()
    if world.settings.sendgrid_sender_domains and (
        domain not in world.settings.sendgrid_sender_domains
    ):
        return _error(403, _BAD_SENDER, "from")
    message_id = secrets.token_urlsafe(16)
    await world.log_request(Vendor.SENDGRID, request)
    if mail.mail_settings.sandbox_mode.enable:
        return Response(status_code=200)
    drafts = _drafts(mail, message_id, _OBJECT.validate_json(raw))
    world.mail_events.accepted([world.take(draft) for draft in drafts])
    return Response(status_code=202, headers={"X-Message-Id": message_id})


def _refused_key(request: Request, settings: SandboxSettings) -> Response | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        return _error(401, _NO_KEY)
    if settings.sendgrid_api_keys and key not in settings.sendgrid_api_keys:
        return _error(401, _BAD_KEY)
    return None


def _drafts(
    mail: MailBody, message_id: str, payload: dict[str, JsonValue]
) -> Iterator[MessageDraft]:
    for personalization in mail.personalizations:
        for address in personalization.recipients():
            yield _draft(mail, personalization, address, message_id, payload)


def _draft(
    mail: MailBody,
    personalization: Personalization,
    address: Address,
    message_id: str,
    payload: dict[str, JsonValue],
) -> MessageDraft:
    """A personalization's own values win over those of the whole mail."""
    sender = personalization.sender or mail.sender
    return MessageDraft(
        channel=Channel.EMAIL,
        vendor_id=message_id,
        to=address.email,
        to_name=address.name,
        sender=sender.email,
        sender_name=sender.name,
        reply_to=mail.reply_to.email if mail.reply_to else "",
        subject=personalization.subject or mail.subject,
        text=mail.part("text/plain"),
        html=mail.part("text/html"),
        categories=tuple(mail.categories),
        custom_args={**mail.custom_args, **personalization.custom_args},
        headers={**mail.headers, **personalization.headers},
        payload=payload,
    )


def _recipients(raw: bytes) -> tuple[str, ...]:
    """Whom the mail is for, as far as it can be read; used to match faults only."""
    try:
        body = json.loads(raw)
        personalizations = TypeAdapter(list[Personalization]).validate_python(
            body["personalizations"]
        )
    except (ValueError, LookupError, TypeError, ValidationError):
        return ()
    return tuple(address.email for each in personalizations for address in each.recipients())


def _fault_body(status: int) -> Mapping[str, JsonValue]:
    message = _FAULT_MESSAGES.get(status, "internal server error")
    return {"errors": [{"message": message, "field": None, "help": None}]}


def _error(status: int, message: str, field: str | None = None) -> Response:
    problem = {"message": message, "field": field, "help": None}
    return JSONResponse({"errors": [problem]}, status)
