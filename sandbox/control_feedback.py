"""How are the vendors' reports, replies and limits steered over HTTP?"""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from sandbox.courier import Post
from sandbox.inbox import Message, Reply
from sandbox.manner import Manner
from sandbox.rates import SendGridLimit, TwilioLimit
from sandbox.sendgrid_events import Event
from sandbox.twilio_callbacks import Fate
from sandbox.twilio_replies import NoAddressError, TwimlAnswer
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/_control")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(_Strict):
    url: str | None


class ShownKey(_Strict):
    public_key: str


class MailReport(Manner):
    """`message` is the number of a message, as `GET /_control/messages` shows it."""

    message: int
    events: list[Event] = Field(min_length=1)


class TextReport(Manner):
    sid: str
    statuses: list[str] = Field(min_length=1)
    error_code: int | None = None


class TextReply(Manner):
    sender: str = Field(alias="from")
    body: str
    to: str | None = None
    opt_out_type: str | None = None


class Limits(_Strict):
    sendgrid: SendGridLimit | None = None
    twilio: TwilioLimit | None = None


@router.get("/sendgrid/event-key")
def event_key(world: World) -> ShownKey:
    """What a merchant enters as the verification key of the Event Webhook."""
    return ShownKey(public_key=world.mail_events.event_public_key)


@router.put("/sendgrid/webhook", status_code=204)
def set_events_address(target: Address, world: World) -> None:
    world.mail_events.send_events_to(target.url)


@router.put("/sendgrid/fates")
def set_mail_fates(fates: dict[str, list[Event]], world: World) -> dict[str, list[Event]]:
    """Address, or `*@domain`, to the events of each of its mails; replaces all."""
    world.mail_events.fates.clear()
    for address, events in fates.items():
        world.mail_events.set_fate(address, *events)
    return fates


@router.post("/sendgrid/events")
async def report_mail(order: MailReport, world: World) -> list[Post]:
    """Report on one message now; answers when each copy was tried once."""
    if world.mail_events.url is None:
        raise HTTPException(409, "No address is set; PUT one to /_control/sendgrid/webhook.")
    message = _message(world, order.message)
    return await world.mail_events.report(message, *order.events, manner=order)


@router.get("/sendgrid/deliveries")
def mail_deliveries(world: World) -> list[Post]:
    return world.mail_events.deliveries


@router.put("/twilio/webhook", status_code=204)
def set_replies_address(target: Address, world: World) -> None:
    """Where incoming texts go; statuses go where each text asks for."""
    world.replies.url = target.url


@router.put("/twilio/fates")
def set_text_fates(fates: dict[str, Fate], world: World) -> dict[str, Fate]:
    """Number to what becomes of its texts; replaces all."""
    world.callbacks.fates = dict(fates)
    return fates


@router.post("/twilio/statuses")
async def report_text(order: TextReport, world: World) -> list[Post]:
    """Report on one text now."""
    text = world.texts.get(order.sid)
    if text is None:
        raise HTTPException(404, f"No text has the id {order.sid}.")
    return await world.callbacks.report(
        text, *order.statuses, error_code=order.error_code, manner=order
    )


@router.post("/twilio/replies")
async def reply(order: TextReply, world: World) -> TwimlAnswer:
    """A customer writes; answers with what the merchant said to it."""
    try:
        return await world.replies.reply(
            order.sender,
            order.body,
            to=order.to,
            opt_out_type=order.opt_out_type,
            manner=order,
        )
    except NoAddressError as error:
        raise HTTPException(409, f"{error} PUT one to /_control/twilio/webhook.") from error


@router.get("/twilio/replies")
def replies(world: World) -> list[Reply]:
    return world.inbox.replies


@router.get("/twilio/deliveries")
def text_deliveries(world: World) -> list[Post]:
    return world.twilio_post.deliveries


@router.put("/rates")
def set_rates(limits: Limits, world: World) -> Limits:
    """What is not named stays."""
    if limits.sendgrid is not None:
        world.mail_rate.set(limits.sendgrid)
    if limits.twilio is not None:
        world.text_rate.limit = limits.twilio
    return Limits(sendgrid=world.mail_rate.limit, twilio=world.text_rate.limit)


@router.post("/reported", status_code=204)
async def reported(world: World, within_s: Annotated[float, Field(gt=0, le=60)] = 5.0) -> None:
    """Answers once every report was tried."""
    try:
        await world.courier.reported(within_s)
    except TimeoutError as error:
        raise HTTPException(504, f"{world.courier.untold} reports were not tried yet.") from error


def _message(world: SandboxWorld, number: int) -> Message:
    message = world.inbox.get(number)
    if message is None:
        raise HTTPException(404, f"There is no message {number}.")
    return message
