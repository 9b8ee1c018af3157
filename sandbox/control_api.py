"""How is the sandbox steered and read over HTTP by a test or a demonstration?"""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from sandbox.faults import FaultPlan
from sandbox.inbox import Channel, Message
from sandbox.revtain_ledger import Outcome
from sandbox.revtain_webhooks import Delivery, Sending
from sandbox.world import World

router = APIRouter(prefix="/_control")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventOrder(Sending):
    """Exactly one of the three: an event, raw text, or raw bytes in base64."""

    event: dict[str, JsonValue] | None = None
    raw: str | None = None
    raw_base64: str | None = None

    def body(self) -> dict[str, JsonValue] | bytes:
        given = [part for part in (self.event, self.raw, self.raw_base64) if part is not None]
        if len(given) != 1:
            raise HTTPException(422, "Give exactly one of `event`, `raw` and `raw_base64`.")
        if self.event is not None:
            return self.event
        return (self.raw or "").encode() if self.raw is not None else self._decoded()

    def _decoded(self) -> bytes:
        try:
            return base64.b64decode(self.raw_base64 or "", validate=True)
        except ValueError as error:
            raise HTTPException(422, "`raw_base64` is not base64.") from error


class Release(_Strict):
    order: list[int] | None = None


class WebhookTarget(_Strict):
    url: str | None
    secret: str | None = None


class Settlement(_Strict):
    outcome: Outcome


class TextStatus(_Strict):
    status: str
    error_code: int | None = None


class StoryTime(_Strict):
    now: AwareDatetime | None


class Clock(_Strict):
    now: datetime
    wall: datetime


@router.get("/messages")
def messages(
    world: World,
    to: str | None = None,
    channel: Channel | None = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
) -> list[Message]:
    return world.inbox.find(to=to, channel=channel, since=since)


@router.post("/clock")
def set_clock(story: StoryTime, world: World) -> Clock:
    world.clock.set(story.now)
    return Clock(now=world.clock.now(), wall=world.clock.wall())


@router.post("/reset", status_code=204)
async def reset(world: World) -> None:
    await world.reset()


@router.get("/faults")
def list_faults(world: World) -> list[FaultPlan]:
    return world.faults.plans()


@router.post("/faults", status_code=201)
def add_fault(plan: FaultPlan, world: World) -> FaultPlan:
    world.faults.add(plan)
    return plan


@router.delete("/faults", status_code=204)
def clear_faults(world: World) -> None:
    world.faults.clear()


@router.put("/twilio/refusals")
def set_refusals(
    refusals: dict[str, Annotated[int, Field(ge=10000, le=99999)]], world: World
) -> dict[str, int]:
    """Number, or beginning of numbers with `*`, to the error code that Twilio answers with."""
    world.texts.refusals = dict(refusals)
    return world.texts.refusals


@router.put("/twilio/opt-outs")
def set_opt_outs(numbers: list[str], world: World) -> dict[str, int]:
    """Who has told the sender to stop; replaces the list."""
    world.texts.set_opt_outs(numbers)
    return world.texts.refusals


@router.post("/twilio/messages/{sid}", status_code=204)
def settle_text(sid: str, wanted: TextStatus, world: World) -> None:
    if not world.texts.settle(sid, wanted.status, wanted.error_code):
        raise HTTPException(404, f"No text has the id {sid}.")


@router.put("/fcm/unregistered")
def unregister_devices(tokens: list[str], world: World) -> list[str]:
    """The app was removed from these devices too; answers with all that are gone."""
    world.devices.unregister(tokens)
    return world.devices.gone


@router.post("/revtain/events")
async def fire_event(order: EventOrder, world: World) -> list[Delivery]:
    """Sends to the merchant; answers when each copy was tried once, or is held."""
    if world.webhooks.url is None:
        raise HTTPException(409, "No webhook URL is set; PUT one to /_control/revtain/webhook.")
    return await world.webhooks.fire(order.body(), order)


@router.post("/revtain/release")
async def release_events(release: Release, world: World) -> list[Delivery]:
    try:
        return await world.webhooks.release(release.order)
    except KeyError as error:
        raise HTTPException(404, f"No held delivery has the number {error}.") from error


@router.get("/revtain/deliveries")
def deliveries(world: World) -> list[Delivery]:
    return world.webhooks.deliveries


@router.put("/revtain/webhook", status_code=204)
def set_webhook(target: WebhookTarget, world: World) -> None:
    world.webhooks.url = target.url
    if target.secret is not None:
        world.webhooks.secret = target.secret


@router.put("/revtain/outcomes")
def set_outcomes(outcomes: dict[str, Outcome], world: World) -> dict[str, Outcome]:
    """Payment method token to the outcome of every attempt with it."""
    world.ledger.outcomes = dict(outcomes)
    return world.ledger.outcomes


@router.post("/revtain/transactions/{transaction_id}")
async def settle_transaction(
    transaction_id: str, settlement: Settlement, world: World
) -> list[Delivery]:
    """The outcome of a queued attempt has come: record it and tell the merchant."""
    transaction = world.ledger.get(transaction_id)
    if transaction is None:
        raise HTTPException(404, f"No transaction has the id {transaction_id}.")
    transaction.settle(settlement.outcome, world.clock.now())
    return await world.webhooks.fire(transaction.event())
