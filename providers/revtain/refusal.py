"""Which fault is an answer of Revtain's that grants nothing, whatever was asked?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
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
from providers.retry_after import LONGEST, retry_delay

if TYPE_CHECKING:
    from datetime import datetime

    from providers.transit import Answer

# What Revtain's pages name, for answers that do not say how long.
RATE_PAUSE = timedelta(seconds=60)
MENDING = timedelta(minutes=15)

REFUSED_KEY = "Revtain refuses the API key: check that REVTAIN_API_KEY is live and of this account"
NOT_REVTAIN = "there is no Revtain at this address: check REVTAIN_BASE_URL"
TOO_OFTEN = "Revtain asks us to ask less often"
AWAY = "Revtain is not available"

_DELAY = re.compile(
    r"(?P<number>[0-9]{1,9})(\.[0-9]+)?\s*"
    r"(s|secs?|seconds?|(?P<minutes>m|mins?|minutes?)|(?P<hours>h|hours?))?",
    re.ASCII | re.IGNORECASE,
)
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
# "See other" may follow on something that was done.
_MOVED = frozenset(range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)) - {
    HTTPStatus.SEE_OTHER
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A kind of request, in the words of its faults.

    `lasting` means that it may have done something even though no answer says so.
    """

    no_right: str
    refused: str
    unreadable: str
    lasting: bool = False


def fault(answer: Answer, call: Call, *, now: datetime) -> ProviderError:
    """The fault that an answer is which tells nothing that was asked for.

    Nothing of the vendor's own words goes into its text.
    """
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return unavailable(TOO_OFTEN, answer, _header(answer, now) or _seconds(answer))
    mending = _mending(answer, call)
    if mending is not None:
        return misconfigured(mending, answer)
    if status in _LATER:
        return unavailable(AWAY, answer, _header(answer, now))
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return rejected(call.refused, answer)
    reason = call.unreadable if status < HTTPStatus.BAD_REQUEST else AWAY
    if call.lasting:
        return unknown(reason, answer)
    return unavailable(reason, answer, _header(answer, now))


def _mending(answer: Answer, call: Call) -> str | None:
    """What a person has to mend before anything is answered; None when nothing is."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return REFUSED_KEY
    if answer.status == HTTPStatus.FORBIDDEN:
        return call.no_right
    return NOT_REVTAIN if answer.status in _MOVED or _nowhere(answer) else None


def unreadable(answer: Answer, call: Call) -> ProviderError:
    """The fault that an answer is which says yes, but cannot be read."""
    return (unknown if call.lasting else unavailable)(call.unreadable, answer)


def document(answer: Answer) -> dict[str, object] | None:
    """The JSON object in the body; None when there is none."""
    try:
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def unknown(reason: str, answer: Answer) -> OutcomeUnknownError:
    """Nobody can say what was done."""
    return OutcomeUnknownError(f"{reason} (HTTP {answer.status})")


def unavailable(
    reason: str, answer: Answer, retry_after: timedelta | None = None
) -> ProviderUnavailableError:
    """Nothing was done; it may be asked again."""
    return ProviderUnavailableError(f"{reason} (HTTP {answer.status})", retry_after=retry_after)


def misconfigured(reason: str, answer: Answer) -> ProviderMisconfiguredError:
    """Nothing was done, nor will it be until a person mends something."""
    return ProviderMisconfiguredError(f"{reason} (HTTP {answer.status})", retry_after=MENDING)


def rejected(reason: str, answer: Answer) -> ProviderRejectedError:
    """Nothing was done, nor will it ever be as it was asked."""
    return ProviderRejectedError(reason, rejection=Rejection.INVALID, code=str(answer.status))


def _nowhere(answer: Answer) -> bool:
    """Revtain itself says in JSON what it does not find."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return document(answer) is None
    return answer.status == HTTPStatus.METHOD_NOT_ALLOWED


def _header(answer: Answer, now: datetime) -> timedelta | None:
    return retry_delay(answer.headers.get("Retry-After"), now=now)


def _seconds(answer: Answer) -> timedelta:
    """`retryAfter` is a text with a unit: "60 seconds". At most a day."""
    found = _DELAY.fullmatch(str((document(answer) or {}).get("retryAfter")).strip())
    if found is None:
        return RATE_PAUSE
    unit = "minutes" if found["minutes"] else "hours" if found["hours"] else "seconds"
    return min(timedelta(**{unit: int(found["number"])}), LONGEST)
