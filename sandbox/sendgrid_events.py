"""What does SendGrid say of a mail's fate, to the letter?"""

import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, TypeAdapter

from sandbox.inbox import Message


class EventKind(StrEnum):
    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCE = "bounce"
    DROPPED = "dropped"
    OPEN = "open"
    CLICK = "click"
    SPAM_REPORT = "spamreport"
    UNSUBSCRIBE = "unsubscribe"
    GROUP_UNSUBSCRIBE = "group_unsubscribe"
    GROUP_RESUBSCRIBE = "group_resubscribe"


_SERVER = {"ip": "203.0.113.25"}
_READER = {"ip": "198.51.100.7", "useragent": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15"}
_GROUP: Mapping[str, JsonValue] = {
    **_READER,
    "asm_group_id": 7,
    "url": "https://u1.ct.example/asm/unsubscribe/?user_id=1",
}
_DETAILS: Mapping[EventKind, Mapping[str, JsonValue]] = {
    EventKind.PROCESSED: {},
    EventKind.DEFERRED: {
        **_SERVER,
        "response": "450 4.2.1 The mailbox is busy, try again later",
        "attempt": "3",
        "domain": "example.com",
        "tls": 0,
    },
    EventKind.DELIVERED: {**_SERVER, "response": "250 2.0.0 OK", "tls": 1},
    EventKind.BOUNCE: {
        **_SERVER,
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "status": "5.1.1",
        "type": "bounce",
        "bounce_classification": "Invalid Address",
        "tls": 1,
    },
    EventKind.DROPPED: {"reason": "Bounced Address", "status": "5.0.0"},
    EventKind.OPEN: {**_READER, "sg_content_type": "html", "sg_machine_open": False},
    EventKind.CLICK: {
        **_READER,
        "url": "https://shop.example/",
        "url_offset": {"index": 0, "type": "html"},
    },
    EventKind.SPAM_REPORT: {},
    EventKind.UNSUBSCRIBE: {},
    EventKind.GROUP_UNSUBSCRIBE: _GROUP,
    EventKind.GROUP_RESUBSCRIBE: _GROUP,
}
_BLOCKED = {
    "type": "blocked",
    "reason": "421 4.7.0 This message was refused by policy for the time being.",
    "status": "4.7.0",
    "bounce_classification": "Reputation",
}
# Of what the reader does, the vendor does not name the message on the wire.
_WITHOUT_SMTP_ID = {EventKind.OPEN, EventKind.CLICK}


class MailEvent(BaseModel):
    """A kind of event; `details` replace or extend what the vendor says of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: EventKind
    details: dict[str, JsonValue] = {}

    @property
    def word(self) -> str:
        """What a person reads; a bounce that will pass is called blocked."""
        return "blocked" if self.details.get("type") == "blocked" else self.event.value


def _in_full(given: object) -> object:
    """A bare word stands for the event; `blocked` is the bounce that will pass."""
    if given == "blocked":
        return {"event": EventKind.BOUNCE, "details": _BLOCKED}
    return {"event": given} if isinstance(given, str) else given


Event = Annotated[MailEvent, BeforeValidator(_in_full)]
_EVENT: TypeAdapter[MailEvent] = TypeAdapter(Event)


def event_of(given: MailEvent | str) -> MailEvent:
    return _EVENT.validate_python(given)


def described(message: Message, event: MailEvent, timestamp: int) -> dict[str, JsonValue]:
    """One object of the array; the sender's own arguments stand beside the vendor's keys."""
    smtp = {} if event.event in _WITHOUT_SMTP_ID else {"smtp-id": _smtp_id(message)}
    return {
        **message.custom_args,
        "email": message.to,
        "timestamp": timestamp,
        **smtp,
        "event": event.event.value,
        "category": list(message.categories),
        "sg_event_id": secrets.token_urlsafe(16),
        "sg_message_id": f"{message.vendor_id}.filterdrecv-5645d9c87f-n2bvr-1-5D6F1F2A-1F.0",
        **_DETAILS[event.event],
        **event.details,
    }


def _smtp_id(message: Message) -> str:
    return f"<{message.vendor_id}@geopod-ismtpd-1>"
