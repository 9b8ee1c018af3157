"""How does Twilio sign the forms that it posts?"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key of the newer scheme; the account's token signs by the older one."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class TwilioSigner:
    token: str
    shared: SharedKey | None = None

    def forged(self) -> "TwilioSigner":
        """One that follows the same scheme without knowing the secret."""
        wrong = secrets.token_hex(16)
        shared = SharedKey(self.shared.id, wrong) if self.shared else None
        return TwilioSigner(wrong, shared)

    def headers(self, url: str, form: Mapping[str, str]) -> dict[str, str]:
        """Over the address as it is called, and the form sorted by name."""
        signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        if self.shared is None:
            return {SIGNATURE_HEADER: _digest(self.token, signed, "sha1")}
        return {
            SIGNATURE_HEADER: _digest(self.shared.secret, signed, "sha256"),
            SETTINGS_HEADER: f"key={self.shared.id},algorithm=HMAC_SHA256",
        }


def _digest(secret: str, signed: str, algorithm: str) -> str:
    made = hmac.new(secret.encode(), signed.encode(), getattr(hashlib, algorithm))
    return base64.b64encode(made.digest()).decode()
