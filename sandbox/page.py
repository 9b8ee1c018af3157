"""What does a person see who looks at the customers' phones and inboxes?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse

from sandbox import page_html as html
from sandbox.inbox import Channel, Message
from sandbox.world import SandboxWorld, World

router = APIRouter()

_STYLE = Path(__file__).with_name("page.css")
_FRAME_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'"


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    messages: tuple[Message, ...]

    @property
    def latest(self) -> Message:
        return self.messages[-1]

    @property
    def name(self) -> str:
        return next((each.to_name for each in self.messages if each.to_name), "")


@router.get("/")
def recipients(world: World) -> HTMLResponse:
    listed = sorted(_recipients(world), key=lambda each: each.latest.number, reverse=True)
    rows = "".join(
        html.recipient_row(
            link=f"/to/{quote(each.address, safe='')}",
            name=each.name,
            count=len(each.messages),
            latest=each.latest,
        )
        for each in listed
    )
    return HTMLResponse(html.overview(rows, world.clock.now()))


@router.get("/to/{address}")
def recipient(address: str, world: World) -> HTMLResponse:
    found = next((each for each in _recipients(world) if each.address == address.lower()), None)
    if found is None:
        raise HTTPException(404, f"Nobody has written to {address} yet.")
    first, *_ = found.messages
    parts = [_part(first)]
    for before, message in pairwise(found.messages):
        parts += [html.gap(message.arrived_at - before.arrived_at), _part(message)]
    page = html.timeline(found.latest, found.name, len(found.messages), "".join(parts))
    return HTMLResponse(page)


@router.get("/messages/{number}/text")
def plain_text(number: int, world: World) -> PlainTextResponse:
    return PlainTextResponse(_message(world, number).text)


@router.get("/messages/{number}/html")
def rich_text(number: int, world: World) -> HTMLResponse:
    message = _message(world, number)
    return HTMLResponse(
        html.opening_links_outside(message.html),
        headers={"Content-Security-Policy": _FRAME_POLICY},
    )


@router.get("/page.css")
def style() -> FileResponse:
    return FileResponse(_STYLE, media_type="text/css")


def _part(message: Message) -> str:
    match message.channel:
        case Channel.EMAIL:
            return html.email(message)
        case Channel.SMS:
            return html.bubble(message)
        case Channel.PUSH:
            return html.banner(message)


def _recipients(world: SandboxWorld) -> list[Recipient]:
    by_address: dict[str, list[Message]] = {}
    for message in world.inbox:
        by_address.setdefault(message.to.lower(), []).append(message)
    return [Recipient(address, tuple(messages)) for address, messages in by_address.items()]


def _message(world: SandboxWorld, number: int) -> Message:
    message = world.inbox.get(number)
    if message is None:
        raise HTTPException(404, f"There is no message {number}.")
    return message
