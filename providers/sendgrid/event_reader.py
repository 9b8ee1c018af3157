"""What do SendGrid's events say of our emails? One array on the wire, one report for each."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence, Report, ReportEntry
from dunning.errors import UnreadableBodyError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WORD = 200
_ENHANCED_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
_STATES = {
    "processed": Delivery.PROCESSED,
    "deferred": Delivery.DEFERRED,
    "delivered": Delivery.DELIVERED,
    "bounce": Delivery.BOUNCED,
    "blocked": Delivery.UNDELIVERED,
    "dropped": Delivery.DROPPED,
    "spamreport": Delivery.COMPLAINED,
    "unsubscribe": Delivery.UNSUBSCRIBED,
    "group_unsubscribe": Delivery.UNSUBSCRIBED,
    "group_resubscribe": Delivery.RESUBSCRIBED,
}
_EVIDENCE = {
    "bounce": Evidence.NO_SUCH_ADDRESS,
    "spamreport": Evidence.COMPLAINT,
    "unsubscribe": Evidence.UNSUBSCRIBED,
    "group_unsubscribe": Evidence.UNSUBSCRIBED,
    "group_resubscribe": Evidence.RESUBSCRIBED,
}
# Reasons of `dropped`, in small letters: why, in our words, and what that says of the address.
# Every other reason speaks of the message or of the account.
_DROPS: Mapping[str, tuple[str, Evidence]] = {
    "bounced address": ("bounced_address", Evidence.NO_SUCH_ADDRESS),
    "invalid": ("invalid_address", Evidence.NO_SUCH_ADDRESS),
    "invalid address": ("invalid_address", Evidence.NO_SUCH_ADDRESS),
    "spam reporting address": ("spam_reporting_address", Evidence.COMPLAINT),
    "unsubscribed address": ("unsubscribed_address", Evidence.UNSUBSCRIBED),
}
_OTHER_DROP = "not_attempted"
# The vendor's id of a message grows while it is on its way.
_GROWN = re.compile(r"\.(?:filter|recvd)", re.ASCII)


class SendGridEventReader:
    """Tolerant of everything but the array itself; unknown events are reports without a state."""

    def entries(self, body: bytes) -> list[ReportEntry]:
        """Each event to be stored. Raise `UnreadableBodyError` when it is no array of events."""
        try:
            document: object = json.loads(body)
            if not isinstance(document, list):
                raise UnreadableBodyError("the body is not a JSON array of events")
            return [_entry(event) for event in cast("list[object]", document)]
        except (ValueError, RecursionError):
            raise UnreadableBodyError("the body is not JSON") from None

    def read(self, body: bytes) -> Report:
        """What one stored event says."""
        event = cast("Mapping[str, object]", json.loads(body))
        name = _word(event, "event") or ""
        code, evidence = _meaning(name, event)
        kind = "blocked" if name == "bounce" and _is_soft(event) else name
        return Report(
            channel=Channel.EMAIL,
            name=name,
            message_id=_word(event, "dunning_message_id"),
            provider_ids=_provider_ids(_word(event, "sg_message_id")),
            state=_STATES.get(kind),
            code=code,
            at=_instant(event.get("timestamp")),
            address=_word(event, "email"),
            evidence=evidence,
        )


def _entry(event: object) -> ReportEntry:
    body = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(body).digest()
    if not isinstance(event, dict):
        problem = "the entry is not a JSON object"
        return ReportEntry(name="", identity=digest, body=body, problem=problem)
    fields = cast("Mapping[str, object]", event)
    name, event_id = _word(fields, "event"), _word(fields, "sg_event_id")
    return ReportEntry(
        name=name or "",
        identity=event_id.encode("utf-8", "replace") if event_id else digest,
        body=body,
        problem=None if name else "the entry does not name its event",
    )


def _meaning(name: str, event: Mapping[str, object]) -> tuple[str | None, Evidence | None]:
    """The code that is shown, and what the event says of the address."""
    if name == "dropped":
        return _drop(_word(event, "reason") or "")
    status = _word(event, "status") or ""
    code = status if _ENHANCED_STATUS.fullmatch(status) else None
    if name == "bounce" and _is_soft(event):
        return code, None
    return code, _EVIDENCE.get(name)


def _drop(reason: str) -> tuple[str, Evidence | None]:
    return _DROPS.get(reason.strip().lower(), (_OTHER_DROP, None))


def _is_soft(event: Mapping[str, object]) -> bool:
    """Whether a bounce says nothing of the address: the vendor calls that blocked."""
    return event.get("type") == "blocked"


def _provider_ids(grown: str | None) -> tuple[str, ...]:
    """All that the vendor may have called it when it took it, the likeliest first."""
    if grown is None:
        return ()
    cut = _GROWN.split(grown, maxsplit=1)[0]
    parts = grown.split(".")
    shorter = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return tuple(dict.fromkeys((cut, *shorter)))


def _word(event: Mapping[str, object], key: str) -> str | None:
    found = event.get(key)
    return found if isinstance(found, str) and 0 < len(found) <= _LONGEST_WORD else None


def _instant(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
