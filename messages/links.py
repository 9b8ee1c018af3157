"""Which links does a message carry, and whose are they when they come back?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import HMACAlgorithm

from dunning.web_address import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

# 128 bits are beyond guessing online, and a text message has no room for more.
_SIGNATURE_BYTES = 16


class _Short(HMACAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:_SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class _Links:
    """Signed links to one door. The token of one door opens no other.

    `public_url` is where customers reach this service, without a trailing slash.
    """

    secret_key: str
    public_url: str
    door: ClassVar[str]
    salt: ClassVar[str]

    def url(self, link_id: str) -> str:
        """The link to put into a message."""
        return f"{self.public_url}/{self.door}/{self._signer().sign(link_id).decode()}"

    def link_id(self, token: str) -> str | None:
        """Whose link this token is; None unless we signed it for this door."""
        try:
            return self._signer().unsign(token).decode()
        except (BadSignature, UnicodeError):
            return None

    def _signer(self) -> Signer:
        return Signer(self.secret_key, salt=self.salt, algorithm=_Short(hashlib.sha256))


class PayLinks(_Links):
    """Signed links to the page of one invoice; the same for the whole campaign."""

    __slots__ = ()
    door = "p"
    salt = "pay-link"


class PreferenceLinks(_Links):
    """Signed links to what the customer of one invoice receives. They never expire."""

    __slots__ = ()
    door = "u"
    salt = "preferences-link"

    def one_click(self, url: str) -> Mapping[str, str]:
        """Headers for the button of a mail program (RFC 8058); none without https."""
        if not safe(url):
            return {}
        return {
            "List-Unsubscribe": f"<{url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
