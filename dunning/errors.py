"""Which faults can a caller meet, and which of them may be tried again?

DunningError
├── ProviderError               a vendor call did not do what we asked
│   ├── ProviderUnavailableError   certainly not accepted: try again (may carry retry_after)
│   │   └── ProviderMisconfiguredError   nor will it any other message, until a person mends it
│   ├── ProviderRejectedError      certainly not accepted: do not try again as it is
│   └── OutcomeUnknownError        may or may not have been accepted: never send again blindly
├── InboundError                a webhook could not be accepted
│   ├── BadSignatureError          not from the sender it claims to be
│   └── UnreadableBodyError        signed, but not the sender's format
├── PolicyError                 the policy document cannot be used
├── DirectoryError              a directory does not say what it should of an invoice
└── RegistryError               the merchant's data contradicts what is known
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class DunningError(Exception):
    """Root of every fault that this product raises on purpose."""


class ProviderError(DunningError):
    """A vendor call did not do what we asked. Texts are ours and free of personal data."""


class ProviderUnavailableError(ProviderError):
    """The vendor certainly did not take the message; the same request may succeed later."""

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class ProviderMisconfiguredError(ProviderUnavailableError):
    """The vendor refuses us as we are configured: our key, our account or our sender.

    The reason says what to mend. Every other message on the channel would meet the same.
    """


class Rejection(StrEnum):
    """Why a vendor refuses a message for good."""

    BAD_ADDRESS = "bad_address"
    OPTED_OUT = "opted_out"
    NOT_PERMITTED = "not_permitted"
    INVALID = "invalid"


class ProviderRejectedError(ProviderError):
    """The vendor certainly did not take the message and never will as it stands.

    `code` is the vendor's own error code, `rejection` says what it means for us.
    """

    def __init__(self, reason: str, *, rejection: Rejection, code: str) -> None:
        super().__init__(f"{reason} (vendor code {code})")
        self.reason = reason
        self.rejection = rejection
        self.code = code


class OutcomeUnknownError(ProviderError):
    """The request left us, but no answer proves that it was taken or refused."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InboundError(DunningError):
    """A webhook could not be accepted."""


class BadSignatureError(InboundError):
    """The signature does not belong to the raw body under any accepted secret."""


class UnreadableBodyError(InboundError):
    """The body is signed but is not the JSON object that the sender promises."""


class PolicyError(DunningError):
    """The policy document cannot be used; `problems` name each path and its fix."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DirectoryError(DunningError):
    """A directory gives no answer, or one that cannot be used. The reason is in our words.

    `general` means that it concerns every invoice, not only the one that was asked for.
    """

    def __init__(self, reason: str, *, general: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.general = general


class RegistryError(DunningError):
    """What the merchant registers contradicts what is known; `field` says where."""

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
