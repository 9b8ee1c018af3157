"""Where do vendors knock? The HTTP side of the intake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from store.errors import DatabaseDownError
from webhook.body import raw_body
from webhook.intake import LARGEST_BODY, Answer, Intake

_log = structlog.get_logger(__name__)
_ANSWERS = Counter(
    "dunning_webhook_answers_total", "Deliveries by sender and answer", ["source", "answer"]
)


def route(path: str, intake: Intake, signature_header: str) -> Route:
    """The route of one sender."""
    return Route(path, _endpoint(intake, signature_header), methods=["POST"])


def _endpoint(intake: Intake, signature_header: str) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        try:
            body = await raw_body(request, LARGEST_BODY)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _answer(intake, Answer.TOO_LARGE)
        try:
            answer = await intake.accept(body, request.headers.get(signature_header))
        except DatabaseDownError as fault:
            _log.error("event_not_stored", source=intake.source, reason=str(fault))
            _ANSWERS.labels(intake.source, "unavailable").inc()
            problem = {"error": "The event could not be stored. Deliver it again."}
            return JSONResponse(problem, status_code=503, headers={"Retry-After": "5"})
        if answer is Answer.UNREADABLE:
            _log.error("event_unreadable", source=intake.source)
        return _answer(intake, answer)

    return receive


def _answer(intake: Intake, answer: Answer) -> Response:
    _ANSWERS.labels(intake.source, answer.name.lower()).inc()
    status, content = answer.value
    return JSONResponse(content, status_code=status)
