"""Did Twilio sign exactly this form, for exactly this address?"""

# The twilio library carries no type information; its validator stays in this file.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from dunning.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


class TwilioAlgorithm(StrEnum):
    """What Twilio may sign with: the account's token, or a shared key's secret."""

    HMAC_SHA1 = HMAC_SHA1
    HMAC_SHA256 = HMAC_SHA256


class TwilioSignature:
    """Checks `X-Twilio-Signature` over the address and the form, under any accepted secret.

    The header that names an algorithm is not signed: it may only name one that is accepted here.
    """

    __slots__ = ("_algorithms", "_validators")

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        algorithms: Collection[TwilioAlgorithm] = (TwilioAlgorithm.HMAC_SHA1,),
    ) -> None:
        # A lone string is a sequence too: each of its letters would become an accepted secret.
        if isinstance(secrets, str):
            raise TypeError("secrets is a sequence of signing secrets, not one string")
        if not secrets or not all(secrets):
            raise ValueError("at least one Twilio signing secret is needed, and none may be blank")
        if not algorithms:
            raise ValueError("at least one Twilio signing algorithm is needed")
        self._validators = tuple(RequestValidator(secret) for secret in secrets)
        self._algorithms = frozenset(algorithms)

    def verify(
        self,
        url: str,
        form: Mapping[str, str],
        signature: str | None,
        settings_header: str | None,
    ) -> None:
        """Raise `BadSignatureError` unless some accepted secret signed this form for this URL.

        `url` is the address that Twilio was given, from our own settings; never the Host header.
        """
        if not signature:
            raise BadSignatureError(f"the {SIGNATURE_HEADER} header is missing")
        algorithm = _named(settings_header)
        if algorithm not in self._algorithms:
            raise BadSignatureError(
                f"the {SETTINGS_HEADER} header names an algorithm that is not accepted;"
                " set TWILIO_WEBHOOK_ALGORITHM if the account signs with a shared key"
            )
        if not self._signed(url, form, signature, algorithm):
            raise BadSignatureError(
                f"the {SIGNATURE_HEADER} header does not belong to this form and address; check"
                " the signing secret, and that DUNNING_PUBLIC_URL is the address Twilio calls"
            )

    def _signed(self, url: str, form: Mapping[str, str], signature: str, algorithm: str) -> bool:
        return any(
            bool(validator.validate(url, dict(form), signature, algorithm))
            for validator in self._validators
        )


def _named(settings_header: str | None) -> str:
    """The algorithm the header names; without one Twilio signs with the account's token."""
    for part in (settings_header or "").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return TwilioAlgorithm.HMAC_SHA1
