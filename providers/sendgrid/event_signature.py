"""Did SendGrid sign exactly these events, just now?"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from dunning.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
# Either way, since clocks differ. Each repetition by the vendor is signed anew.
OLDEST = timedelta(minutes=10)
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)


class SendGridEventSignature:
    """Checks ECDSA with SHA-256 over timestamp and raw body, under any accepted public key.

    Keys are as the vendor shows them: SubjectPublicKeyInfo in base64. `now` is aware.
    """

    __slots__ = ("_keys", "_now")

    def __init__(self, public_keys: Sequence[str], *, now: Callable[[], datetime]) -> None:
        # A lone string is a sequence too, of keys of one letter.
        if isinstance(public_keys, str):
            raise TypeError("public_keys is a sequence of public keys, not one string")
        if not public_keys:
            raise ValueError("at least one public key of SendGrid's event webhook is needed")
        self._keys = tuple(_key(public_key) for public_key in public_keys)
        self._now = now

    def verify(self, body: bytes, signature: str | None, timestamp: str | None) -> None:
        """Raise `BadSignatureError` unless these bytes were signed within ten minutes of now."""
        if signature is None or timestamp is None:
            raise BadSignatureError(
                f"the {SIGNATURE_HEADER} or {TIMESTAMP_HEADER} header is missing; switch on"
                " Signed Event Webhook in SendGrid's mail settings"
            )
        signed_at, claimed = _instant(timestamp), _decoded(signature)
        signed = timestamp.encode() + body
        if not any(_signed(key, claimed, signed) for key in self._keys):
            raise BadSignatureError(
                f"the {SIGNATURE_HEADER} header does not belong to this body; check"
                " SENDGRID_WEBHOOK_PUBLIC_KEY and that nothing rewrites the body"
            )
        if abs(self._now() - signed_at) > OLDEST:
            raise BadSignatureError(
                "the events were signed more than ten minutes from now; check the clock of this"
                " machine"
            )


def _key(public_key: str) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    match key:
        case EllipticCurvePublicKey():
            return key
        case _:
            raise ValueError(
                "is not a public key of SendGrid's event webhook; copy the Verification Key as it"
                " is shown in the mail settings, on one line"
            )


def _instant(timestamp: str) -> datetime:
    if not _SECONDS.fullmatch(timestamp):
        raise BadSignatureError(f"the {TIMESTAMP_HEADER} header is not a count of seconds")
    return datetime.fromtimestamp(int(timestamp), UTC)


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise BadSignatureError(f"the {SIGNATURE_HEADER} header is not base64") from None


def _signed(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
