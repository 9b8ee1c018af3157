"""With which key does SendGrid sign its events, and how does a merchant check them?"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"


@dataclass(frozen=True, slots=True)
class EventKey:
    """A key on the curve P-256."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, pem: str | None) -> Self:
        """The given private key, or a new one."""
        if pem is None:
            return cls(ec.generate_private_key(ec.SECP256R1()))
        private = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("The key that signs SendGrid's events must be one on the curve P-256.")
        return cls(private)

    @property
    def public(self) -> str:
        """As the vendor shows it: SubjectPublicKeyInfo in base64, on one line."""
        shown = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(shown).decode()

    def headers(self, body: bytes, timestamp: int) -> Mapping[str, str]:
        signed = self.private.sign(f"{timestamp}".encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            SIGNATURE_HEADER: base64.b64encode(signed).decode(),
            TIMESTAMP_HEADER: f"{timestamp}",
        }
