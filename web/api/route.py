"""What happens on every call before its own endpoint? The key is checked and the body measured."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from web.api.access import KeyRing
from web.api.problems import Kind

LARGEST_BODY = 256 * 1024

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(keys: KeyRing) -> type[APIRoute]:
    """A class of routes that only holders of a key get through, with bodies of bounded size."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> _Handler:
            handle = super().get_route_handler()

            async def guard(request: Request) -> Response:
                request.state.caller = await keys.holder(request.headers.get("authorization"))
                _refuse_announced(request)
                measured = Request(request.scope, _measuring(request.receive))
                return await handle(measured)

            return guard

    return Guarded


def _refuse_announced(request: Request) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise HTTPException(Kind.TOO_LARGE.status)


def _measuring(receive: Receive) -> Receive:
    size = 0

    async def measured() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(Kind.TOO_LARGE.status)
        return message

    return measured
