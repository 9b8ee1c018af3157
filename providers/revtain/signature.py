"""Did Revtain sign exactly these bytes?"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from dunning.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class RevtainSignature:
    """Checks `X-Revtain-Signature`: hex HMAC-SHA256 of the raw body, under any accepted secret."""

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[str]) -> None:
        # A lone string is a sequence too: each of its letters would become an accepted secret.
        if isinstance(secrets, str):
            raise TypeError("secrets is a sequence of signing secrets, not one string")
        if not secrets:
            raise ValueError("at least one Revtain signing secret is needed")
        for position, secret in enumerate(secrets, start=1):
            if not secret or secret != secret.strip():
                raise ValueError(
                    f"Revtain signing secret {position} of {len(secrets)} is blank or has"
                    " spaces around it; use it exactly as issued, with its whsec_ prefix"
                )
        self._keys = tuple(secret.encode() for secret in secrets)

    def verify(self, body: bytes, signature: str | None) -> None:
        """Raise `BadSignatureError` unless some accepted secret signed exactly these bytes."""
        if signature is None:
            raise BadSignatureError("the X-Revtain-Signature header is missing")
        claimed = signature.lower()
        if not _HEX_DIGEST.fullmatch(claimed):
            raise BadSignatureError("the X-Revtain-Signature header is not 64 hex characters")
        digest = bytes.fromhex(claimed)
        matches = [
            hmac.compare_digest(hmac.digest(key, body, "sha256"), digest) for key in self._keys
        ]
        if not any(matches):
            raise BadSignatureError(
                "the X-Revtain-Signature header does not belong to this body under any accepted"
                " secret; check REVTAIN_WEBHOOK_SECRET and that nothing rewrites the body"
            )
