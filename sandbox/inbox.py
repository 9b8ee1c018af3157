"""What did the customers receive, and in which order?"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class MessageDraft(BaseModel):
    """All parts of one message to one recipient, as the sender gave them."""

    model_config = ConfigDict(frozen=True)

    channel: Channel
    vendor_id: str
    to: str
    to_name: str = ""
    sender: str = Field(serialization_alias="from")
    sender_name: str = Field(default="", serialization_alias="from_name")
    reply_to: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    categories: tuple[str, ...] = ()
    custom_args: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    segments: int = 0
    payload: dict[str, JsonValue] = Field(default_factory=dict)
    """The whole request as it came: JSON body or form."""


class Message(MessageDraft):
    number: int
    """1 for the first message that arrived, and so on."""
    arrived_at: datetime
    """The story's time, see `SandboxClock.now`."""
    taken_at: datetime
    """The wall clock's time, which the vendor's own answers use."""
    reports: tuple[str, ...] = ()
    """What the vendor knows of its fate, in the order in which it came to know."""


class Reply(BaseModel):
    """A text that a customer wrote back."""

    model_config = ConfigDict(frozen=True)

    sender: str = Field(serialization_alias="from")
    to: str
    text: str
    arrived_at: datetime
    after: int
    """The number of the last message before it."""
    answer: str = ""
    """What came of it, in words."""


@dataclass(frozen=True, slots=True)
class TakenRequest:
    """One accepted request, byte for byte, for checks against the vendor's own description."""

    vendor: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


class Inbox:
    """Every message taken, in order of arrival."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._changed = asyncio.Event()
        self.requests: list[TakenRequest] = []
        self.replies: list[Reply] = []

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, draft: MessageDraft, *, arrived_at: datetime, taken_at: datetime) -> Message:
        message = Message(
            **dict(draft), number=len(self._messages) + 1, arrived_at=arrived_at, taken_at=taken_at
        )
        self._messages.append(message)
        self._changed.set()
        return message

    def find(
        self,
        *,
        to: str | None = None,
        channel: Channel | None = None,
        since: datetime | None = None,
    ) -> list[Message]:
        return [
            message
            for message in self._messages
            if (to is None or message.to.lower() == to.lower())
            and (channel is None or message.channel is channel)
            and (since is None or message.arrived_at >= since)
        ]

    def get(self, number: int) -> Message | None:
        return self._messages[number - 1] if 0 < number <= len(self._messages) else None

    def entries(self) -> list[Message | Reply]:
        """Messages and what was written back, in the order in which they came."""
        found: list[Message | Reply] = [each for each in self.replies if each.after == 0]
        for message in self._messages:
            found.append(message)
            found += [each for each in self.replies if each.after == message.number]
        return found

    def report(self, number: int, word: str) -> None:
        """Note what became of a message."""
        message = self._messages[number - 1]
        told = (*message.reports, word)
        self._messages[number - 1] = message.model_copy(update={"reports": told})

    def report_of(self, vendor_id: str, word: str) -> None:
        """The same by the vendor's id; nothing where no message has it."""
        for message in self._messages:
            if message.vendor_id == vendor_id:
                self.report(message.number, word)

    async def wait_for(
        self,
        count: int,
        *,
        to: str | None = None,
        channel: Channel | None = None,
        within_s: float = 5.0,
    ) -> list[Message]:
        """The matching messages, once there are `count`; TimeoutError if they fail to come."""
        async with asyncio.timeout(within_s):
            while len(found := self.find(to=to, channel=channel)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found

    def clear(self) -> None:
        self._messages.clear()
        self.requests.clear()
        self.replies.clear()
