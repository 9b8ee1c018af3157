"""What does the answer of Firebase Cloud Messaging mean for the notification?"""

from __future__ import annotations

import json
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
    from collections.abc import Iterator
    from datetime import datetime


# Long enough for an operator to mend a setting, short enough to lose no step.
MENDING = timedelta(minutes=15)

NOT_CONNECTED = "Firebase could not be reached; the notification was not handed over"
LOST = "Firebase did not answer; it may or may not have taken the notification"
REFUSED_ACCOUNT = (
    "Google refused the service account: check that the key in FCM_SERVICE_ACCOUNT_FILE is live"
)

# https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
_UNREGISTERED = "UNREGISTERED"
_INVALID = "INVALID_ARGUMENT"
_QUOTA = "QUOTA_EXCEEDED"
_CONFIGURATION = {
    "SENDER_ID_MISMATCH": "the token belongs to another Firebase project: check FCM_PROJECT_ID and"
    " that the app registers with this project",
    "THIRD_PARTY_AUTH_ERROR": "Firebase was refused by Apple or the web push service: check the"
    " APNs key or the web push certificate in the Firebase console",
}
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: REFUSED_ACCOUNT,
    HTTPStatus.FORBIDDEN: "the service account may not send: give it the role Firebase Cloud"
    " Messaging API Admin, and enable the API in the project",
    HTTPStatus.NOT_FOUND: "there is no such Firebase project at this address: check FCM_PROJECT_ID"
    " and FCM_BASE_URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "there is no Firebase at this address: check FCM_BASE_URL",
}
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_TOKEN_FIELD = "message.token"  # noqa: S105 - the name of a field
_BAD_TOKEN_WORDS = "registration token"  # noqa: S105 - words of the vendor


def read_answer(answer: Answer, *, now: datetime) -> Accepted | ProviderError:
    """The notification's outcome. Its texts are ours: the vendor's may hold a token."""
    if answer.status == HTTPStatus.OK:
        name = _object(answer.body).get("name")
        if isinstance(name, str) and name:
            return Accepted(provider_id=name)
        return OutcomeUnknownError(f"{LOST} (an answer without a name)")
    if not HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknownError(f"{LOST} (HTTP {answer.status})")
    return _passing(answer, now) or _rejected(answer)


def _passing(answer: Answer, now: datetime) -> ProviderUnavailableError | None:
    """What time or an operator mends."""
    code = _vendor_code(answer.body)
    where = f"(HTTP {answer.status}, vendor code {code or 'none'})"
    if answer.status in _LATER or code == _QUOTA:
        return ProviderUnavailableError(
            f"Firebase asks to send this notification later {where}",
            retry_after=retry_delay(answer.headers.get("Retry-After"), now=now),
        )
    reason = _CONFIGURATION.get(code or "")
    if reason is not None:
        # It holds for one app or one kind of device: the others get their notifications.
        return ProviderUnavailableError(f"{reason} {where}", retry_after=MENDING)
    # A 404 that does not name the token says that the address is wrong, and no token is dead.
    if code != _UNREGISTERED and answer.status in _BY_STATUS:
        reason = _BY_STATUS[HTTPStatus(answer.status)]
        return ProviderMisconfiguredError(f"{reason} {where}", retry_after=MENDING)
    return None


def _rejected(answer: Answer) -> ProviderRejectedError:
    code = _vendor_code(answer.body)
    if code == _UNREGISTERED or (code == _INVALID and _names_the_token(answer.body)):
        return ProviderRejectedError(
            "the device does not take notifications any more",
            rejection=Rejection.BAD_ADDRESS,
            code=code,
        )
    return ProviderRejectedError(
        "Firebase refused the notification; check the template",
        rejection=Rejection.INVALID,
        code=code or str(answer.status),
    )


def _names_the_token(body: bytes) -> bool:
    """Whether the argument at fault is the token, and not a field of ours."""
    fields = [
        violation.get("field")
        for detail in _details(body)
        for violation in _objects(detail.get("fieldViolations"))
    ]
    if fields:
        return all(field == _TOKEN_FIELD for field in fields)
    words = _error(body).get("message")
    return isinstance(words, str) and _BAD_TOKEN_WORDS in words.lower()


def _vendor_code(body: bytes) -> str | None:
    """Firebase's own code, else the general one of Google's interfaces."""
    codes = [detail.get("errorCode") for detail in _details(body)]
    found = next((code for code in codes if isinstance(code, str)), _error(body).get("status"))
    return found if isinstance(found, str) and found.replace("_", "").isalnum() else None


def _details(body: bytes) -> Iterator[dict[str, object]]:
    return _objects(_error(body).get("details"))


def _error(body: bytes) -> dict[str, object]:
    found = _object(body).get("error")
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _objects(value: object) -> Iterator[dict[str, object]]:
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return (cast("dict[str, object]", entry) for entry in entries if isinstance(entry, dict))


def _object(body: bytes) -> dict[str, object]:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", document) if isinstance(document, dict) else {}
