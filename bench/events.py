"""What does the benchmark send? Signed events, each of another payment, the same for both sides."""

from __future__ import annotations

import hashlib
import hmac
import json

PATH = "/webhooks/revtain"


def invoice_id(number: int) -> str:
    """The invoice of the payment with this number."""
    return f"INV-{number}"


def transaction_id(number: int) -> str:
    """The recovery attempt of that payment, as long as the vendor's own."""
    return f"01BENCH{number:019d}"


def failure(number: int) -> bytes:
    """A failure that asks for a new card."""
    return _body(
        {
            "event": "recovery.failed",
            "revtainTransactionId": transaction_id(number),
            "recommendedAction": "request_card_update",
            "lastDeclineCode": "insufficient_funds",
            "amount": 4900,
            "currency": "USD",
            "isSimulated": False,
        }
    )


def success(number: int) -> bytes:
    """The payment of that invoice."""
    return _body(
        {
            "event": "recovery.success",
            "revtainTransactionId": transaction_id(number),
            "amount": 4900,
            "currency": "USD",
            "isSimulated": False,
        }
    )


def _body(event: dict[str, object]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def signature(body: bytes, secret: str) -> str:
    """What the sender signs its body with."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def request(body: bytes, secret: str) -> bytes:
    """The whole HTTP request, signed, ready to be written to a connection."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Revtain-Signature: {signature(body, secret)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
