"""How does the sandbox answer as Revtain's API?"""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import JsonValue, ValidationError
from starlette.responses import JSONResponse, Response

from sandbox import revtain_refusals as refusals
from sandbox.faults import Call, Operation, Vendor
from sandbox.revtain_ledger import ExecuteRequest, Outcome, Transaction
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/revtain/api/recovery")

_READ = Call(Vendor.REVTAIN, Operation.READ)


@router.post("/execute")
async def execute(request: Request, world: World) -> Response:
    raw = await request.body()
    try:
        wanted: ExecuteRequest | ValidationError = ExecuteRequest.model_validate_json(raw)
    except ValidationError as error:
        wanted = error
    recipients = () if isinstance(wanted, ValidationError) else _recipients(wanted)

    async def handle() -> Response:
        return _execute(request, world, wanted)

    await world.log_request(Vendor.REVTAIN, request)
    call = Call(Vendor.REVTAIN, Operation.SEND, recipients)
    return await world.through_faults(call, refusals.of_fault, handle)


@router.get("/status")
async def status_by_key(request: Request, world: World, idempotencyKey: str = "") -> Response:  # noqa: N803 - the vendor's spelling
    async def handle() -> Response:
        return _status(request, world, world.ledger.by_key(idempotencyKey), idempotencyKey)

    return await world.through_faults(_READ, refusals.of_fault, handle)


@router.get("/status/{transaction_id}")
async def status_by_id(transaction_id: str, request: Request, world: World) -> Response:
    async def handle() -> Response:
        return _status(request, world, world.ledger.get(transaction_id), transaction_id)

    return await world.through_faults(_READ, refusals.of_fault, handle)


def _execute(
    request: Request, world: SandboxWorld, wanted: ExecuteRequest | ValidationError
) -> Response:
    now = world.clock.now()
    if refusal := refusals.of_key(request, world.settings):
        return refusal
    if world.ledger.over_limit(request.headers["x-api-key"], now):
        return JSONResponse(refusals.RATE_LIMITED, 429)
    if isinstance(wanted, ValidationError):
        return refusals.of_form(wanted)
    return _refused_attempt(world, wanted, now) or _attempt(world, wanted, now)


def _refused_attempt(world: SandboxWorld, wanted: ExecuteRequest, now: datetime) -> Response | None:
    if not wanted.amount_allowed:
        return refusals.invalid("amount must be from 50 to 100000000")
    key = wanted.idempotencyKey
    if key and (earlier := world.ledger.by_key(key)):
        return refusals.duplicate(earlier, refusals.SAME_KEY)
    if earlier := world.ledger.same_charge(wanted, now):
        return refusals.duplicate(earlier, refusals.SAME_CHARGE)
    return None


def _attempt(world: SandboxWorld, wanted: ExecuteRequest, now: datetime) -> Response:
    transaction = world.ledger.open(wanted, now)
    if not transaction.outcome.is_open:
        world.webhooks.post_later(transaction.event())
    return _answer(transaction)


def _answer(transaction: Transaction) -> Response:
    if transaction.outcome is Outcome.BLOCKED:
        body: dict[str, JsonValue] = {
            "error": "Transaction blocked by Revtain Risk Engine to protect Merchant Health.",
            "declineCode": transaction.decline_code,
            "action": "blocked",
        }
        return JSONResponse(body, 403)
    if transaction.outcome is Outcome.QUEUED:
        message = f"{transaction.decline_code}: queued for a later retry."
        return JSONResponse({"message": message, "transactionId": transaction.id}, 202)
    if transaction.outcome is Outcome.UNKNOWN:
        message = "The gateway's answer was ambiguous. Do not charge again."
        told = {"status": "unknown", "message": message, "transactionId": transaction.id}
        return JSONResponse(told, 202)
    return _final(transaction)


def _final(transaction: Transaction) -> Response:
    recovered = transaction.outcome is Outcome.SUCCESS
    body = {
        "success": recovered,
        "message": "Revenue Recovered" if recovered else "Recovery failed",
        "error": None if recovered else transaction.decline_code,
        "transactionId": transaction.id,
        "strategyUsed": "primary",
        "gatewaysAttempted": 1,
        "recoveryEngineApplied": True,
        "ai": {"score": 72.5, "confidence": 68, "reasoning": "", "dataSource": "blended"},
    }
    return JSONResponse(body)


def _status(
    request: Request, world: SandboxWorld, transaction: Transaction | None, named: str
) -> Response:
    if refusal := refusals.of_key(request, world.settings):
        return refusal
    if transaction is None:
        told = world.ledger.told(named)
        return JSONResponse(told or {"error": "Transaction not found."}, 200 if told else 404)
    recovered = transaction.outcome is Outcome.SUCCESS
    at = transaction.recovered_at
    body: dict[str, JsonValue] = {
        "transactionId": transaction.id,
        "status": transaction.status,
        "recovered": recovered,
        "amount": transaction.request.amount,
        "currency": transaction.request.currency,
        "recoveredAt": at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None,
        "strategyUsed": "primary",
        "attemptCount": 1,
        "lastDeclineCode": transaction.request.originalDeclineCode,
    }
    if not recovered:
        body["recommendedAction"] = transaction.recommended_action
    return JSONResponse(body)


def _recipients(wanted: ExecuteRequest) -> tuple[str, ...]:
    return (wanted.paymentMethodToken, wanted.customerEmail or "")
