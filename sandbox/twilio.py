"""How does the sandbox answer as Twilio?"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from sandbox.faults import Call, Operation, Vendor
from sandbox.inbox import Channel, MessageDraft
from sandbox.segments import segment_count
from sandbox.settings import SandboxSettings
from sandbox.twilio_rules import refusal_of
from sandbox.twilio_texts import Text, TextFilter, new_sid
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/twilio/2010-04-01/Accounts/{account_sid}")

_MORE_INFO = "https://www.twilio.com/docs/errors/"
_FAULTS = {
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service Unavailable"),
}
_READ = Call(Vendor.TWILIO, Operation.READ)
_MAX_PAGE = 1000


@router.post("/Messages.json")
async def create_message(account_sid: str, request: Request, world: World) -> Response:
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    call = Call(Vendor.TWILIO, Operation.SEND, (form.get("To", ""),))

    async def handle() -> Response:
        if not _authenticated(request, account_sid, world.settings):
            return _error(401, 20003, "Authenticate")
        if refusal := refusal_of(form, world.settings, world.texts):
            return _error(400, refusal.code, refusal.message)
        await world.log_request(Vendor.TWILIO, request)
        return JSONResponse(_take(world, account_sid, form), 201)

    return await _answer(world, call, handle)


@router.get("/Messages.json")
async def list_messages(account_sid: str, request: Request, world: World) -> Response:
    async def handle() -> Response:
        if not _authenticated(request, account_sid, world.settings):
            return _error(401, 20003, "Authenticate")
        try:
            page = _page(world, account_sid, dict(request.query_params))
        except ValueError as error:
            return _error(400, 20001, f"A query parameter is not valid: {error}")
        await world.log_request(Vendor.TWILIO, request)
        return JSONResponse(page)

    return await _answer(world, _READ, handle)


@router.get("/Messages/{sid}.json")
async def fetch_message(account_sid: str, sid: str, request: Request, world: World) -> Response:
    async def handle() -> Response:
        if not _authenticated(request, account_sid, world.settings):
            return _error(401, 20003, "Authenticate")
        text = world.texts.get(sid)
        if text is None or text.account_sid != account_sid:
            path = request.url.path.removeprefix("/twilio")
            return _error(404, 20404, f"The requested resource {path} was not found")
        await world.log_request(Vendor.TWILIO, request)
        text.advance()
        return JSONResponse(text.resource())

    return await _answer(world, _READ, handle)


async def _answer(
    world: SandboxWorld, call: Call, handle: Callable[[], Awaitable[Response]]
) -> Response:
    """Within the limit, and through the faults."""

    async def answer() -> Response:
        return await world.through_faults(call, _fault_body, handle)

    return await world.text_rate.within(answer, lambda: JSONResponse(_fault_body(429), 429))


def _take(world: SandboxWorld, account_sid: str, form: Mapping[str, str]) -> dict[str, JsonValue]:
    text = Text(
        sid=new_sid("SM"),
        account_sid=account_sid,
        to=form["To"],
        sender=form.get("From"),
        service=form.get("MessagingServiceSid"),
        body=form.get("Body", ""),
        form=form,
        created_at=world.clock.wall(),
        status="accepted" if form.get("MessagingServiceSid") else "queued",
    )
    world.texts.add(text)
    world.take(
        MessageDraft(
            channel=Channel.SMS,
            vendor_id=text.sid,
            to=text.to,
            sender=text.sender or text.service or "",
            text=text.body,
            segments=segment_count(text.body),
            payload=dict(form),
        )
    )
    created = text.resource()
    world.callbacks.accepted(text)
    return created


def _page(world: SandboxWorld, account_sid: str, query: Mapping[str, str]) -> dict[str, JsonValue]:
    """One page of the list; `PageToken` names the message that the page before ended with."""
    wanted = TextFilter(account_sid, query)
    texts = [text for text in world.texts.newest_first() if wanted.accepts(text)]
    size = min(int(query.get("PageSize", "50")), _MAX_PAGE)
    number = int(query.get("Page", "0"))
    token = query.get("PageToken", "").removeprefix("PA")
    start = next((at + 1 for at, text in enumerate(texts) if text.sid == token), number * size)
    shown = texts[start : start + size]
    base = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
    kept = {name: value for name, value in query.items() if name not in {"Page", "PageToken"}}

    def uri(page: int, **more: str) -> str:
        return f"{base}?{urlencode({**kept, 'PageSize': size, 'Page': page, **more})}"

    more_follow = start + size < len(texts)
    return {
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, PageToken=f"PA{shown[-1].sid}") if more_follow else None,
        "previous_page_uri": uri(number - 1) if number else None,
        "uri": uri(number),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + len(shown) - 1 if shown else 0,
        "messages": [text.resource() for text in shown],
    }


def _authenticated(request: Request, account_sid: str, settings: SandboxSettings) -> bool:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    mine = user == account_sid or user.startswith("SK")
    known = settings.twilio_credentials
    accepted = known.get(user) == password if known else bool(password)
    return scheme == "Basic" and mine and accepted


def _error(status: int, code: int, message: str) -> Response:
    return JSONResponse(_error_body(status, code, message), status)


def _error_body(status: int, code: int, message: str) -> dict[str, JsonValue]:
    return {"code": code, "message": message, "more_info": f"{_MORE_INFO}{code}", "status": status}


def _fault_body(status: int) -> Mapping[str, JsonValue]:
    return _error_body(status, *_FAULTS.get(status, (status, "Error")))
