"""What does the sandbox's small share of Revtain's decline dictionary say?"""

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from sandbox import revtain_refusals as refusals
from sandbox.faults import Call, Operation, Vendor
from sandbox.world import World

router = APIRouter(prefix="/revtain/api/lookup/decline")

_LABELS = {
    "stripe": "Stripe",
    "braintree": "Braintree",
    "adyen": "Adyen",
    "checkout": "Checkout.com",
    "authnet": "Authorize.net",
    "dlocal": "dLocal",
    "worldpay": "WorldPay",
    "razorpay": "Razorpay",
    "paystack": "Paystack",
}
_OPEN = {"Access-Control-Allow-Origin": "*"}


@dataclass(frozen=True, slots=True)
class _Meaning:
    category: str
    plain_english: str
    codes: dict[str, str]
    """Gateway to its own code."""


_MEANINGS = {
    "insufficient_funds": _Meaning(
        "soft",
        "There is not enough money on the account.",
        {"stripe": "insufficient_funds", "braintree": "2010", "checkout": "20051"},
    ),
    "do_not_honor": _Meaning(
        "soft",
        "The bank refuses without giving a reason.",
        {"stripe": "do_not_honor", "braintree": "2000", "checkout": "20005"},
    ),
    "expired_card": _Meaning(
        "hard",
        "The card is past its expiry date.",
        {"stripe": "expired_card", "braintree": "2004", "checkout": "30033"},
    ),
    "fraudulent": _Meaning(
        "fraud",
        "The bank suspects that somebody else uses the card.",
        {"stripe": "fraudulent", "braintree": "2014", "checkout": "20059"},
    ),
    "authentication_required": _Meaning(
        "auth_required",
        "The bank wants the customer to confirm the payment.",
        {"stripe": "authentication_required", "braintree": "2099", "checkout": "20154"},
    ),
}


@router.get("/{gateway}/{code}")
async def decline(gateway: str, code: str, world: World) -> Response:
    """Open to everybody."""

    async def handle() -> Response:
        return _look_up(gateway, code)

    call = Call(Vendor.REVTAIN, Operation.READ)
    return await world.through_faults(call, refusals.of_fault, handle)


def _look_up(gateway: str, code: str) -> Response:
    if gateway not in _LABELS:
        return refusals.invalid("gateway: unknown")
    for canonical, meaning in _MEANINGS.items():
        if meaning.codes.get(gateway) == code:
            return JSONResponse(_entry(gateway, canonical, meaning), headers=_OPEN)
    return JSONResponse({"error": "Decline code not found."}, 404, _OPEN)


def _entry(gateway: str, canonical: str, meaning: _Meaning) -> dict[str, JsonValue]:
    others: list[JsonValue] = [
        {"gateway": each, "code": code} for each, code in meaning.codes.items() if each != gateway
    ]
    return {
        "gateway": gateway,
        "gatewayLabel": _LABELS[gateway],
        "rawCode": meaning.codes[gateway],
        "canonicalCode": canonical,
        "category": meaning.category,
        "plainEnglish": meaning.plain_english,
        "variantsOnOtherGateways": others,
    }
