"""What does Twilio say of a text it took? The same for a callback and for an answer it is asked."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, cast

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence, Report, ReportEntry
from dunning.errors import UnreadableBodyError

if TYPE_CHECKING:
    from collections.abc import Mapping

SID, STATUS, CODE, TO = "MessageSid", "MessageStatus", "ErrorCode", "To"
# Of our own: the message's id comes back in the address that Twilio was given, and only an answer
# that Twilio was asked for says when.
OUR_ID, UPDATED_AT = "message_id", "updated_at"
_LONGEST_WORD = 200
_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)
_STATES = {
    "accepted": Delivery.ACCEPTED,
    "scheduled": Delivery.ACCEPTED,
    "queued": Delivery.QUEUED,
    "sending": Delivery.PROCESSED,
    "sent": Delivery.SENT_ON,
    "canceled": Delivery.CANCELED,
    "undelivered": Delivery.UNDELIVERED,
    "partially_delivered": Delivery.UNDELIVERED,
    "failed": Delivery.FAILED,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
}
# https://www.twilio.com/docs/api/errors
_EVIDENCE = {
    "21211": Evidence.NO_SUCH_ADDRESS,
    "21614": Evidence.NO_SUCH_ADDRESS,
    "30005": Evidence.NO_SUCH_ADDRESS,
    "30006": Evidence.NO_SUCH_ADDRESS,
    "21610": Evidence.OPTED_OUT,
    "30004": Evidence.FILTERED,
    "30007": Evidence.FILTERED,
}
_MEND = {
    "30002": "Twilio has suspended the account: settle it in Twilio's console",
    "30007": "carriers filter these texts: check their words and the sender's registration",
    "30034": "the sender is not registered for texts to the United States: register its brand and"
    " campaign (A2P 10DLC) with Twilio",
}
_WENT_WRONG = frozenset({Delivery.UNDELIVERED, Delivery.FAILED})


class TwilioStatusReader:
    """Tolerant of everything but the text's id and status; an unknown status has no state."""

    def entry(self, fields: Mapping[str, str], message_id: str | None) -> ReportEntry:
        """A callback as it is stored. Raise `UnreadableBodyError` when it names no text."""
        sid, status = fields.get(SID), fields.get(STATUS)
        if not sid or not status:
            raise UnreadableBodyError(f"the form has no {SID} or no {STATUS}")
        kept = {**fields, OUR_ID: message_id} if message_id else dict(fields)
        code = fields.get(CODE) or "0"
        return ReportEntry(
            name=status,
            identity=json.dumps([sid, status, code]).encode(),
            body=json.dumps(kept, separators=(",", ":")).encode(),
        )

    def read(self, body: bytes) -> Report:
        """What one stored callback says."""
        fields = cast("Mapping[str, str]", json.loads(body))
        state, code = _STATES.get(fields[STATUS]), _code(fields.get(CODE))
        return Report(
            channel=Channel.SMS,
            name=fields[STATUS],
            message_id=_word(fields, OUR_ID),
            provider_ids=(fields[SID],),
            state=state,
            code=code,
            at=_instant(fields.get(UPDATED_AT)),
            address=_word(fields, TO),
            evidence=_EVIDENCE.get(code or "") if state in _WENT_WRONG else None,
            mend=_MEND.get(code or "") if state in _WENT_WRONG else None,
        )


def _code(given: str | None) -> str | None:
    if given is None or not _CODE.fullmatch(given) or not int(given):
        return None
    return given


def _word(fields: Mapping[str, str], key: str) -> str | None:
    found = fields.get(key)
    return found if found and len(found) <= _LONGEST_WORD else None


def _instant(given: str | None) -> datetime | None:
    return datetime.fromisoformat(given) if given else None
