"""How do customers' replies come in? The door for them, if the account's token is known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.feedback import twilio_signature
from messages.reply_answers import ReplyAnswers
from providers.twilio.inbound import TwilioTexts
from providers.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER
from webhook.inbound_door import InboundDoor
from webhook.replies import ReplyHandler

if TYPE_CHECKING:
    from app.settings import Settings
    from dunning.policy import Policy
    from store.inbox import Inbox
    from store.replies import Replies

SOURCE = "twilio.inbound"
PATH = "/webhooks/twilio/inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What replies need: where they are stored, and what the answers say."""

    inbox: Inbox
    replies: Replies
    policy: Policy
    arrived: asyncio.Event


def handler(settings: Settings, replies: Replies) -> ReplyHandler:
    """Handles the replies that the door has stored."""
    vendor = TwilioTexts(keywords_answered=settings.twilio_opt_out_handling.by_vendor)
    return ReplyHandler(source=SOURCE, vendor=vendor, replies=replies)


def door(settings: Settings, inbound: Inbound) -> InboundDoor | None:
    """The door; none without the secret that Twilio signs with."""
    signature = twilio_signature(settings)
    if signature is None:
        return None
    policy = inbound.policy
    return InboundDoor(
        url=f"{settings.public_url}{PATH}",
        signature_header=SIGNATURE_HEADER,
        settings_header=SETTINGS_HEADER,
        signature=signature,
        handler=handler(settings, inbound.replies),
        inbox=inbound.inbox,
        answers=ReplyAnswers(brand=policy.brand, locale=policy.account.locale),
        arrived=inbound.arrived,
    )
