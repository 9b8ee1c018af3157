"""What becomes of a customer's reply? Read, kept and obeyed, at the door or after a crash there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.inbound_text import InboundText, TextVendor
from dunning.replies import Meaning, Reading
from messages.reply_meaning import read_reply
from store.inbox import ClaimedEvent
from store.replies import NewReply, Replies, Taken
from webhook.form import fields
from webhook.handling import Done

if TYPE_CHECKING:
    from messages.reply_answers import ReplyAnswers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHandler:
    """Handles stored replies; one that the door has obeyed already stays as it is."""

    source: str
    vendor: TextVendor
    replies: Replies

    async def handle(self, event: ClaimedEvent) -> Done:
        """Keep and obey what the event says, once."""
        text = self.vendor.read(fields(event.body))
        taken, _ = await self.take(text)
        return taken.invoice_id, f"reply: {taken.meaning}"

    async def take(self, text: InboundText) -> tuple[Taken, Reading]:
        """What the vendor took it for holds, else what we understand of it."""
        reading = read_reply(text.body)
        if text.told is not None:
            reading = Reading(meaning=text.told, language=reading.language)
        reply = NewReply(
            source=self.source,
            vendor_id=text.vendor_id,
            address=text.sender,
            body=text.body,
            reading=reading,
        )
        return await self.replies.take(reply), reading


def answer(answers: ReplyAnswers, text: InboundText, taken: Taken, reading: Reading) -> str | None:
    """One confirmation, unless the vendor gave it; a second stop in a row is obeyed in silence."""
    if text.answered or (taken.meaning is Meaning.STOP and not taken.changed):
        return None
    return answers.to(taken.meaning, locale=taken.locale, heard=reading.language)
