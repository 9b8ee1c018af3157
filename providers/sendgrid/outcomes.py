"""What does SendGrid's answer mean for the message?"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.ports import Accepted
from providers.retry_after import retry_delay
from providers.transit import Answer

if TYPE_CHECKING:
    from datetime import datetime


# Long enough for an operator to mend a setting, short enough to lose no step.
MENDING = timedelta(minutes=15)

NOT_CONNECTED = "SendGrid could not be reached; the email was not handed over"
LOST = "SendGrid did not answer; it may or may not have taken the email"

_MISCONFIGURED = {
    HTTPStatus.UNAUTHORIZED: "SendGrid refused the API key: check that SENDGRID_API_KEY is a live"
    " key and that the account has sending credits",
    HTTPStatus.FORBIDDEN: "SendGrid does not let this key send from this address: give the key the"
    " Mail Send permission and verify the sender identity or domain",
    HTTPStatus.NOT_FOUND: "SendGrid has no mail endpoint at this address: check SENDGRID_BASE_URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "SendGrid takes no mail at this address: check"
    " SENDGRID_BASE_URL",
}
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_RECIPIENT = re.compile(r"personalizations\W+\d+\W+to(\W.*)?", re.ASCII)
_RECIPIENT_NAME = re.compile(r".*\Wname", re.ASCII)
_FIELDS = frozenset(
    {"personalizations", "from", "reply_to", "subject", "content", "headers", "custom_args"}
)


def read_answer(
    answer: Answer, *, fallback_id: str, sandbox_mode: bool, now: datetime
) -> Accepted | ProviderError:
    """The message's outcome. Its texts are ours: the vendor's may hold an address."""
    if answer.status == HTTPStatus.ACCEPTED or (sandbox_mode and answer.status == HTTPStatus.OK):
        return Accepted(provider_id=answer.headers.get("X-Message-Id") or fallback_id)
    if answer.status in _MISCONFIGURED:
        reason = _MISCONFIGURED[HTTPStatus(answer.status)]
        return ProviderMisconfiguredError(f"{reason} (HTTP {answer.status})", retry_after=MENDING)
    if answer.status in _LATER:
        return ProviderUnavailableError(
            f"SendGrid asks to send this email later (HTTP {answer.status})",
            retry_after=retry_delay(
                answer.headers.get("Retry-After"),
                answer.headers.get("X-RateLimit-Reset"),
                now=now,
            ),
        )
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _refusal(answer)
    return OutcomeUnknownError(f"{LOST} (HTTP {answer.status})")


def _refusal(answer: Answer) -> ProviderRejectedError:
    fields = _fields_at_fault(answer.body)
    code = str(answer.status)
    if any(_RECIPIENT.fullmatch(field) and not _RECIPIENT_NAME.match(field) for field in fields):
        return ProviderRejectedError(
            "SendGrid refused the recipient's address; correct it in the customer's record",
            rejection=Rejection.BAD_ADDRESS,
            code=code,
        )
    known = sorted({root for field in fields if (root := re.split(r"\W", field)[0]) in _FIELDS})
    where = f" because of: {', '.join(known)}" if known else ""
    return ProviderRejectedError(
        f"SendGrid refused the email{where}; check the template and the sender's address",
        rejection=Rejection.INVALID,
        code=code,
    )


def _fields_at_fault(body: bytes) -> list[str]:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(document, dict):
        return []
    errors = cast("dict[str, object]", document).get("errors")
    if not isinstance(errors, list):
        return []
    entries = [
        cast("dict[str, object]", entry).get("field")
        for entry in cast("list[object]", errors)
        if isinstance(entry, dict)
    ]
    return [field for field in entries if isinstance(field, str)]
