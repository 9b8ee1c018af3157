"""What does a person see who looks at the customers' phones and inboxes?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
)

from sandbox import page_html as html
from sandbox.inbox import Channel, Message, Reply
from sandbox.twilio_replies import NoAddressError
from sandbox.world import SandboxWorld, World

router = APIRouter()

_STYLE = Path(__file__).with_name("page.css")
_FRAME_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'"


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    entries: tuple[Message | Reply, ...]
    """What they got and what they wrote back, in that order."""

    @property
    def latest(self) -> Message | Reply:
        return self.entries[-1]

    @property
    def messages(self) -> list[Message]:
        return [entry for entry in self.entries if isinstance(entry, Message)]

    @property
    def name(self) -> str:
        return next((each.to_name for each in self.messages if each.to_name), "")

    @property
    def channel(self) -> Channel:
        return self.messages[-1].channel if self.messages else Channel.SMS


@router.get("/")
def recipients(world: World) -> HTMLResponse:
    rows = "".join(
        html.recipient_row(
            link=f"/to/{quote(each.address, safe='')}",
            who=(each.name, each.address),
            channel=each.channel,
            count=len(each.messages),
            latest=each.latest,
        )
        for each in reversed(_recipients(world))
    )
    return HTMLResponse(html.overview(rows, world.clock.now()))


@router.get("/to/{address}")
def recipient(address: str, world: World) -> HTMLResponse:
    found = next((each for each in _recipients(world) if each.address == address.lower()), None)
    if found is None:
        raise HTTPException(404, f"Nobody has written to {address} yet.")
    first, *_ = found.entries
    parts = [_part(first)]
    for before, entry in pairwise(found.entries):
        parts += [html.gap(entry.arrived_at - before.arrived_at), _part(entry)]
    if found.channel is Channel.SMS and world.replies.url is not None:
        parts.append(html.reply_form(quote(found.address, safe="")))
    page = html.timeline(found.channel, (found.name, found.address), found.messages, "".join(parts))
    return HTMLResponse(page)


@router.post("/to/{address}/reply")
async def reply(address: str, body: Annotated[str, Form()], world: World) -> RedirectResponse:
    """What a person types on the page of a phone."""
    try:
        await world.replies.reply(address, body)
    except NoAddressError as error:
        raise HTTPException(409, str(error)) from error
    return RedirectResponse(f"/to/{quote(address, safe='')}#end", 303)


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


def _part(message: Message | Reply) -> str:
    if isinstance(message, Reply):
        return html.answer(message)
    match message.channel:
        case Channel.EMAIL:
            return html.email(message)
        case Channel.SMS:
            return html.bubble(message)
        case Channel.PUSH:
            return html.banner(message)


def _recipients(world: SandboxWorld) -> list[Recipient]:
    """Whoever got or wrote something last comes last."""
    by_address: dict[str, list[Message | Reply]] = {}
    for entry in world.inbox.entries():
        address = (entry.sender if isinstance(entry, Reply) else entry.to).lower()
        by_address[address] = [*by_address.pop(address, []), entry]
    return [Recipient(address, tuple(entries)) for address, entries in by_address.items()]


def _message(world: SandboxWorld, number: int) -> Message:
    message = world.inbox.get(number)
    if message is None:
        raise HTTPException(404, f"There is no message {number}.")
    return message
