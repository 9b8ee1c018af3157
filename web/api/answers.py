"""Which exception becomes which answer? Only under /v1; other doors speak for themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dunning.errors import DunningError
from web.api.problems import MEDIA_TYPE, Fault, FaultError, Kind, of_error, of_validation
from web.api.route import LARGEST_BODY

PREFIX = "/v1"

_log = structlog.get_logger(__name__)
_DETAILS = {
    Kind.INVALID: "The body cannot be read. Send one JSON object in UTF-8.",
    Kind.NOT_FOUND: "There is nothing at this address. See the interface's description.",
    Kind.NO_SUCH_METHOD: "Use a method that the Allow header names.",
    Kind.TOO_LARGE: f"The body is larger than {LARGEST_BODY} bytes.",
    Kind.BROKEN: "The call failed by a fault of this service, which was logged.",
}
_UNREADABLE = 400
_KINDS = {kind.status: kind for kind in _DETAILS} | {_UNREADABLE: Kind.INVALID}


def install(application: FastAPI) -> None:
    """Answer with problem documents under /v1."""
    handlers: list[tuple[type[Exception], Callable[[Request, Any], Awaitable[Response]]]] = [
        (FaultError, _on_fault),
        (DunningError, _on_our_error),
        (RequestValidationError, _on_invalid),
        (HTTPException, _on_http),
        (Exception, _on_bug),
    ]
    for kind, handler in handlers:
        application.add_exception_handler(kind, handler)


def answer(fault: Fault) -> Response:
    """A problem document."""
    content = fault.document.model_dump(exclude_none=True)
    return JSONResponse(
        content,
        status_code=fault.kind.status,
        headers=dict(fault.headers),
        media_type=MEDIA_TYPE,
    )


async def _on_fault(_: Request, error: FaultError) -> Response:
    return answer(error.fault)


async def _on_our_error(request: Request, error: DunningError) -> Response:
    fault = of_error(error) if _ours(request) else None
    if fault is None:
        raise error
    return answer(fault)


async def _on_invalid(_: Request, error: RequestValidationError) -> Response:
    return answer(of_validation(error.errors()))


async def _on_http(request: Request, error: HTTPException) -> Response:
    kind = _KINDS.get(error.status_code)
    if kind is None or not _ours(request):
        return await http_exception_handler(request, error)
    return answer(Fault(kind=kind, detail=_DETAILS[kind], headers=error.headers or {}))


async def _on_bug(request: Request, error: Exception) -> Response:
    _log.error("request_failed", method=request.method, error=type(error).__name__)
    if not _ours(request):
        return PlainTextResponse("Internal Server Error", status_code=Kind.BROKEN.status)
    return answer(Fault(kind=Kind.BROKEN, detail=_DETAILS[Kind.BROKEN]))


def _ours(request: Request) -> bool:
    return request.url.path == PREFIX or request.url.path.startswith(f"{PREFIX}/")
