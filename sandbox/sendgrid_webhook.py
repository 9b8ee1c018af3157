"""How does SendGrid tell the merchant what became of a mail: signed, again and again?"""

import asyncio
import json
from collections.abc import Mapping, Sequence

from sandbox.clock import SandboxClock
from sandbox.courier import Attempt, Courier, DeliveryState, Post, waits_between
from sandbox.inbox import Inbox, Message
from sandbox.manner import ORDINARY, Manner
from sandbox.sendgrid_events import EventKind, MailEvent, described, event_of
from sandbox.sendgrid_key import SIGNATURE_HEADER, EventKey
from sandbox.settings import SandboxSettings

_ARRIVES = (MailEvent(event=EventKind.PROCESSED), MailEvent(event=EventKind.DELIVERED))


class SendGridWebhook:
    """Off until it is given an address; then each accepted mail is reported by itself."""

    def __init__(
        self, settings: SandboxSettings, clock: SandboxClock, inbox: Inbox, courier: Courier
    ) -> None:
        self.url = settings.sendgrid_events_url
        self.fates: dict[str, tuple[MailEvent, ...]] = {}
        """Address, or `*` and its end (`*@example.com`), to the events of each of its mails."""
        self.deliveries: list[Post] = []
        self._key = EventKey.of(settings.sendgrid_event_key)
        self._settings = settings
        self._clock = clock
        self._inbox = inbox
        self._courier = courier

    @property
    def event_public_key(self) -> str:
        return self._key.public

    def send_events_to(self, url: str | None) -> None:
        self.url = url

    def set_fate(self, address: str, *events: MailEvent | str) -> None:
        """What becomes of mails to an address from now on; no event at all is silence."""
        self.fates[address.lower()] = tuple(event_of(event) for event in events)

    def accepted(self, messages: Sequence[Message]) -> None:
        """Report by itself, a while after the mail was taken."""
        if self.url is None:
            return
        delay = Manner(delay_s=self._settings.reports_after_s * self._settings.time_factor)
        for message in messages:
            if events := self._fate_of(message.to):
                self._courier.start(self._tell_later(self._book(message, events, delay), delay))

    async def report(
        self, message: Message, *events: MailEvent | str, manner: Manner = ORDINARY
    ) -> list[Post]:
        """Report of a message by hand; returns when each copy was tried once, or is delayed."""
        told = tuple(event_of(event) for event in events)
        posts = self._book(message, told, manner)
        if manner.delay_s:
            self._courier.start(self._tell_later(posts, manner))
        else:
            await self._tell(posts, manner)
        return [post for post, _ in posts]

    def clear(self) -> None:
        self.fates.clear()
        self.deliveries.clear()

    def _fate_of(self, address: str) -> tuple[MailEvent, ...]:
        exact = self.fates.get(address.lower())
        if exact is not None:
            return exact
        ends = (
            events
            for pattern, events in self.fates.items()
            if pattern.startswith("*") and address.lower().endswith(pattern[1:])
        )
        return next(ends, _ARRIVES)

    def _book(
        self, message: Message, events: Sequence[MailEvent], manner: Manner
    ) -> list[tuple[Post, bytes]]:
        """Write the array down; copies carry the same event ids, as the vendor's do."""
        for event in events:
            self._inbox.report(message.number, event.word)
        last = int(self._clock.now().timestamp())
        array = [
            described(message, event, last - later)
            for later, event in zip(reversed(range(len(events))), events, strict=True)
        ]
        shown = array[::-1] if manner.reordered else array
        raw = manner.cut(json.dumps(shown, separators=(",", ":")).encode())
        return [(self._post_of(raw), raw) for _ in range(manner.repeat)]

    def _post_of(self, raw: bytes) -> Post:
        number = len(self.deliveries) + 1
        post = Post(number=number, url=self.url or "", body=raw.decode(errors="replace"))
        self.deliveries.append(post)
        return post

    async def _tell_later(self, posts: Sequence[tuple[Post, bytes]], manner: Manner) -> None:
        await asyncio.sleep(manner.delay_s)
        await self._tell(posts, manner)

    async def _tell(self, posts: Sequence[tuple[Post, bytes]], manner: Manner) -> None:
        """Try each once now, and leave the rest of the schedule to the background."""
        again = not manner.is_false if manner.redeliver is None else manner.redeliver
        for post, raw in posts:
            if await self._attempt(post, raw, manner):
                post.state = DeliveryState.ACCEPTED
            elif again:
                self._courier.start_again(self._redeliver(post, raw, manner))
            else:
                post.state = DeliveryState.GIVEN_UP

    async def _redeliver(self, post: Post, raw: bytes, manner: Manner) -> None:
        settings = self._settings
        for wait in waits_between(settings.sendgrid_redelivery_s, settings.time_factor):
            await asyncio.sleep(wait)
            if await self._attempt(post, raw, manner):
                post.state = DeliveryState.ACCEPTED
                return
        post.state = DeliveryState.GIVEN_UP

    async def _attempt(self, post: Post, raw: bytes, manner: Manner) -> bool:
        if not post.url:
            attempt = Attempt(at=self._clock.now(), error="no address for events is set")
        else:
            post.headers = self._headers(raw, manner)
            attempt = await self._courier.post(post.url, manner.on_the_way(raw), post.headers)
        post.attempts.append(attempt)
        return attempt.accepted

    def _headers(self, raw: bytes, manner: Manner) -> dict[str, str]:
        """Signed anew for each attempt, at the wall clock's time, by which receivers judge."""
        key = EventKey.of(None) if manner.forge else self._key
        timestamp = int(self._clock.wall().timestamp() - manner.age_s)
        signed: Mapping[str, str] = key.headers(raw, timestamp)
        kept = {"Content-Type": "application/json;charset=utf-8", **signed}
        if manner.signature is not None:
            kept[SIGNATURE_HEADER] = manner.signature
        return {name: value for name, value in kept.items() if value}
