"""How do numbers and a sign of life leave a process? Over HTTP, on a port of their own."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def application() -> Starlette:
    """`/metrics` for Prometheus, and `/healthz`, which answers while the process turns."""
    return Starlette(routes=[Route("/metrics", _metrics), Route("/healthz", _healthy)])


async def _metrics(_: Request) -> Response:
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")
