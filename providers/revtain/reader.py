"""What does a body that Revtain signed tell us?"""

from __future__ import annotations

import json
from typing import cast

from dunning.errors import UnreadableBodyError
from dunning.inbound import InboundEvent, InboundKind
from providers.revtain.fields import ID_LIMIT, TOKEN_LIMIT, Fields

# Only the success event's field names are documented in full; the others are read under every
# name that Revtain's pages use for the same thing.
_TRANSACTION = ("revtainTransactionId", "revtain_transaction_id", "transactionId", "transaction_id")
_KEY = ("idempotencyKey", "idempotency_key")
_ACTION = ("recommendedAction", "recommended_action")
_DECLINE = ("declineCode", "lastDeclineCode", "originalDeclineCode", "decline_code")
_SIMULATED = ("isSimulated", "is_simulated")
_OLD_TOKEN = (
    "oldPaymentMethodToken",
    "oldToken",
    "previousPaymentMethodToken",
    "previousToken",
    "old_payment_method_token",
    "old_token",
    "previous_payment_method_token",
    "previous_token",
)
_NEW_TOKEN = (
    "newPaymentMethodToken",
    "newToken",
    "new_payment_method_token",
    "new_token",
    "paymentMethodToken",
    "payment_method_token",
)
_KINDS: dict[str, InboundKind] = {kind.value: kind for kind in InboundKind}
# Python refuses to make an integer of more digits than this.
_LONGEST_INTEGER = 4000


class RevtainReader:
    """Reads Revtain's webhook bodies, tolerant of everything but the event's name."""

    __slots__ = ()

    def read(self, body: bytes) -> InboundEvent:
        """Raise `UnreadableBodyError` when the body is not what Revtain promises."""
        values = _object(body)
        name = _name(values)
        kind = _KINDS.get(name)
        fields = Fields(values)
        if kind is None:
            return InboundEvent(name=name, kind=None, transaction_id=fields.text(*_TRANSACTION))
        if kind is InboundKind.CARD_UPDATED:
            return _card(name, kind, fields)
        return _recovery(name, kind, fields)


def _recovery(name: str, kind: InboundKind, fields: Fields) -> InboundEvent:
    transaction_id, key = fields.text(*_TRANSACTION), fields.text(*_KEY)
    # No payment is one of nothing; a failure may name nothing, and nobody acts on it.
    least = 1 if kind is InboundKind.SUCCESS else 0
    amount, currency = fields.amount("amount", least=least), fields.currency("currency")
    simulated = fields.flag(*_SIMULATED)
    action = decline = None
    # A success must not be held up by a field that no one needs to act on it.
    if kind is not InboundKind.SUCCESS:
        action, decline = fields.text(*_ACTION), fields.text(*_DECLINE)
    if transaction_id is None and key is None and not fields.complaints:
        fields.complaints.append("revtainTransactionId is missing")
    return InboundEvent(
        name=name,
        kind=kind,
        transaction_id=transaction_id,
        idempotency_key=key,
        recommended_action=action,
        decline_code=decline,
        amount=amount,
        currency=currency,
        simulated=simulated,
        problem=_problem(name, fields),
    )


def _card(name: str, kind: InboundKind, fields: Fields) -> InboundEvent:
    transaction_id, key = fields.text(*_TRANSACTION), fields.text(*_KEY)
    old_token = fields.text(*_OLD_TOKEN, limit=TOKEN_LIMIT)
    new_token = fields.text(*_NEW_TOKEN, limit=TOKEN_LIMIT)
    simulated = fields.flag(*_SIMULATED)
    if transaction_id is None and key is None and old_token is None and not fields.complaints:
        fields.complaints.append("oldPaymentMethodToken is missing")
    return InboundEvent(
        name=name,
        kind=kind,
        transaction_id=transaction_id,
        idempotency_key=key,
        old_token=old_token,
        new_token=new_token,
        simulated=simulated,
        problem=_problem(name, fields),
    )


def _problem(name: str, fields: Fields) -> str | None:
    if not fields.complaints:
        return None
    return f"{name}: {'; '.join(fields.complaints)}"


def _object(body: bytes) -> dict[str, object]:
    try:
        # Of a key that comes twice the last one counts, as in the sender's own JSON.parse.
        value: object = json.loads(body.decode("utf-8-sig"), parse_int=_integer)
    except UnicodeDecodeError:
        raise UnreadableBodyError("the body is not UTF-8") from None
    except json.JSONDecodeError as fault:
        raise UnreadableBodyError(f"the body is not JSON (character {fault.pos})") from None
    except RecursionError:
        raise UnreadableBodyError("the body is nested too deeply") from None
    if not isinstance(value, dict):
        raise UnreadableBodyError("the body is JSON but not an object")
    return cast("dict[str, object]", value)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _name(values: dict[str, object]) -> str:
    name = values.get("event")
    if not isinstance(name, str) or not name or name.isspace():
        raise UnreadableBodyError("the field event is missing, blank or not a string")
    if len(name) > ID_LIMIT or not name.isprintable():
        raise UnreadableBodyError(
            f"the field event must be at most {ID_LIMIT} printable characters"
        )
    return name
