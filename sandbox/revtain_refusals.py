"""How does Revtain's stand-in say no?"""

from collections.abc import Mapping

from fastapi import Request
from pydantic import JsonValue, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox.revtain_ledger import Transaction
from sandbox.settings import SandboxSettings

SAME_KEY = "A recovery attempt with this idempotencyKey has already been processed."
SAME_CHARGE = "A recovery attempt for the same card and amount was made within the last 5 minutes."
RATE_LIMITED: dict[str, JsonValue] = {
    "error": "Too many recovery requests. Rate limit: 60 requests per minute per API key.",
    "retryAfter": "60 seconds",
}


def of_key(request: Request, settings: SandboxSettings) -> Response | None:
    """The refusal of a key that is missing or not accepted."""
    key = request.headers.get("x-api-key", "")
    if not key or (settings.revtain_api_keys and key not in settings.revtain_api_keys):
        return JSONResponse({"error": "Missing or invalid API key."}, 401)
    return None


def duplicate(earlier: Transaction, message: str) -> Response:
    body = {
        "error": "Duplicate recovery request.",
        "message": message,
        "existingTransactionId": earlier.id,
        "existingStatus": earlier.status,
    }
    return JSONResponse(body, 409)


def invalid(message: str) -> Response:
    return JSONResponse({"error": "Invalid request.", "message": message}, 400)


def of_form(error: ValidationError) -> Response:
    """The refusal of a body by the first of its mistakes."""
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"]) or "body"
    return invalid(f"{place}: {first['msg']}")


def of_fault(status: int) -> Mapping[str, JsonValue]:
    """The body of a planned fault."""
    return RATE_LIMITED if status == 429 else {"error": "Internal server error."}  # noqa: PLR2004 - the HTTP status
