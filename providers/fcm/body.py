"""How does one notification look to Firebase Cloud Messaging?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.ports import PushMessage

# The vendor's limits of a time to live.
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(weeks=4)


def push_body(message: PushMessage, *, now: datetime) -> dict[str, object]:
    """The JSON object of `messages:send`. No device shows it after `valid_for`."""
    held = min(max(message.valid_for, _SHORTEST), _LONGEST)
    seconds = int(held.total_seconds())
    web: dict[str, object] = {"headers": {"TTL": str(seconds)}}
    # The vendor refuses a link of web push that is not https.
    if message.link.startswith("https://"):
        web["fcm_options"] = {"link": message.link}
    return {
        "message": {
            "token": message.token,
            "notification": {"title": message.title, "body": message.body},
            "data": _data(message),
            "android": {"ttl": f"{seconds}s"},
            "apns": {"headers": {"apns-expiration": str(int((now + held).timestamp()))}},
            "webpush": web,
        }
    }


def _data(message: PushMessage) -> dict[str, str]:
    """What the app itself reads: where a tap leads, and our ids."""
    tags = message.tags
    return {
        "link": message.link,
        "message_id": tags.message_id,
        "case_id": tags.case_id,
        "step": tags.step,
    }
