"""Which link does a message carry, and whose link is it when it comes back?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import HMACAlgorithm

# 128 bits are beyond guessing online, and a text message has no room for more.
_SIGNATURE_BYTES = 16


class _Short(HMACAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:_SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class PayLinks:
    """Signed links to the page of one invoice; the same for the whole campaign.

    `public_url` is where customers reach this service, without a trailing slash.
    """

    secret_key: str
    public_url: str

    def url(self, link_id: str) -> str:
        """The link to put into a message."""
        return f"{self.public_url}/p/{self._signer().sign(link_id).decode()}"

    def link_id(self, token: str) -> str | None:
        """Whose link this token is; None unless we signed it."""
        try:
            return self._signer().unsign(token).decode()
        except (BadSignature, UnicodeError):
            return None

    def _signer(self) -> Signer:
        algorithm = _Short(hashlib.sha256)
        return Signer(self.secret_key, salt="pay-link", algorithm=algorithm)
