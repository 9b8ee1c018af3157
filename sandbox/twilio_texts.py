"""Which texts did Twilio take, what became of them, and which numbers does it refuse?"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

from pydantic import JsonValue

from sandbox.segments import segment_count

_PROGRESS = {"accepted": "queued", "queued": "sent", "sent": "delivered"}
_API = "/2010-04-01/Accounts"

OPTED_OUT = 21610


def new_sid(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


class Direction(StrEnum):
    API = "outbound-api"
    REPLY = "outbound-reply"
    INBOUND = "inbound"


@dataclass(slots=True)
class Text:
    """One message resource; its status moves on, so it is the one record here that changes."""

    sid: str
    account_sid: str
    to: str
    sender: str | None
    service: str | None
    body: str
    form: Mapping[str, str]
    created_at: datetime
    status: str = "queued"
    error_code: int | None = None
    pinned: bool = False
    direction: Direction = Direction.API

    @property
    def callback(self) -> str:
        """Where its sender wants to hear of it; empty for nowhere."""
        return self.form.get("StatusCallback", "")

    def advance(self) -> None:
        """One step nearer to delivery, as happens between two looks at a real message."""
        if not self.pinned:
            self.status = _PROGRESS.get(self.status, self.status)

    def resource(self) -> dict[str, JsonValue]:
        created = format_datetime(self.created_at)
        uri = f"{_API}/{self.account_sid}/Messages/{self.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": created,
            "date_sent": None if self.status in {"accepted", "queued"} else created,
            "date_updated": created,
            "direction": self.direction.value,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": self.service,
            "num_media": "0",
            "num_segments": "0" if self.service else str(segment_count(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


class TwilioTexts:
    def __init__(self) -> None:
        self._texts: dict[str, Text] = {}
        self.refusals: dict[str, int] = {}
        """Number, or the beginning of numbers followed by `*`, and the code of the refusal."""
        self.stopped: set[tuple[str, str]] = set()
        """Customer, and the number or service that may not write to them any more."""

    def add(self, text: Text) -> None:
        self._texts[text.sid] = text

    def get(self, sid: str) -> Text | None:
        return self._texts.get(sid)

    def latest_to(self, number: str) -> Text | None:
        """The last text that went to a number."""
        return next((text for text in self.newest_first() if text.to == number), None)

    def newest_first(self) -> list[Text]:
        return list(reversed(self._texts.values()))

    def settle(self, sid: str, status: str, error_code: int | None = None) -> bool:
        """Fix a message's status from now on; False if there is no such message."""
        text = self._texts.get(sid)
        if text is None:
            return False
        text.status, text.error_code, text.pinned = status, error_code, True
        return True

    def refusal_of(self, number: str) -> int | None:
        exact = self.refusals.get(number)
        starts = (
            code
            for start, code in self.refusals.items()
            if start.endswith("*") and number.startswith(start[:-1])
        )
        return exact if exact is not None else next(starts, None)

    def opt_out(self, *numbers: str) -> None:
        self.refusals.update(dict.fromkeys(numbers, OPTED_OUT))

    def opt_in(self, *numbers: str) -> None:
        for number in numbers:
            self.refusals.pop(number, None)

    def set_opt_outs(self, numbers: Iterable[str]) -> None:
        """Replace the list of those who opted out; other refusals stay."""
        others = {number: code for number, code in self.refusals.items() if code != OPTED_OUT}
        self.refusals = others | dict.fromkeys(numbers, OPTED_OUT)

    def clear(self) -> None:
        self._texts.clear()
        self.refusals.clear()
        self.stopped.clear()


@dataclass(frozen=True, slots=True)
class TextFilter:
    """The query of a list call. Limits are inclusive; a bare date means that whole day."""

    account_sid: str
    query: Mapping[str, str]

    def accepts(self, text: Text) -> bool:
        checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
            ("To", lambda value: value == text.to),
            ("From", lambda value: value == text.sender),
            ("DateSent", lambda value: _starts(value).date() == text.created_at.date()),
            ("DateSent>", lambda value: _starts(value) <= text.created_at),
            ("DateSent<", lambda value: text.created_at < _ends(value)),
        )
        return text.account_sid == self.account_sid and all(
            check(self.query[name]) for name, check in checks if name in self.query
        )


def _starts(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ends(value: str) -> datetime:
    whole_day = len(value) == len(date.max.isoformat())
    return _starts(value) + (timedelta(days=1) if whole_day else timedelta(seconds=1))
