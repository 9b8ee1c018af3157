"""How long does a vendor ask us to stay away?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def retry_delay(
    retry_after: str | None, reset: str | None = None, *, now: datetime
) -> timedelta | None:
    """The delay that `Retry-After` (seconds or HTTP date), else a unix reset instant, asks for.

    None when neither is there or readable; never negative, at most a day.
    """
    asked = _from_retry_after(retry_after, now)
    if asked is None:
        asked = _from_reset(reset, now)
    if asked is None:
        return None
    return min(max(asked, timedelta()), LONGEST)


def _from_retry_after(value: str | None, now: datetime) -> timedelta | None:
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return timedelta(seconds=float(value))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    # RFC 9110: the date is in GMT; the parser leaves "-0000" without a zone.
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now


def _from_reset(value: str | None, now: datetime) -> timedelta | None:
    if value is None or not _UNIX_SECONDS.fullmatch(value.strip()):
        return None
    return timedelta(seconds=int(value)) - (now - _EPOCH)
