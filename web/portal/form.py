"""What does a form say that a browser or a mail program sends?"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

_MOST_FIELDS = 10
# A thousand characters of any script, each percent-encoded, and room for the rest.
_LARGEST_FIELD = 16 * 1024
_LARGEST_BODY = 32 * 1024


async def fields(request: Request) -> Mapping[str, str]:
    """Its fields, in either encoding; none when it cannot be read or is too large."""
    try:
        body = await _body(request)
        if body is None:
            return {}
        form = await _replayed(request, body).form(
            max_files=0, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD
        )
    except (ClientDisconnect, HTTPException, UnicodeError):
        return {}
    return {name: _writable(value) for name, value in form.items() if isinstance(value, str)}


async def _body(request: Request) -> bytes | None:
    """All of it, read no further than it may be long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            return None
    return bytes(body)


def _writable(value: str) -> str:
    """Without halves of letters, which no page can show; some encodings let them in."""
    return value.encode("utf-8", "replace").decode()


def _replayed(request: Request, body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
