"""What does Twilio's refusal mean for the message?"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from providers.retry_after import retry_delay

if TYPE_CHECKING:
    from datetime import datetime

    from providers.twilio.wire import VendorRefusalError

# Long enough for an operator to mend a setting, short enough to lose no step.
MENDING = timedelta(minutes=15)

NOT_CONNECTED = "Twilio could not be reached; the text message was not handed over"
LOST = "Twilio did not answer; it may or may not have taken the text message"
UNLISTED = "Twilio's list of messages could not be read; what became of the text is not known"

# https://www.twilio.com/docs/api/errors
_CREDENTIALS = 20003
_TOO_MANY_REQUESTS = 20429
_CONFIGURATION = {
    21212: "Twilio does not accept the sender: check TWILIO_FROM",
    21606: "the sender does not belong to this Twilio account or cannot send texts: check"
    " TWILIO_FROM",
}
_QUEUE_FULL = 21611
_REJECTIONS = {
    21211: (Rejection.BAD_ADDRESS, "Twilio finds the number invalid; correct it in the record"),
    21614: (Rejection.BAD_ADDRESS, "Twilio says that the number cannot receive texts"),
    21610: (Rejection.OPTED_OUT, "the recipient has opted out of texts from this sender"),
    21408: (
        Rejection.NOT_PERMITTED,
        "Twilio may not send to this country; allow it in the account's geographic permissions",
    ),
    21612: (
        Rejection.NOT_PERMITTED,
        "Twilio has no route from this sender to this number; use another sender for the country",
    ),
}
_REFUSED_CREDENTIALS = (
    "Twilio refused the credentials: check TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN or"
    " TWILIO_API_KEY and TWILIO_API_SECRET, and that the account is active"
)
_WRONG_PLACE = (
    "Twilio has no such account at this address: check TWILIO_ACCOUNT_SID and TWILIO_BASE_URL"
)
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: _REFUSED_CREDENTIALS,
    HTTPStatus.FORBIDDEN: _REFUSED_CREDENTIALS,
    HTTPStatus.NOT_FOUND: _WRONG_PLACE,
    HTTPStatus.METHOD_NOT_ALLOWED: _WRONG_PLACE,
}
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def read_refusal(refusal: VendorRefusalError, *, now: datetime) -> ProviderError:
    """The message's outcome. Its texts are ours: the vendor's may hold a number."""
    if not HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknownError(f"{LOST} (HTTP {refusal.status})")
    return _passing(refusal, now) or _rejected(refusal)


def read_list_refusal(refusal: VendorRefusalError, *, now: datetime) -> ProviderUnavailableError:
    """Why the list of messages could not be read; reading it again harms nothing."""
    known = _passing(refusal, now)
    where = f"(HTTP {refusal.status}, vendor code {_code(refusal)})"
    return ProviderUnavailableError(
        f"{UNLISTED} {where}", retry_after=known.retry_after if known else None
    )


def _passing(refusal: VendorRefusalError, now: datetime) -> ProviderUnavailableError | None:
    """What time or an operator mends."""
    where = f"(HTTP {refusal.status}, vendor code {_code(refusal)})"
    if refusal.status in _LATER or refusal.code in {_TOO_MANY_REQUESTS, _QUEUE_FULL}:
        return ProviderUnavailableError(
            f"Twilio asks to send this text message later {where}",
            retry_after=retry_delay(refusal.retry_after, now=now),
        )
    reason = _configuration_fault(refusal)
    if reason is None:
        return None
    return ProviderMisconfiguredError(f"{reason} {where}", retry_after=MENDING)


def _configuration_fault(refusal: VendorRefusalError) -> str | None:
    if refusal.code == _CREDENTIALS:
        return _REFUSED_CREDENTIALS
    if refusal.code in _CONFIGURATION:
        return _CONFIGURATION[refusal.code]
    # A code that speaks of the message says more than the status that carries it.
    if refusal.code in _REJECTIONS or refusal.status not in _BY_STATUS:
        return None
    return _BY_STATUS[HTTPStatus(refusal.status)]


def _rejected(refusal: VendorRefusalError) -> ProviderRejectedError:
    rejection, reason = _REJECTIONS.get(
        refusal.code or 0,
        (Rejection.INVALID, "Twilio refused the text message; look the vendor code up"),
    )
    return ProviderRejectedError(reason, rejection=rejection, code=_code(refusal))


def _code(refusal: VendorRefusalError) -> str:
    return str(refusal.status if refusal.code is None else refusal.code)
