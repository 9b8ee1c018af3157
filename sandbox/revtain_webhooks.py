"""How do Revtain's events reach the merchant: signed, again and again, in whatever order?"""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sandbox.clock import SandboxClock
from sandbox.courier import Attempt, Courier, DeliveryState, waits_between
from sandbox.revtain_ledger import RevtainLedger
from sandbox.settings import SandboxSettings

SIGNATURE_HEADER = "X-Revtain-Signature"
_ACCEPTED = 200


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def compact(event: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


class Delivery(BaseModel):
    """One event on its way; grows by an attempt at a time."""

    number: int
    raw: bytes = Field(exclude=True, repr=False)
    body: str
    """The bytes as text, for people to read."""
    signature: str
    forged: bool = False
    state: DeliveryState = DeliveryState.PENDING
    attempts: list[Attempt] = Field(default_factory=list[Attempt])


class Sending(BaseModel):
    """What is out of the ordinary about this sending."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    forge: bool = False
    """Sign with another key than the merchant's."""
    signature: str | None = None
    """Send this in place of a signature; empty leaves the header out."""
    repeat: int = Field(default=1, ge=1, le=10_000)
    redeliver: bool | None = None
    """Try again until a 200 comes; by default yes, except for what is forged."""
    time_factor: float | None = Field(default=None, ge=0)
    hold: bool = False


class RevtainWebhooks:
    def __init__(
        self, settings: SandboxSettings, clock: SandboxClock, ledger: RevtainLedger
    ) -> None:
        self._ledger = ledger
        self.url = settings.webhook_url
        self.secret = settings.webhook_secret
        self.deliveries: list[Delivery] = []
        self._settings = settings
        self._clock = clock
        self._courier = Courier(settings, clock)

    async def fire(
        self, event: Mapping[str, JsonValue] | bytes, sending: Sending | None = None
    ) -> list[Delivery]:
        """Send an event; returns when each copy has been tried once, or is held."""
        sending = sending or Sending()
        if not isinstance(event, bytes) and not sending.forge:
            self._ledger.note(event)
        body = event if isinstance(event, bytes) else compact(event)
        deliveries = [self._book(body, sending) for _ in range(sending.repeat)]
        if not sending.hold:
            for delivery in deliveries:
                await self._start(delivery, sending)
        return deliveries

    def post_later(self, event: Mapping[str, JsonValue]) -> None:
        """Send without being waited for; nothing happens while no target is set."""
        if self.url is not None:
            self._courier.start(self._fire_quietly(event))

    async def release(self, order: Sequence[int] | None = None) -> list[Delivery]:
        """Send held deliveries, by number; a number may come again, for a duplicate."""
        held = {each.number: each for each in self.deliveries if each.state is DeliveryState.HELD}
        chosen = [held[number] for number in (order if order is not None else held)]
        released: list[Delivery] = []
        for original in chosen:
            repeated = original.state is not DeliveryState.HELD
            delivery = self._copy(original) if repeated else original
            delivery.state = DeliveryState.PENDING
            await self._start(delivery, Sending())
            released.append(delivery)
        return released

    async def settled(self, within_s: float = 5.0) -> None:
        """Wait until nothing is on its way any more."""
        await self._courier.settled(within_s)

    async def reset(self) -> None:
        await self._courier.reset()
        self.deliveries.clear()

    async def close(self) -> None:
        await self._courier.close()

    def _book(self, body: bytes, sending: Sending) -> Delivery:
        secret = secrets.token_hex() if sending.forge else self.secret
        shown = signature(secret, body) if sending.signature is None else sending.signature
        delivery = Delivery(
            number=len(self.deliveries) + 1,
            raw=body,
            body=body.decode(errors="replace"),
            signature=shown,
            forged=sending.forge or sending.signature is not None,
            state=DeliveryState.HELD if sending.hold else DeliveryState.PENDING,
        )
        self.deliveries.append(delivery)
        return delivery

    def _copy(self, original: Delivery) -> Delivery:
        copy = original.model_copy(update={"number": len(self.deliveries) + 1, "attempts": []})
        self.deliveries.append(copy)
        return copy

    async def _fire_quietly(self, event: Mapping[str, JsonValue]) -> None:
        await self.fire(event)

    async def _start(self, delivery: Delivery, sending: Sending) -> None:
        """Make the first attempt now and leave the rest of the schedule to the background."""
        factor = self._settings.time_factor if sending.time_factor is None else sending.time_factor
        again = not delivery.forged if sending.redeliver is None else sending.redeliver
        schedule = self._settings.redelivery_s
        await asyncio.sleep(schedule[0] * factor)
        if await self._attempt(delivery):
            delivery.state = DeliveryState.ACCEPTED
        elif again:
            self._courier.start_again(self._redeliver(delivery, waits_between(schedule, factor)))
        else:
            delivery.state = DeliveryState.GIVEN_UP

    async def _redeliver(self, delivery: Delivery, waits: Sequence[float]) -> None:
        for wait in waits:
            await asyncio.sleep(wait)
            if await self._attempt(delivery):
                delivery.state = DeliveryState.ACCEPTED
                return
        delivery.state = DeliveryState.GIVEN_UP

    async def _attempt(self, delivery: Delivery) -> bool:
        headers = {"Content-Type": "application/json"}
        if delivery.signature:
            headers[SIGNATURE_HEADER] = delivery.signature
        if self.url is None:
            attempt = Attempt(at=self._clock.now(), error="no webhook URL is set")
        else:
            attempt = await self._courier.post(self.url, delivery.raw, headers)
        delivery.attempts.append(attempt)
        return attempt.status == _ACCEPTED
